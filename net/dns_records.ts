/**
 * What names are resolved to, and who is asked.
 *
 * @module
 */

/**
 * An address of a host.
 *
 * @example
 * ```ts
 * import { type HostAddress, lookup } from "@gevent/deno/net";
 *
 * const address: HostAddress = await lookup("127.0.0.1");
 * console.assert(address.family === 4);
 * ```
 */
export interface HostAddress {
  /** The IP address; that of a link-local IPv6 host with its scope, as in `fe80::1%eth0`, if it was given with one. */
  readonly address: string;
  /** 4 or 6. */
  readonly family: 4 | 6;
}

/**
 * The types of DNS records, and what one record of each is. Domain names in them end with a dot.
 *
 * @example
 * ```ts
 * import type { DnsRecords } from "@gevent/deno/net";
 *
 * const record: DnsRecords["MX"] = { preference: 10, exchange: "mail.example.com." };
 * console.assert(record.preference === 10);
 * ```
 */
export interface DnsRecords {
  /** An IPv4 address. */
  readonly A: string;
  /** An IPv6 address. */
  readonly AAAA: string;
  /** A domain name. */
  readonly ANAME: string;
  /** Which authorities may issue certificates. */
  readonly CAA: Deno.CaaRecord;
  /** The domain name that this one stands for. */
  readonly CNAME: string;
  /** A mail server. */
  readonly MX: Deno.MxRecord;
  /** A rule to rewrite names. */
  readonly NAPTR: Deno.NaptrRecord;
  /** A name server. */
  readonly NS: string;
  /** The domain name of an address. */
  readonly PTR: string;
  /** The start of a zone. */
  readonly SOA: Deno.SoaRecord;
  /** Where a service is. */
  readonly SRV: Deno.SrvRecord;
  /** A text, in the pieces in which it is stored. */
  readonly TXT: string[];
}

/** All of them. */
export const RECORD_TYPES: Readonly<Record<keyof DnsRecords, true>> = {
  A: true,
  AAAA: true,
  ANAME: true,
  CAA: true,
  CNAME: true,
  MX: true,
  NAPTR: true,
  NS: true,
  PTR: true,
  SOA: true,
  SRV: true,
  TXT: true,
};

/**
 * A name server to ask: its IP address, with or without a port, as a text or as an object; the port is 53 by default.
 *
 * @example
 * ```ts
 * import { type NameServer, Resolver } from "@gevent/deno/net";
 *
 * const servers: NameServer[] = ["9.9.9.9", "127.0.0.1:5353", "[::1]:5353", { hostname: "::1" }];
 * console.assert(servers.every((nameServer) => new Resolver({ nameServer })));
 * ```
 */
export type NameServer = string | {
  /** Its IP address. */
  readonly hostname: string;
  /** Its port; default 53. */
  readonly port?: number;
};

/**
 * What a name server has answered: for subclasses of `Resolver`.
 *
 * @example
 * ```ts
 * import type { RecordsAnswer } from "@gevent/deno/net";
 *
 * const answer: RecordsAnswer = { records: ["192.0.2.1"], ttl: 60_000 };
 * console.assert(answer.records.length === 1);
 * ```
 */
export interface RecordsAnswer {
  /** At least one record, in the form of {@link DnsRecords}. */
  readonly records: readonly unknown[];
  /** For how many ms they are good; `undefined` when that is not known. */
  readonly ttl: number | undefined;
}
