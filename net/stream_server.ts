/**
 * TCP, TLS and unix socket servers.
 *
 * @module
 */

import { requireFunction } from "../core/arguments.ts";
import { GreenletExit } from "../core/errors.ts";
import { Greenlet, watchEnd } from "../core/greenlet.ts";
import { hub } from "../core/scheduler.ts";
import { sleep } from "../core/sleep.ts";
import { until } from "../core/until.ts";
import { Event } from "../sync/event.ts";
import { listenAt } from "./_listen.ts";
import { closeQuietly } from "./_runtime_errors.ts";
import { type Address, formatAddress, type ParsedAddress } from "./address.ts";
import { BaseServer, type BaseServerOptions, type StopOptions } from "./base_server.ts";
import { Socket } from "./socket.ts";
import { acceptTlsWith, checkServerOptions, type TlsServerOptions } from "./tls.ts";
import type { TlsEngine } from "./tls_info.ts";

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
export interface StreamServerOptions extends BaseServerOptions, Partial<TlsServerOptions> {
  /** How many connections the system may hold that were not accepted yet; default 511. */
  readonly backlog?: number;
  /**
   * Let other processes listen at the same address too, so that the system spreads the connections over them (Linux).
   * Deno has to be started with `--unstable-net` for that.
   */
  readonly reusePort?: boolean;
  /**
   * Who may connect to a unix socket: the permissions of its file, for example `0o600`. By default the umask decides.
   * Connecting takes the permission to write.
   */
  readonly mode?: number;
  /** Certificate chain (PEM); with {@link StreamServerOptions.key} it turns TLS on. */
  readonly cert?: string;
  /** Private key (PEM). */
  readonly key?: string;
  /** What does the TLS; default `"node"`. */
  readonly engine?: TlsEngine;
  /**
   * How long a TLS handshake may take, in ms, before the connection is closed; default 10 000. With engine `"deno"` the
   * runtime lets go of the connection itself only once the client says something or closes it.
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
 * taken, it pauses and tries again. When its pool is full, connections wait in the system's backlog.
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
  /** What TLS needs when it is not the listener that does it. */
  readonly #tls: TlsServerOptions | undefined;
  #listener: Deno.Listener | undefined;
  #acceptor: Greenlet<void> | undefined;
  #operation: Promise<Deno.Conn> | undefined;
  readonly #accepting = new Event();

  /**
   * Makes a server that does not accept anything yet.
   *
   * @param address Where to listen; or a listener, which is the server's from then on and is closed when that is stopped.
   * @param handle Called with the socket and the peer's address.
   * @throws {TypeError} When an argument has the wrong form, or when options do not fit each other.
   */
  constructor(
    address: Address | Deno.Listener,
    handle: StreamHandler,
    options: StreamServerOptions = {},
  ) {
    const listener = isListener(address) ? address : undefined;
    super(listener === undefined ? address as Address : listener.addr as Address, options);
    requireFunction(handle, "handle");
    checkOptions(this.address, options, listener !== undefined);
    this.#handle = handle;
    this.#options = options;
    this.#listener = listener;
    const { cert, key, engine = "node" } = options;
    if (cert !== undefined && key !== undefined && engine === "node") {
      this.#tls = options as TlsServerOptions;
    }
    this.#accepting.set();
  }

  /** Whether it accepts connections, as long as it is {@link BaseServer.started} and not {@link BaseServer.full}. */
  get accepting(): boolean {
    return this.#accepting.isSet;
  }

  /**
   * Accepts no more connections until {@link StreamServer.startAccepting} is called; they wait in the system's backlog.
   * Handlers that run are not touched.
   */
  stopAccepting(): void {
    this.#accepting.clear();
  }

  /** Goes on accepting connections after {@link StreamServer.stopAccepting}. */
  startAccepting(): void {
    this.#accepting.set();
  }

