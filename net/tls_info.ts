/**
 * What is known of a TLS connection.
 *
 * @module
 */

/**
 * What `Socket.tlsInfo` returns. `undefined` is what the engine of the connection does not tell: `"deno"` tells nothing
 * but the protocol of ALPN, see {@link TlsEngine}.
 *
 * @example
 * ```ts
 * import type { TlsInfo } from "@gevent/deno/net";
 *
 * const nameOf = (info: TlsInfo) => info.peerCertificate?.subject.CN;
 * console.assert(nameOf({ alpnProtocol: null }) === undefined);
 * ```
 */
export interface TlsInfo {
  /** The protocol agreed on with ALPN. */
  readonly alpnProtocol: string | null;
  /** The version, such as `"TLSv1.3"`. */
  readonly version?: string | undefined;
  /** The cipher suite, such as `"TLS_AES_256_GCM_SHA384"`. */
  readonly cipher?: string | undefined;
  /** At a server: the name that the client has asked for (SNI), if it has. */
  readonly serverName?: string | undefined;
  /**
   * The certificate of the other end, which has been verified; `null` when it has shown none, as clients do that need
   * not.
   */
  readonly peerCertificate?: PeerCertificate | null | undefined;
}

/**
 * A certificate of the other end.
 *
 * @example
 * ```ts
 * import type { PeerCertificate } from "@gevent/deno/net";
 *
 * const isDue = (certificate: PeerCertificate) => certificate.validTo.getTime() < Date.now() + 7 * 86_400_000;
 * console.assert(isDue.length === 1);
 * ```
 */
export interface PeerCertificate {
  /** Whose it is, for example `{ CN: "localhost" }`. */
  readonly subject: Readonly<Record<string, string | string[]>>;
  /** Who vouches for it. */
  readonly issuer: Readonly<Record<string, string | string[]>>;
  /** The names it holds for, for example `"DNS:localhost, IP Address:127.0.0.1"`. */
  readonly subjectAltName: string | undefined;
  /** From when on it holds. */
  readonly validFrom: Date;
  /** Until when it holds. */
  readonly validTo: Date;
  /** In hexadecimal digits. */
  readonly serialNumber: string;
  /** SHA-256 of {@link PeerCertificate.raw}, in hexadecimal digits with colons. */
  readonly fingerprint256: string;
  /** The certificate itself (DER). */
  readonly raw: Uint8Array;
}

/**
 * What does the TLS: `"node"`, the default, is `node:tls` of the runtime; `"deno"` is what is behind `Deno.TlsConn`,
 * which is about twice as fast for bulk data.
 *
 * `"deno"` is for peers that are trusted. The runtime keeps its connections open after they were closed here for as long
 * as the peer is silent in the handshake, or does not take what was sent: everybody who can connect could take all file
 * descriptors away. It also lacks client certificates on connections that exist already, certificates by name (SNI) and
 * the certificate of the peer, and it trusts `caCerts` besides the usual authorities, not in their place.
 *
 * @example
 * ```ts
 * import type { TlsEngine } from "@gevent/deno/net";
 *
 * const engine: TlsEngine = "node";
 * console.assert(engine.length === 4);
 * ```
 */
export type TlsEngine = "node" | "deno";
