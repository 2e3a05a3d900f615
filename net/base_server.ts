/**
 * What all servers have in common: an address, a state, a limit, and an orderly end.
 *
 * @module
 */

import { Greenlet } from "../core/greenlet.ts";
import { Pool } from "../core/pool.ts";
import { hub } from "../core/scheduler.ts";
import { getCurrent } from "../core/spawn.ts";
import type { WaitOptions } from "../core/suspend.ts";
import { Event } from "../sync/event.ts";
import { Lock } from "../sync/lock.ts";
import { nameAddress } from "./_runtime_errors.ts";
import { removeStaleSocket } from "./_stale_socket.ts";
import { type Address, formatAddress, parseAddress, type ParsedAddress } from "./address.ts";

/**
 * What every server takes.
 *
 * @example
 * ```ts
 * import { Pool } from "@gevent/deno";
 * import type { BaseServerOptions } from "@gevent/deno/net";
 *
 * const options: BaseServerOptions = { spawn: new Pool(100), stopTimeout: 5000 };
 * console.assert(options.stopTimeout === 5000);
 * ```
 */
export interface BaseServerOptions {
  /**
   * Where the handlers run: a pool, or the size of one. A full pool stops the accepting until there is room. By default
   * there is no limit. `stop` waits for whatever runs in the pool, and kills it.
   */
  readonly spawn?: Pool | number;
  /** How long `stop` lets running handlers go on, in ms, before it kills them; default 1000. */
  readonly stopTimeout?: number;
}

/**
 * What `stop` takes.
 *
 * @example
 * ```ts
 * import { type StopOptions, StreamServer } from "@gevent/deno/net";
 *
 * const options: StopOptions = { timeout: 100 };
 * const server = new StreamServer("127.0.0.1:0", () => {});
 * await server.start();
 * await server.stop(options);
 * ```
 */
export interface StopOptions {
  /** How long running handlers may go on, in ms, before they are killed; by default the server's `stopTimeout`. */
  readonly timeout?: number | null;
}

/** How long `stop` waits for handlers that it has killed. */
const DYING_TIME = 1000;

/**
 * A server that is started and stopped: the base of `StreamServer` and `HttpServer`, gevent's `BaseServer`.
 *
 * A subclass says how to listen and how to stop listening.
 *
 * @example
 * ```ts
 * import { BaseServer, StreamServer } from "@gevent/deno/net";
 *
 * const server: BaseServer = new StreamServer("127.0.0.1:0", () => {});
 * await server.start();
 * console.assert(server.started);
 * await server.stop();
 * ```
 */
export abstract class BaseServer implements AsyncDisposable {
  /** Where the handlers run. */
  readonly pool: Pool;
  /** See {@link BaseServerOptions.stopTimeout}. */
  readonly stopTimeout: number;
  readonly #wanted: ParsedAddress;
  #bound: Deno.Addr | undefined;
  #state: "new" | "started" | "stopping" | "stopped" = "new";
  readonly #starting = new Lock();
  readonly #stopped = new Event();

  /**
   * Takes the address and the options that all servers have.
   *
   * @throws {TypeError} When the address or an option has the wrong form.
   */
  constructor(address: Address, options: BaseServerOptions = {}) {
    const { spawn, stopTimeout = 1000 } = options;
    if (typeof stopTimeout !== "number" || !(stopTimeout >= 0)) {
      throw new RangeError(
        `Cannot create a server as 'stopTimeout' must not be negative: received ${stopTimeout}`,
      );
    }
    if (spawn !== undefined && !(spawn instanceof Pool) && typeof spawn !== "number") {
      throw new TypeError(
        `Cannot create a server as 'spawn' must be a Pool or a number: received ${
          Deno.inspect(spawn)
        }`,
      );
    }
    this.#wanted = parseAddress(address);
    this.pool = spawn instanceof Pool ? spawn : new Pool(spawn);
    this.stopTimeout = stopTimeout;
  }

  /**
   * Where it listens, with the real port; the address that was asked for before it is started. Has `hostname` and `port`,
   * or `path`.
   */
  get address(): ParsedAddress {
    const bound = this.#bound;
    if (bound === undefined) return this.#wanted;
    if ("path" in bound) return { path: bound.path };
    if ("hostname" in bound) return { hostname: bound.hostname, port: bound.port };
    return this.#wanted;
  }

  /**
   * The port it listens at: gevent's `server_port`.
   *
   * @throws {TypeError} For a server on a unix socket, which has none.
   */
  get port(): number {
    const { address } = this;
    if ("port" in address) return address.port;
    throw new TypeError(`A server on a unix socket has no port: ${this}`);
  }