  /** See {@link BaseServer.stop}; also closes a listener that was given and never got to be used. */
  override async stop(options?: StopOptions): Promise<void> {
    await super.stop(options);
    if (this.closed && this.#listener !== undefined) closeQuietly(this.#listener);
  }

  /** What is at the path of a listener that was given is its own. */
  protected override async makeWay(address: ParsedAddress): Promise<void> {
    if (this.#listener === undefined) await super.makeWay(address);
  }

  /** Opens the listener, unless one was given, and begins to accept. */
  protected override async listen(address: ParsedAddress): Promise<Deno.Addr> {
    if (this.#tls !== undefined) await checkServerOptions(this.#tls);
    const listener = this.#listener ??= listenAt(address, this.#options);
    this.#acceptor = new Greenlet(() => this.#acceptForever(listener));
    this.#acceptor.name = `acceptor of ${formatAddress(listener.addr)}`;
    this.#acceptor.start();
    return listener.addr;
  }

  /** Closes the listener, and waits until the runtime has let go of it; it also removes a unix socket's file. */
  protected override async unlisten(): Promise<void> {
    if (this.#listener !== undefined) closeQuietly(this.#listener);
    await this.#acceptor?.kill();
    // Only for its end: what it may still bring is closed by who accepts.
    if (this.#operation !== undefined) await until(this.#operation.then(() => {}, () => {}));
  }

  async #acceptForever(listener: Deno.Listener): Promise<void> {
    let pause = SHORTEST_PAUSE;
    while (!this.closed) {
      await this.#roomForOne();
      try {
        this.#operation = listener.accept();
        const conn = await until(this.#operation, { orphan: (late) => late.close() });
        await this.#serve(conn);
        pause = SHORTEST_PAUSE;
      } catch (error) {
        if (this.closed) return;
        if (error instanceof GreenletExit) throw error;
        if (error instanceof Deno.errors.ConnectionAborted) continue; // the client, while it was in the backlog
        if (error instanceof Deno.errors.BadResource) return this.giveUp(error);
        hub.handleError(this, error);
        await sleep(pause);
        pause = Math.min(pause * 2, LONGEST_PAUSE);
      }
    }
  }

  async #roomForOne(): Promise<void> {
    do {
      await this.#accepting.wait();
      await this.pool.waitAvailable();
    } while (!this.#accepting.isSet);
  }

  async #serve(conn: Deno.Conn): Promise<void> {
    const socket = new Socket(conn);
    const greenlet = new Greenlet(() => this.#run(socket));
    // Closed by a link and not by the handler's greenlet itself: that one may be killed before it ever runs.
    watchEnd(greenlet, () => socket.close());
    try {
      // The operation cannot be taken back that was under way when the accepting was stopped.
      if (!this.accepting) await this.#roomForOne();
      await this.pool.start(greenlet);
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  async #run(plain: Socket): Promise<void> {
    if (this.#options.noDelay ?? true) plain.setNoDelay();
    using socket = await this.#shakeHands(plain);
    if (socket !== undefined) await this.#handle(socket, socket.remoteAddr);
  }

  /** Completes the TLS handshake, if there is one; a peer that cannot is not an error of this program. */
  async #shakeHands(socket: Socket): Promise<Socket | undefined> {
    const { handshakeTimeout: timeout = 10_000 } = this.#options;
    try {
      if (this.#tls !== undefined) return await acceptTlsWith(socket, this.#tls, { timeout });
      await socket.handshake({ timeout });
      return socket;
    } catch (error) {
      if (error instanceof GreenletExit) throw error;
      return undefined; // wrong protocol, wrong certificate, too slow, or gone
    }
  }
}

function isListener(address: Address | Deno.Listener): address is Deno.Listener {
  return typeof address === "object" && address !== null && "accept" in address &&
    typeof address.accept === "function";
}

function checkOptions(
  address: ParsedAddress,
  options: StreamServerOptions,
  isGiven: boolean,
): void {
  const { cert, key, clientCaCerts, sni, engine = "node" } = options;
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError("Cannot create a TLS server as it needs both 'cert' and 'key'");
  }
  if (sni !== undefined) requireFunction(sni, "sni");
  for (const [name, value] of Object.entries({ clientCaCerts, sni })) {
    if (value === undefined) continue;
    if (cert === undefined) {
      throw new TypeError(`Cannot create a server with '${name}' as it needs 'cert' and 'key' too`);
    }
    if (engine === "deno") {
      throw new TypeError(`Cannot create a server with '${name}' and engine 'deno'`);
    }
  }
  if (cert !== undefined && engine === "deno" && (isGiven || "path" in address)) {
    throw new TypeError(
      `Cannot create a TLS server with engine 'deno' on a unix socket or a given listener: received ${
        formatAddress(address)
      }`,
    );
  }
  const { backlog, reusePort, mode } = options;
  for (const [name, value] of Object.entries({ backlog, reusePort, mode })) {
    if (value === undefined || value === false) continue;
    if (isGiven) throw new TypeError(`Cannot create a server with '${name}' on a given listener`);
    if ((name === "mode") !== ("path" in address)) {
      throw new TypeError(
        `Cannot create a server with '${name}' at such an address: ${formatAddress(address)}`,
      );
    }
  }
  if (mode !== undefined && !(Number.isInteger(mode) && mode >= 0 && mode <= 0o777)) {
    throw new RangeError(
      `Cannot create a server as 'mode' must be permissions such as 0o600: received ${mode}`,
    );
  }
}
