/**
 * TLS on connections that exist, at either end.
 *
 * @module
 */

import { original } from "../core/originals.ts";
import type { ConnectionOptions, SecureContext, TlsOptions } from "node:tls";
import { hub } from "../core/scheduler.ts";
import type { WaitOptions } from "../core/suspend.ts";
import { limited } from "../core/timeout.ts";
import { until } from "../core/until.ts";
import { loadNodeTls, type NodeModules, NodeTlsConn } from "./_node_tls.ts";
import { closeQuietly } from "./_runtime_errors.ts";
import { releaseTransport, Socket, type Transport } from "./socket.ts";
import type { TlsEngine } from "./tls_info.ts";

/**
 * A certificate and its key.
 *
 * @example
 * ```ts
 * import type { TlsCertificate } from "@gevent/deno/net";
 *
 * const read = async (name: string): Promise<TlsCertificate> => ({
 *   cert: await Deno.readTextFile(`${name}.crt`),
 *   key: await Deno.readTextFile(`${name}.key`),
 * });
 * console.assert(read.length === 1);
 * ```
 */
export interface TlsCertificate {
  /** The certificate, followed by those that vouch for it (PEM). */
  readonly cert: string;
  /** The private key (PEM). */
  readonly key: string;
}

/**
 * What a TLS client needs to know.
 *
 * @example
 * ```ts
 * import type { TlsClientOptions } from "@gevent/deno/net";
 *
 * const tls: TlsClientOptions = { hostname: "example.com", alpnProtocols: ["http/1.1"] };
 * console.assert(tls.hostname === "example.com");
 * ```
 */
export interface TlsClientOptions extends Partial<TlsCertificate> {
  /** The name the server's certificate must have, or its IP address; `connect` takes the host of the address. */
  readonly hostname?: string;
  /** Certificates (PEM) of the authorities to trust, in place of the usual ones. */
  readonly caCerts?: readonly string[];
  /** Protocols to offer, the preferred ones first. */
  readonly alpnProtocols?: readonly string[];
  /** The certificate to show to servers that ask for one, with its key. */
  readonly cert?: string;
  /** See {@link TlsClientOptions.cert}. */
  readonly key?: string;
  /** Take a certificate for any name, as long as it can be trusted: whoever has one can be in the middle. */
  readonly unsafelyDisableHostnameVerification?: boolean;
  /** What does it; default `"node"`. */
  readonly engine?: TlsEngine;
}

/**
 * What a TLS server needs to know.
 *
 * @example
 * ```ts
 * import type { TlsServerOptions } from "@gevent/deno/net";
 *
 * const withCertificate = (cert: string, key: string): TlsServerOptions => ({
 *   cert,
 *   key,
 *   alpnProtocols: ["h2", "http/1.1"],
 * });
 * console.assert(withCertificate("", "").alpnProtocols?.length === 2);
 * ```
 */
export interface TlsServerOptions extends TlsCertificate {
  /** Protocols to agree on, the preferred ones first. */
  readonly alpnProtocols?: readonly string[];
  /**
   * Certificates (PEM) of authorities: clients have to show a certificate that one of them vouches for. By default they
   * need not show any.
   */
  readonly clientCaCerts?: readonly string[];
  /**
   * Gives the certificate for the name that a client asks for (SNI), which is empty when it asks for none; `undefined`
   * for the one of {@link TlsServerOptions.cert}. It cannot wait. It is asked for each connection, so it can also put a
   * new certificate in the place of one that runs out; as long as it gives the same object, that is read only once. An
   * error is reported, and ends the handshake.
   */
  readonly sni?: (hostname: string) => TlsCertificate | undefined;
}

/**
 * Begins TLS on a connection, as its client: what STARTTLS of SMTP, IMAP, LDAP or PostgreSQL is about.
 *
 * Returns a new socket with the same timeout; the old one counts as closed from then on. When it fails or is
 * interrupted, the connection is closed. Bytes that have come before and that nobody has read could be of anybody: they
 * are never taken for bytes that came protected.
 *
 * @throws {Deno.errors.InvalidData} When bytes have come that nobody has read, when the certificate is not trusted or
 * for another name, or when the peer speaks something else; except for the first, the connection is closed.
 * @throws {Deno.errors.UnexpectedEof} When the peer closes the connection.
 * @throws {ConcurrentObjectUseError} When another greenlet reads or writes the socket.
 * @throws {Deno.errors.Busy} When a write that was given up still goes on; with engine `"deno"` also when a read does, and then
 * the connection is closed.
 * @throws {Timeout} When the handshake takes too long.
 * @throws {TypeError} When `hostname` is missing or no name, or when the options do not fit each other.
 *
 * @example
 * ```ts
 * import { connect, type Socket, startTls } from "@gevent/deno/net";
 *
 * async function connectToMailServer(hostname: string): Promise<Socket> {
 *   const plain = await connect({ hostname, port: 587 }, { timeout: 10_000 });
 *   plain.timeout = 10_000;
 *   await plain.readLine(); // 220 ready
 *   await plain.sendAll(new TextEncoder().encode("STARTTLS\r\n"));
 *   await plain.readLine(); // 220 go ahead
 *   return await startTls(plain, { hostname });
 * }
 * console.assert(connectToMailServer.length === 1);
 * ```
 */
