/**
 * Telling clients apart by their addresses.
 *
 * @module
 */

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * What the connections of one client have in common; `undefined` where clients have no addresses. With IPv6 that is the
 * network, as whoever has one address there has 2⁶⁴ of them.
 */
export function clientKeyOf(address: Deno.Addr): string | undefined {
  if (!("hostname" in address)) return undefined;
  const { hostname } = address;
  if (!hostname.includes(":")) return hostname;
  return MAPPED.exec(hostname)?.[1] ?? networkOf(hostname);
}

/** The first four groups of an IPv6 address. */
function networkOf(hostname: string): string {
  const [before = "", after] = hostname.split("::");
  const first = before === "" ? [] : before.split(":");
  if (after === undefined || first.length >= 4) return first.slice(0, 4).join(":");
  const last = after === "" ? [] : after.split(":");
  const left = Math.max(8 - first.length - last.length, 0);
  return [...first, ...Array<string>(left).fill("0"), ...last].slice(0, 4).join(":");
}
