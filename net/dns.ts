/**
 * Resolving names with the default resolver.
 *
 * @module
 */

import type { DnsRecords, HostAddress } from "./dns_records.ts";
import { type LookupOptions, type ResolveOptions, Resolver } from "./resolver.ts";

/**
 * Asks a name server for the records of a name: {@link Resolver.resolve} of the default resolver.
 *
 * @param type The type of the records; default `"A"`.
 * @throws {Deno.errors.NotFound} When there are none.
 * @throws {Timeout} When it takes longer than `timeout`.
 *
 * @example
 * ```ts
 * import { resolve } from "@gevent/deno/net";
 *
 * console.assert((await resolve("localhost", "AAAA"))[0] === "::1");
 * ```
 */
export function resolve<T extends keyof DnsRecords = "A">(
  hostname: string,
  type?: T,
  options?: ResolveOptions,
): Promise<DnsRecords[T][]> {
  return Resolver.default.resolve(hostname, type, options);
}

/** Finds all addresses of a host; see the other form. */
export function lookup(
  hostname: string,
  options: LookupOptions & { readonly all: true },
): Promise<HostAddress[]>;
/**
 * Finds the address of a host the way the system does it, gevent's `getaddrinfo`: {@link Resolver.lookup} of the default
 * resolver.
 *
 * @throws {Deno.errors.NotFound} When the host is not known.
 * @throws {Timeout} When it takes longer than `timeout`.
 *
 * @example
 * ```ts
 * import { lookup } from "@gevent/deno/net";
 *
 * console.assert((await lookup("localhost", { family: 4, timeout: 5000 })).address === "127.0.0.1");
 * ```
 */
export function lookup(hostname: string, options?: LookupOptions): Promise<HostAddress>;
export function lookup(
  hostname: string,
  options?: LookupOptions,
): Promise<HostAddress | HostAddress[]> {
  return Resolver.default.lookup(hostname, options);
}
