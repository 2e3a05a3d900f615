/**
 * Servers for single messages.
 *
 * @module
 */

import { requireFunction } from "../core/arguments.ts";
import { GreenletExit } from "../core/errors.ts";
import { Greenlet } from "../core/greenlet.ts";
import { hub } from "../core/scheduler.ts";
import { sleep } from "../core/sleep.ts";
import type { WaitOptions } from "../core/suspend.ts";
import { type Address, formatAddress, type ParsedAddress } from "./address.ts";
import { BaseServer, type BaseServerOptions } from "./base_server.ts";
import { checkDatagramOptions, type DatagramOptions, DatagramSocket } from "./datagram_socket.ts";

/**
 * What is called for each datagram, in a greenlet of its own.
 *
 * @example
 * ```ts
 * import { type DatagramHandler, DatagramServer } from "@gevent/deno/net";
 *
 * const echo: DatagramHandler = (data, address) => server.sendTo(data, address);
 * const server: DatagramServer = new DatagramServer("127.0.0.1:0", echo);
 * await server.start();
 * await server.stop();
 * ```
 */
export type DatagramHandler = (data: Uint8Array<ArrayBuffer>, address: Deno.Addr) => unknown;

/**
 * What `DatagramServer` takes.
 *
 * @example
 * ```ts
 * import type { DatagramServerOptions } from "@gevent/deno/net";
 *
 * const options: DatagramServerOptions = { spawn: 100, maxSize: 1500 };
 * console.assert(options.maxSize === 1500);
 * ```
 */
export interface DatagramServerOptions extends BaseServerOptions, DatagramOptions {}

/** Pauses after a failed reception: from the first to the last of these, in ms, doubling. */
const SHORTEST_PAUSE = 10;
const LONGEST_PAUSE = 1000;

/**
 * Receives datagrams and runs a handler for each in a greenlet: gevent's `DatagramServer`.
 *
 * When its pool is full, `backlog` datagrams are kept until there is room; further ones stay in the system, which drops those of
 * UDP that do not fit into its buffer.
 * Handlers may send until the last of them has ended; then the socket is closed. A server on a unix socket can only receive, and
 * needs `--unstable-net`: see {@link DatagramSocket} for what the runtime can do.
 *
 * @example
 * ```ts
 * import { DatagramServer, DatagramSocket } from "@gevent/deno/net";
 *
 * await using server: DatagramServer = new DatagramServer("127.0.0.1:0", async (data, address) => {
 *   await server.sendTo(new TextEncoder().encode(`Received ${data.length} bytes`), address);
 * });
 * await server.start();
 *
 * using client = await DatagramSocket.connect(server.address);
 * await client.send(new TextEncoder().encode("ping"));
 * console.assert(new TextDecoder().decode(await client.recv({ timeout: 5000 })) === "Received 4 bytes");
 * ```
 */
export class DatagramServer extends BaseServer {
  readonly #handle: DatagramHandler;
  readonly #options: DatagramOptions;
  #socket: DatagramSocket | undefined;
  #receiver: Greenlet<void> | undefined;

  /**
   * Makes a server that does not receive anything yet.
   *
   * @param address Where to receive.
   * @param handle Called with the bytes and the sender's address.
   * @throws {TypeError} When an argument has the wrong form.
   */
  constructor(address: Address, handle: DatagramHandler, options: DatagramServerOptions = {}) {
    super(address, options);
    requireFunction(handle, "handle");
    checkDatagramOptions(options);
    this.#handle = handle;
    this.#options = options;
  }

  /** See {@link DatagramSocket.dropped}. */
  get dropped(): number {
    return this.#socket?.dropped ?? 0;
  }

  /**
   * Sends a datagram from the server's address, and returns its size; see {@link DatagramSocket.sendTo}. Datagrams go out one
   * after the other.
   *
   * @throws {Deno.errors.BadResource} When the server is not started, or is stopped.
   */
  async sendTo(
    data: Uint8Array,
    address: Address | Deno.Addr,
    options?: WaitOptions,
  ): Promise<number> {
    if (this.#socket === undefined) {
      throw new Deno.errors.BadResource(`Cannot send from ${this} as it was not started`);
    }
    return await this.#socket.sendTo(data, address, options);
  }

  /** Opens the socket, and begins to receive. */
  protected override async listen(address: ParsedAddress): Promise<Deno.Addr> {
    const socket = this.#socket = await DatagramSocket.bind(address, this.#options);
    this.#receiver = new Greenlet(() => this.#receiveForever(socket));
    this.#receiver.name = `receiver of ${formatAddress(socket.localAddr)}`;
    this.#receiver.start();
    return socket.localAddr;
  }

  /** Receives no more; handlers may still send. */
  protected override async unlisten(): Promise<void> {
    await this.#receiver?.kill();
  }

  /** Closes the socket; for a path, this also removes its file. */
  protected override async drain(): Promise<void> {
    this.#socket?.close();
    await super.drain();
  }

  async #receiveForever(socket: DatagramSocket): Promise<void> {
    let pause = SHORTEST_PAUSE;
    for (;;) {
      await this.pool.waitAvailable();
      try {
        const [data, address] = await socket.recvFrom();
        await this.pool.start(new Greenlet(() => this.#handle(data, address)));
        pause = SHORTEST_PAUSE;
      } catch (error) {
        if (error instanceof GreenletExit) throw error;
        hub.handleError(this, error);
        await sleep(pause);
        pause = Math.min(pause * 2, LONGEST_PAUSE);
      }
    }
  }
}
