/**
 * Addresses in the forms that gevent takes.
 *
 * @module
 */

/**
 * Where to listen or connect: a port, `"host:port"`, `":port"`, `"[::1]:port"`, or an object.
 *
 * A port alone, and an empty or missing host or `*`, mean all interfaces with IPv4 for a server, and the local host for a
 * client. `"[::]:port"` means all interfaces with IPv6 and IPv4; clients with IPv4 then have addresses such as
 * `::ffff:192.0.2.1`. Port 0 lets the system choose one.
 *
 * @example
 * ```ts
 * import { type Address, parseAddress } from "@gevent/deno/net";
 *
 * const addresses: Address[] = [8000, ":8000", "[::1]:8000", { port: 8000 }, { path: "/tmp/app.sock" }];
 * console.assert(addresses.map(parseAddress).length === 5);
 * ```
 */
export type Address = number | string | {
  /** Host name or IP address. */
  readonly hostname?: string | undefined;
  /** Port number, 0 to 65535. */
  readonly port: number;
} | {
  /** Path of a unix socket; on Linux also a name that begins with `"\0"` and has no file. */
  readonly path: string;
};

/** What the names of unix sockets begin with that have no file (Linux). */
export const ABSTRACT: string = "\0";

/**
 * An address taken apart: of a TCP or of a unix socket.
 *
 * @example
 * ```ts
 * import { parseAddress, type ParsedAddress } from "@gevent/deno/net";
 *
 * const address: ParsedAddress = parseAddress("localhost:80");
 * console.assert("port" in address && address.port === 80);
 * ```
 */
export type ParsedAddress = {
  /** Host name or IP address without brackets; `undefined` when none was given. */
  readonly hostname: string | undefined;
  /** Port number. */
  readonly port: number;
} | {
  /** Path of a unix socket. */
  readonly path: string;
};

/**
 * Takes an address apart.
 *
 * @throws {TypeError} When it has none of the forms of {@link Address}; the message names it.
 * @throws {RangeError} When the port is not between 0 and 65535.
 *
 * @example
 * ```ts
 * import { parseAddress } from "@gevent/deno/net";
 *
 * console.assert(JSON.stringify(parseAddress("[::1]:8000")) === '{"hostname":"::1","port":8000}');
 * ```
 */
export function parseAddress(address: Address): ParsedAddress {
  if (typeof address === "number") {
    return { hostname: undefined, port: checkPort(address, address) };
  }
  if (typeof address === "string") return parseText(address);
  if (typeof address === "object" && address !== null) {
    if ("path" in address && typeof address.path === "string" && address.path !== "") {
      return { path: address.path };
    }
    if (
      "port" in address && (address.hostname === undefined || typeof address.hostname === "string")
    ) {
      return { hostname: address.hostname || undefined, port: checkPort(address.port, address) };
    }
  }
  throw new TypeError(`Cannot use as an address: ${Deno.inspect(address)}`);
}

/**
 * Writes an address the way it is written in messages: `host:port`, `[v6]:port` or a path.
 *
 * @example
 * ```ts
 * import { formatAddress } from "@gevent/deno/net";
 *
 * console.assert(formatAddress({ hostname: "::1", port: 80 }) === "[::1]:80");
 * ```
 */
export function formatAddress(address: Deno.Addr | ParsedAddress): string {
  // The client's end of a unix socket has no name.
  if ("path" in address) return (address.path as string | null)?.replace(/^\0/, "@") ?? "(unnamed)";
  if (!("hostname" in address)) return Deno.inspect(address);
  const { hostname = "", port } = address;
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

function parseText(text: string): ParsedAddress {
  if (/^\d+$/.test(text)) return { hostname: undefined, port: checkPort(Number(text), text) };
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^:[\]]*)):(?<port>\d+)$/.exec(text);
  if (match === null) {
    throw new TypeError(
      `Cannot use as an address, which must look like "host:port": ${Deno.inspect(text)}`,
    );
  }
  const { v6, host, port } = match.groups!;
  const hostname = v6 ?? (host === "*" ? "" : host);
  return { hostname: hostname || undefined, port: checkPort(Number(port), text) };
}

function checkPort(port: number, address: unknown): number {
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port;
  throw new RangeError(
    `Cannot use as an address, as the port is not between 0 and 65535: ${Deno.inspect(address)}`,
  );
}