  /** Whether it is listening. */
  get started(): boolean {
    return this.#state === "started";
  }

  /** Whether it was stopped. */
  get closed(): boolean {
    return this.#state === "stopping" || this.#state === "stopped";
  }

  /** Whether all handlers that may run at a time are running. */
  get full(): boolean {
    return this.pool.full;
  }

  /**
   * Begins to listen; does nothing when it is listening already. Callers take turns: when one fails or is interrupted, the
   * next one tries. At the path of a unix socket, a socket file that no server listens on any more is replaced.
   *
   * @throws {TypeError} When it was stopped before.
   * @throws {BlockingSwitchOutError} In a hub callback, while somebody else starts it.
   * @throws {Deno.errors.AddrInUse} And other errors of the runtime; the message names the address.
   */
  async start(): Promise<void> {
    if (this.started) return;
    // If nobody else is at it, that is no wait, and so hub callbacks may: what comes after an `await` is outside of them.
    if (hub.inCallback && !this.#starting.locked) await undefined;
    using _ = await this.#starting.hold();
    if (this.started) return;
    if (this.closed) throw new TypeError(`Cannot start ${this} as it was stopped`);
    await this.#start();
  }

  /** Starts it if need be, and waits until it is stopped. When that wait is interrupted, the server is stopped. */
  async serveForever(options?: WaitOptions): Promise<void> {
    await this.start();
    try {
      await this.#stopped.wait(options);
    } finally {
      if (this.started) await this.#stopInOwnGreenlet();
    }
  }

  /**
   * Stops listening, lets running handlers finish for `options.timeout` ms, kills the rest and waits for them. Calling it
   * again waits for the same end. A handler cannot wait for its own end: called in one, it returns at once. When it is
   * interrupted while others still start the server, that is stopped all the same.
   */
  async stop(options: StopOptions = {}): Promise<void> {
    if (this.#starting.locked) await this.#waitForStarts(options);
    const inHandler = this.pool.has(getCurrent());
    if (this.#state !== "started") {
      if (this.#state !== "stopping") this.#markStopped();
      else if (!inHandler) await this.#stopped.wait();
      return;
    }
    this.#state = "stopping";
    if (!inHandler) return await this.#end(options);
    new Greenlet(() => this.#end(options)).start();
  }

  /** Waits for those who are about to start it. */
  async #waitForStarts(options: StopOptions): Promise<void> {
    try {
      await this.#starting.acquire();
    } catch (error) {
      new Greenlet(() => this.stop(options)).start(); // or it would listen for ever
      throw error;
    }
    this.#starting.release();
  }

  async #end(options: StopOptions): Promise<void> {
    try {
      await this.unlisten();
      const timeout = options.timeout === undefined ? this.stopTimeout : options.timeout;
      if (!await this.pool.join({ timeout })) {
        await this.pool.kill(undefined, { timeout: DYING_TIME });
      }
      await this.drain();
    } finally {
      this.#markStopped();
    }
  }

  /** The end of an `await using` block: {@link BaseServer.stop}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** For example `<StreamServer 127.0.0.1:8000 started>`. */
  toString(): string {
    return `<${this.constructor.name} ${formatAddress(this.address)} ${this.#state}>`;
  }

  /** Called before `listen`: removes what a killed process has left behind at the path of a unix socket. */
  protected async makeWay(address: ParsedAddress): Promise<void> {
    if ("path" in address) await removeStaleSocket(address.path);
  }

  /** Begins to listen at an address, and returns the one it got. */
  protected abstract listen(address: ParsedAddress): Deno.Addr | Promise<Deno.Addr>;

  /** Stops listening; nothing new must come in afterwards. */
  protected abstract unlisten(): void | Promise<void>;

  /** Called by `stop` when no handler is left, before the server counts as stopped. */
  protected async drain(): Promise<void> {}

  /** For a subclass that can listen no more: reports why, and stops the server. */
  protected giveUp(error: unknown): void {
    hub.handleError(this, error);
    void this.#stopInOwnGreenlet();
  }

  async #start(): Promise<void> {
    const wanted = this.#wanted;
    try {
      await this.makeWay(wanted);
      this.#bound = await this.listen(wanted);
      this.#state = "started";
    } catch (error) {
      nameAddress(error, wanted);
      throw error;
    }
  }

  #markStopped(): void {
    this.#state = "stopped";
    this.#stopped.set();
  }

  /** Whoever wants it stopped may be killed already, or by the stopping: what it waits for then it would not get. */
  async #stopInOwnGreenlet(): Promise<void> {
    const stopping = new Greenlet(() => this.stop());
    stopping.start();
    await stopping.join();
  }
}