export async function startTls(
  socket: Socket,
  options: TlsClientOptions & WaitOptions,
): Promise<Socket> {
  const { hostname, cert, key, engine = "node" } = options;
  if (typeof hostname !== "string" || hostname === "") throw wrongHostname(hostname);
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError("Cannot start TLS as it needs both 'cert' and 'key', or neither");
  }
  if (engine === "deno" && (cert !== undefined || socket.remoteAddr.transport === "unix")) {
    throw new TypeError(
      "Cannot start TLS with engine 'deno' on a unix socket, or with a certificate of the client",
    );
  }
  return await secured(socket, options, async () => {
    const modules = await loadNodeTls();
    const name = modules.net.isIP(hostname) === 0 ? toAscii(modules, hostname) : hostname;
    if (engine === "deno") return await startDenoTls(socket, name, options);
    const settings = clientSettings(modules, name, options);
    return new NodeTlsConn(releaseTransport(socket), modules, (stream, listener) => {
      const secure = modules.tls.connect({ ...settings, socket: stream });
      secure.once("secureConnect", () => listener.secured(secure));
      secure.on("error", (error) => listener.failed(error));
    });
  });
}

/**
 * Begins TLS on a connection, as its server: gevent's `wrap_socket(sock, server_side=True)`. Everything else is as with
 * {@link startTls}.
 *
 * @throws {Deno.errors.InvalidData} When bytes have come that nobody has read, when the client shows no certificate
 * although it has to, or when it speaks something else; except for the first, the connection is closed.
 * @throws {TypeError} When a certificate or key cannot be read, or when they do not belong together.
 *
 * @example
 * ```ts
 * import { acceptTls, type StreamHandler, type TlsCertificate } from "@gevent/deno/net";
 *
 * const upgrading = (certificate: TlsCertificate): StreamHandler => async (plain) => {
 *   const line = new TextDecoder().decode(await plain.readLine({ timeout: 10_000 }));
 *   if (line !== "STARTTLS\r\n") return;
 *   await plain.sendAll(new TextEncoder().encode("220 go ahead\r\n"));
 *   using socket = await acceptTls(plain, { ...certificate, timeout: 10_000 });
 *   await socket.sendAll(new TextEncoder().encode("now nobody can listen\r\n"));
 * };
 * console.assert(upgrading.length === 1);
 * ```
 */
export async function acceptTls(
  socket: Socket,
  options: TlsServerOptions & WaitOptions,
): Promise<Socket> {
  return await acceptTlsWith(socket, options, options);
}

/** {@link acceptTls}, for who has many connections: the certificates are read once for the same `options`. */
export async function acceptTlsWith(
  socket: Socket,
  options: TlsServerOptions,
  limits: WaitOptions,
): Promise<Socket> {
  return await secured(socket, limits, async () => {
    const modules = await loadNodeTls();
    const settings = serverSettings(modules, options);
    return new NodeTlsConn(releaseTransport(socket), modules, (stream, listener) => {
      // Only what comes out of a server has been checked for its certificate: a TLSSocket alone takes any.
      const server = new modules.tls.Server(settings);
      server.once("secureConnection", (secure) => listener.secured(secure));
      server.on("tlsClientError", (error, { authorizationError: reason }) => {
        listener.failed(reason ? new Error(`The certificate is refused: ${reason}`) : error);
      });
      server.emit("connection", stream);
    });
  });
}

/** Reads the certificates of a server, so that it is told of mistakes before the first client is served. */
export async function checkServerOptions(options: TlsServerOptions): Promise<void> {
  serverSettings(await loadNodeTls(), options);
}

async function secured(
  socket: Socket,
  options: WaitOptions,
  upgrade: () => Promise<Transport>,
): Promise<Socket> {
  const { timeout = socket.timeout, signal } = options;
  return await limited(timeout, async () => {
    const secure = new Socket(
      await until(upgrade(), { signal, orphan: (late) => late.close() }),
    );
    try {
      await secure.handshake({ signal });
      secure.timeout = socket.timeout;
      return secure;
    } catch (error) {
      secure.close();
      throw error;
    }
  });
}

