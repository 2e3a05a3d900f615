/**
 * Telling IP addresses from names. `node:net` could, too, but takes longer to load than this whole library.
 *
 * @module
 */

const BYTE = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${BYTE}(?:\\.${BYTE}){3}$`);
const SCOPED_IPV6 = /^(?<address>[\da-f:.]+)(?:%[\w.-]+)?$/i;

/** The family of an IP address, an IPv6 address with or without a scope; 0 when it is none. */
export function familyOf(text: string): 0 | 4 | 6 {
  if (IPV4.test(text)) return 4;
  const address = SCOPED_IPV6.exec(text)?.groups?.address;
  return address !== undefined && URL.canParse(`http://[${address}]`) ? 6 : 0;
}

/** An IPv6 address without its scope, in its shortest form. */
export function canonicalIpv6(address: string): string {
  return new URL(`http://[${address.replace(/%.*$/, "")}]`).hostname.slice(1, -1);
}
