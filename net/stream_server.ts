/**
 * TCP, TLS and unix socket servers.
 *
 * @module
 */

import { GreenletExit } from "../core/errors.ts";
import { Greenlet } from "../core/greenlet.ts";
import { requireFunction } from "../core/links.ts";
import { hub } from "../core/scheduler.ts";
import { sleep } from "../core/sleep.ts";
import { until } from "../core/until.ts";
import { type Address, formatAddress, type ParsedAddress } from "./address.ts";
import { BaseServer, type BaseServerOptions } from "./base_server.ts";
import { Socket } from "./socket.ts";

/**
 * What is called for each connection, in a greenlet of its own; when it returns or fails, the socket is closed.
 *
 * @example
 * ```ts
 * import type { StreamHandler } from "@gevent/deno/net";
 *
 * const echo: StreamHandler = async (socket) => {
 *   for (let data = await socket.recv(); data.length > 0; data = await socket.recv()) await socket.sendAll(data);
 * };
 * console.assert(echo.length === 1);
 * ```
 */
export type StreamHandler = (socket: Socket, address: Deno.Addr) => unknown;

/**
 * What `StreamServer` takes.
 *
 * @example
 * ```ts
 * import type { StreamServerOptions } from "@gevent/deno/net";
 *
 * const options: StreamServerOptions = { spawn: 1000, backlog: 1024 };
 * console.assert(options.backlog === 1024);
 * ```
 */
export interface StreamServerOptions extends BaseServerOptions {
  /** How many connections the system may hold that were not accepted yet; default 511. */
  readonly backlog?: number;
  /** Certificate chain (PEM); with {@link StreamServerOptions.key} it turns TLS on. */
  readonly cert?: string;
  /** Private key (PEM). */
  readonly key?: string;
  /** Protocols to agree on with ALPN, the preferred ones first. */
  readonly alpnProtocols?: string[];
  /**
   * How long a TLS handshake may take, in ms, before its greenlet ends; default 10 000. The runtime lets go of the
   * connection itself only once the client says something or closes it.
   */
  readonly handshakeTimeout?: number;
  /** Send small writes at once (TCP); default `true`. */
  readonly noDelay?: boolean;
}

/** Pauses after a failed accept: from the first to the last of these, in ms, doubling. */
const SHORTEST_PAUSE = 10;
const LONGEST_PAUSE = 1000;

/**
 * Accepts connections and runs a handler for each in a greenlet: gevent's `StreamServer`.
 *
 * With `cert` and `key` it speaks TLS; the handshake is done in the connection's own greenlet, under a time limit of its
 * own, and one that fails never gets to the handler. When accepting fails, for instance because all file descriptors are
 * taken, it pauses and tries again.
 *
 * @example
 * ```ts
 * import { connect, StreamServer } from "@gevent/deno/net";
 *
 * const server = new StreamServer("127.0.0.1:0", async (socket) => {
 *   await socket.sendAll(new TextEncoder().encode("Hello from a telnet!\n"));
 * });
 * await server.start();
 * using client = await connect(server.address);
 * console.assert(new TextDecoder().decode(await client.readLine()) === "Hello from a telnet!\n");
 * await server.stop();
 * ```
 */
export class StreamServer extends BaseServer {
  readonly #handle: StreamHandler;
  readonly #options: StreamServerOptions;
  #listener: Deno.Listener | undefined;
  #acceptor: Greenlet<void> | undefined;
  #accepting: Promise<Deno.Conn> | undefined;

  /**
   * Makes a server that is not listening yet.
   *
   * @param address Where to listen.
   * @param handle Called with the socket and the peer's address.
   * @throws {TypeError} When an argument has the wrong form.
   */
  constructor(address: Address, handle: StreamHandler, options: StreamServerOptions = {}) {
    super(address, options);
    requireFunction(handle, "handle");
    if ((options.cert === undefined) !== (options.key === undefined)) {
      throw new TypeError("Cannot create a TLS server as it needs both 'cert' and 'key'");
    }
    if (options.cert !== undefined && "path" in this.address) {
      throw new TypeError(
        `Cannot create a TLS server on a unix socket: received ${this.address.path}`,
      );
    }
    this.#handle = handle;
    this.#options = options;
  }

  /** Opens the listener and begins to accept. */
  protected override listen(address: ParsedAddress): Deno.Addr {
    this.#listener = this.#open(address);
    this.#acceptor = new Greenlet(() => this.#acceptForever(this.#listener!));
    this.#acceptor.name = `acceptor of ${formatAddress(this.#listener.addr)}`;
    this.#acceptor.start();
    return this.#listener.addr;
  }

  /** Closes the listener, and waits until the runtime has let go of it; it also removes a unix socket's file. */
  protected override async unlisten(): Promise<void> {
    this.#listener?.close();
    await this.#acceptor?.kill();
    await this.#accepting?.catch(() => {});
  }

  #open(address: ParsedAddress): Deno.Listener {
    const { backlog, cert, key, alpnProtocols } = this.#options;
    if ("path" in address) {
      return Deno.listen({ transport: "unix", path: address.path }) as Deno.Listener;
    }
    const { hostname = "0.0.0.0", port } = address;
    const where = { hostname, port, ...(backlog === undefined ? {} : { tcpBacklog: backlog }) };
    if (cert === undefined || key === undefined) return Deno.listen(where);
    return Deno.listenTls({
      ...where,
      cert,
      key,
      ...(alpnProtocols === undefined ? {} : { alpnProtocols }),
    });
  }

  async #acceptForever(listener: Deno.Listener): Promise<void> {
    let pause = SHORTEST_PAUSE;
    while (!this.closed) {
      await this.pool.waitAvailable();
      try {
        this.#accepting = listener.accept();
        const conn = await until(this.#accepting, { orphan: (late) => late.close() });
        await this.#serve(conn);
        pause = SHORTEST_PAUSE;
      } catch (error) {
        if (this.closed) return;
        if (error instanceof GreenletExit) throw error;
        if (error instanceof Deno.errors.BadResource) return hub.handleError(this, error);
        hub.handleError(this, error);
        await sleep(pause);
        pause = Math.min(pause * 2, LONGEST_PAUSE);
      }
    }
  }

  async #serve(conn: Deno.Conn): Promise<void> {
    const socket = new Socket(conn);
    const greenlet = new Greenlet(() => this.#run(socket));
    // Closed by a link and not by the handler's greenlet itself: that one may be killed before it ever runs.
    greenlet.rawlink(() => socket.close());
    try {
      await this.pool.start(greenlet);
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  async #run(socket: Socket): Promise<void> {
    if (this.#options.noDelay ?? true) socket.setNoDelay();
    if (this.#options.cert !== undefined && !await this.#shakeHands(socket)) return;
    await this.#handle(socket, socket.remoteAddr);
  }

  /** Completes the TLS handshake; a peer that cannot is not an error of this program. */
  async #shakeHands(socket: Socket): Promise<boolean> {
    const { handshakeTimeout = 10_000 } = this.#options;
    try {
      await socket.handshake({ timeout: handshakeTimeout });
      return true;
    } catch (error) {
      if (error instanceof GreenletExit) throw error;
      return false; // wrong protocol, wrong certificate, too slow, or gone
    }
  }
}
