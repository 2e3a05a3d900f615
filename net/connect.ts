/**
 * Connecting to servers.
 *
 * @module
 */

import { requireOptions, requirePositive } from "../core/arguments.ts";
import { original } from "../core/originals.ts";
import { parkWait, type WaitOptions } from "../core/suspend.ts";
import type { WaitKind } from "../core/waiter.ts";
import { limited } from "../core/timeout.ts";
import { openTcp } from "./_open_tcp.ts";
import { type Address, parseAddress } from "./address.ts";
import { Resolver } from "./resolver.ts";
import { Socket } from "./socket.ts";
import { startTls, type TlsClientOptions } from "./tls.ts";

const CONNECT: WaitKind<Deno.Conn> = { name: "connect" };

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
  /** Who looks host names up, and remembers them for a while; default `Resolver.default`. */
  readonly resolver?: Resolver;
  /**
   * When a host has several addresses: after how many ms without an answer the next one is tried too; default 250. When one
   * fails, the next one is tried at once.
   */
  readonly attemptDelay?: number;
}

/**
 * Connects to an address and returns the socket: gevent's `create_connection`.
 *
 * A host name may stand for several addresses, of which some do not answer. They are tried one after the other, IPv6 and IPv4
 * by turns, without waiting for long: the first connection that is there is taken, the others are closed (RFC 8305, "happy
 * eyeballs"). When the program may connect to the host by its name only (`--allow-net=example.com`), the runtime does that.
 *
 * The time limit is for all together: name lookup, connecting, TLS handshake. When it is interrupted, the connection is
 * closed, or never made.
 *
 * @throws {Timeout} When it takes too long.
 * @throws {Deno.errors.NotFound} When the host is not known.
 * @throws {Deno.errors.InvalidData} When the TLS handshake fails, for instance as the certificate is not trusted.
 * @throws {Deno.errors.ConnectionRefused} And other errors of the runtime, naming the address. When there were several, it is
 * the error of the last one, and its `cause` an `AggregateError` with those of all.
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
  requireOptions(options);
  const { timeout, signal, tls = false, noDelay = true } = options;
  const { resolver = Resolver.default, attemptDelay = 250 } = options;
  requirePositive(attemptDelay, "attemptDelay");
  return await limited(timeout, async () => {
    const target = parseAddress(address);
    const conn = "path" in target
      ? await openUnix(target.path, { signal })
      : await openTcp(target.hostname ?? "localhost", target.port, {
        resolver,
        attemptDelay,
        signal,
      });
    const socket = new Socket(conn);
    try {
      if (noDelay) socket.setNoDelay();
      if (tls === false) return socket;
      const hostname = "hostname" in target ? target.hostname ?? "localhost" : "localhost";
      return await startTls(socket, { hostname, ...(tls === true ? {} : tls), signal });
    } catch (error) {
      socket.close();
      throw error;
    }
  });
}

/** Opens the connection; the runtime cannot be told to stop, so one that is there too late is closed. */
function openUnix(path: string, options: WaitOptions): Promise<Deno.Conn> {
  return parkWait<Deno.Conn>(
    (wait) => {
      original(Deno, "connect")({ transport: "unix", path }).then((conn) => {
        if (!wait.resume(conn)) conn.close();
      }, (error) => void wait.fail(error));
    },
    options,
    CONNECT,
  );
}