async function startDenoTls(
  socket: Socket,
  hostname: string,
  options: TlsClientOptions,
): Promise<Deno.TlsConn> {
  const { caCerts, alpnProtocols, unsafelyDisableHostnameVerification = false } = options;
  const { conn } = releaseTransport(socket);
  try { // the runtime refuses it while a read that was given up still goes on
    return await original(Deno, "startTls")(conn as Deno.TcpConn, {
      hostname,
      unsafelyDisableHostnameVerification,
      ...(caCerts === undefined ? {} : { caCerts: [...caCerts] }),
      ...(alpnProtocols === undefined ? {} : { alpnProtocols: [...alpnProtocols] }),
    });
  } catch (error) {
    closeQuietly(conn);
    throw error;
  }
}

/** Writes a name the way certificates do. */
function toAscii({ url }: NodeModules, hostname: string): string {
  const name = url.domainToASCII(hostname);
  if (!/^[a-z0-9_.-]+$/i.test(name)) throw wrongHostname(hostname);
  return name;
}

function wrongHostname(hostname: unknown): TypeError {
  return new TypeError(
    `Cannot start TLS as 'hostname' must be the name of the server or its IP address: received ${
      Deno.inspect(hostname)
    }`,
  );
}

function clientSettings(
  { net, tls, crypto }: NodeModules,
  hostname: string,
  options: TlsClientOptions,
): ConnectionOptions {
  const { caCerts, alpnProtocols, cert, key, unsafelyDisableHostnameVerification } = options;
  if (cert !== undefined && key !== undefined) checkCertificate(crypto, { cert, key });
  return {
    ...(net.isIP(hostname) === 0 ? { servername: hostname } : { host: hostname }),
    secureContext: tls.createSecureContext({
      ...(caCerts === undefined ? {} : { ca: checkAuthorities(crypto, caCerts) }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    }),
    ...(alpnProtocols === undefined ? {} : { ALPNProtocols: [...alpnProtocols] }),
    ...(unsafelyDisableHostnameVerification ? { checkServerIdentity: () => undefined } : {}),
  };
}

/** What was made of the options of servers: reading certificates takes longer than a handshake. */
const knownServers = new WeakMap<TlsServerOptions, TlsOptions>();

function serverSettings(modules: NodeModules, options: TlsServerOptions): TlsOptions {
  const known = knownServers.get(options);
  if (known !== undefined) return known;
  const { alpnProtocols, clientCaCerts, sni } = options;
  const ca = clientCaCerts === undefined
    ? undefined
    : checkAuthorities(modules.crypto, clientCaCerts);
  const contexts = new WeakMap<TlsCertificate, SecureContext>();
  const contextFor = (certificate: TlsCertificate): SecureContext => {
    let context = contexts.get(certificate);
    if (context === undefined) {
      const { cert, key } = certificate;
      checkCertificate(modules.crypto, certificate);
      context = modules.tls.createSecureContext({ cert, key, ...(ca === undefined ? {} : { ca }) });
      contexts.set(certificate, context);
    }
    return context;
  };
  const main = contextFor(options);
  const settings: TlsOptions = {
    cert: options.cert,
    key: options.key,
    ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true }),
    ...(alpnProtocols === undefined ? {} : { ALPNProtocols: [...alpnProtocols] }),
    ...(sni === undefined ? {} : {
      SNICallback: (hostname, done): void => {
        let context: SecureContext;
        try {
          const certificate = sni(hostname);
          context = certificate === undefined ? main : contextFor(certificate);
        } catch (error) {
          hub.handleError("TlsServerOptions.sni", error); // to clients, and so to servers, it is one of many failures
          return done(error as Error);
        }
        done(null, context);
      },
    }),
  };
  knownServers.set(options, settings);
  return settings;
}

function checkCertificate(crypto: NodeModules["crypto"], { cert, key }: TlsCertificate): void {
  let fits: boolean;
  try {
    fits = new crypto.X509Certificate(cert).checkPrivateKey(crypto.createPrivateKey(key));
  } catch (cause) {
    throw new TypeError("Cannot use TLS as 'cert' and 'key' must be a certificate and its key", {
      cause,
    });
  }
  if (!fits) throw new TypeError("Cannot use TLS as 'key' is not the key of 'cert'");
}

function checkAuthorities(
  crypto: NodeModules["crypto"],
  certificates: readonly string[],
): string[] {
  for (const certificate of certificates) {
    try {
      new crypto.X509Certificate(certificate);
    } catch (cause) {
      throw new TypeError("Cannot use TLS as an authority must be a certificate", { cause });
    }
  }
  return [...certificates];
}
