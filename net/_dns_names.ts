/**
 * The names that DNS knows, and those that stand for addresses.
 *
 * @module
 */

import { canonicalIpv6, familyOf } from "./_ip.ts";
import type { ServerAddress } from "./_runtime_dns.ts";
import { parseAddress } from "./address.ts";
import type { NameServer } from "./dns_records.ts";

const DNS_PORT = 53;

/**
 * The name in the form in which it is asked for.
 *
 * @throws {TypeError} When it cannot be a name at all.
 */
export function checkName(hostname: string): string {
  if (typeof hostname !== "string" || hostname === "") {
    throw new TypeError(
      `Cannot resolve as the host name must be a text and not empty: received ${
        Deno.inspect(hostname)
      }`,
    );
  }
  if (familyOf(hostname) !== 0) return hostname;
  return toAscii(hostname).toLowerCase();
}

/** A name of any script as name servers know it; what cannot be a name stays as it is. */
function toAscii(name: string): string {
  // deno-lint-ignore no-control-regex -- ASCII is a range of codes
  if (/^[\x00-\x7f]*$/.test(name) || /[\s/?#@:\\]/.test(name)) return name;
  return URL.canParse(`http://${name}`) ? new URL(`http://${name}`).hostname : name;
}

/** Whether a name server could have heard of it; underscores occur, so this is not for the names of hosts only. */
export function isDomainName(name: string): boolean {
  return name === "." ||
    name.length <= 254 && /^(?:[!-\-/-~]{1,63}\.)*[!-\-/-~]{1,63}\.?$/.test(name);
}

/** What the local host is, without asking anybody; `undefined` for other hosts. RFC 6761. */
export function loopback(name: string, family: 4 | 6): string | undefined {
  if (!/^(?:.+\.)?localhost\.?$/.test(name)) return undefined;
  return family === 4 ? "127.0.0.1" : "::1";
}

/**
 * The domain name under which the names of an IP address are found.
 *
 * @throws {TypeError} When it is none.
 */
export function reverseName(address: string): string {
  const family = familyOf(address);
  if (family === 4) return `${address.split(".").reverse().join(".")}.in-addr.arpa`;
  if (family === 6) return `${nibbles(address).reverse().join(".")}.ip6.arpa`;
  throw new TypeError(
    `Cannot look up the names of what is no IP address: received ${Deno.inspect(address)}`,
  );
}

/** The 32 hexadecimal digits of an IPv6 address. */
function nibbles(address: string): string[] {
  const plain = canonicalIpv6(address);
  const [head = "", tail] = plain.split("::");
  const groups = (text: string): string[] => text === "" ? [] : text.split(":");
  const [before, after] = [groups(head), groups(tail ?? "")];
  const missing = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...missing, ...after].flatMap((group) => [...group.padStart(4, "0")]);
}

/**
 * Takes the address of a name server apart.
 *
 * @throws {TypeError} When it is not an IP address.
 */
export function parseNameServer(server: NameServer): ServerAddress {
  const wanted = typeof server === "string" && familyOf(server) !== 0
    ? { hostname: server }
    : server;
  if (typeof wanted === "string" || typeof wanted?.hostname === "string") {
    const address = parseAddress(
      typeof wanted === "string" ? wanted : { port: DNS_PORT, ...wanted },
    );
    if ("port" in address && address.hostname !== undefined && familyOf(address.hostname) !== 0) {
      return { ipAddr: address.hostname, port: address.port };
    }
  }
  throw new TypeError(
    `Cannot use as a name server, which must be given by its IP address: received ${
      Deno.inspect(server)
    }`,
  );
}
