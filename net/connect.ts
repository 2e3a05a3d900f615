/**
 * Connecting to servers.
 *
 * @module
 */

import { parkWait, type WaitOptions } from "../core/suspend.ts";
import type { WaitKind } from "../core/waiter.ts";
import { limited } from "../core/timeout.ts";
import { type Address, parseAddress } from "./address.ts";
import { Socket } from "./socket.ts";

const CONNECT: WaitKind<Deno.Conn> = { name: "connect" };

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
export interface TlsClientOptions {
  /** The name the server's certificate must have; by default the host of the address. */
  readonly hostname?: string;
  /** Certificates (PEM) of further authorities to trust. */
  readonly caCerts?: string[];
  /** Protocols to offer, the preferred ones first. */
  readonly alpnProtocols?: string[];
}

/**
 * What `connect` takes.
 *
 * @example
 * ```ts
 * import type { ConnectOptions } from "@gevent/deno/net";
 *
 * const options: ConnectOptions = { timeout: 1000, tls: true };
 * console.assert(options.timeout === 1000);
 * ```
 */
export interface ConnectOptions extends WaitOptions {
  /** Use TLS; `true` for the defaults. The handshake is part of the connecting. */
  readonly tls?: boolean | TlsClientOptions;
  /** Send small writes at once (TCP); default `true`. */
  readonly noDelay?: boolean;
}

/**
 * Connects to an address and returns the socket: gevent's `create_connection`.
 *
 * The time limit is for all together: name lookup, connecting, TLS handshake. When it is interrupted, the connection is
 * closed, or never made; in the middle of a TLS handshake the runtime lets go of it only once the peer says something or
 * closes it.
 *
 * @throws {Timeout} When it takes too long.
 * @throws {Deno.errors.ConnectionRefused} And other errors of the runtime.
 *
 * @example
 * ```ts
 * import { connect, StreamServer } from "@gevent/deno/net";
 *
 * await using server = new StreamServer("127.0.0.1:0", (socket) => socket.sendAll(new Uint8Array([7])));
 * await server.start();
 * using socket = await connect(server.address, { timeout: 5000 });
 * console.assert((await socket.recv())[0] === 7);
 * ```
 */
export async function connect(
  address: Address,
  options: ConnectOptions = {},
): Promise<Socket> {
  const { timeout, signal, tls = false, noDelay = true } = options;
  return await limited(timeout, async () => {
    const target = parseAddress(address);
    if (tls !== false && "path" in target) {
      throw new TypeError(`Cannot connect with TLS to a unix socket: received ${target.path}`);
    }
    const conn = await open(target, { signal });
    try {
      if (noDelay && "setNoDelay" in conn) (conn as Deno.TcpConn).setNoDelay(true);
      if (tls === false) return new Socket(conn);
      const hostname = "hostname" in target ? target.hostname ?? "localhost" : "localhost";
      const settings = tls === true ? {} : tls;
      const secure = await startTls(conn as Deno.TcpConn, { hostname, ...settings }, { signal });
      return new Socket(secure);
    } catch (error) {
      closeQuietly(conn);
      throw error;
    }
  });
}

/** Opens the connection; a connection that is there too late is closed. */
function open(target: ReturnType<typeof parseAddress>, options: WaitOptions): Promise<Deno.Conn> {
  return parkWait<Deno.Conn>(
    (wait) => {
      const abort = new AbortController();
      const { signal } = abort;
      const opening: Promise<Deno.Conn> = "path" in target
        ? Deno.connect({ transport: "unix", path: target.path })
        : Deno.connect({ hostname: target.hostname ?? "localhost", port: target.port, signal });
      opening.then((conn) => {
        if (!wait.resume(conn)) conn.close();
      }, (error) => void wait.fail(error));
      return () => abort.abort();
    },
    options,
    CONNECT,
  );
}

async function startTls(
  conn: Deno.TcpConn,
  settings: TlsClientOptions,
  options: WaitOptions,
): Promise<Deno.TlsConn> {
  const secure = await Deno.startTls(conn, settings as Deno.StartTlsOptions);
  try {
    await new Socket(secure).handshake(options);
    return secure;
  } catch (error) {
    closeQuietly(secure);
    throw error;
  }
}

/** Closes what may have been closed, or taken over by TLS, already. */
function closeQuietly(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
