/**
 * Datagrams over unix sockets.
 *
 * They are received only when somebody waits for them. The others stay in the system, which lets senders wait when it has no
 * more room, so none is lost. And the runtime refuses to send as long as it has been told to receive, which cannot be taken back.
 *
 * @module
 */

import { original } from "../core/originals.ts";
import { ABSTRACT } from "./address.ts";
import type { DatagramDemand, DatagramTransport } from "./datagram_transport.ts";

/** What the runtime has with `--unstable-net`. */
type UnixDatagramConn = Deno.DatagramConn;

/**
 * Makes a socket, bound to a path.
 *
 * @throws {Deno.errors.NotSupported} When Deno was started without `--unstable-net`.
 */
export function bindUnixDatagrams(path: string, maxSize: number): DatagramTransport {
  if (!("listenDatagram" in Deno)) {
    throw new Deno.errors.NotSupported(
      "Cannot use datagrams over unix sockets as Deno was started without --unstable-net",
    );
  }
  return new UnixDatagrams(
    original(Deno, "listenDatagram")({ transport: "unixpacket", path }),
    path,
    maxSize,
  );
}

class UnixDatagrams implements DatagramTransport {
  readonly localAddr: Deno.Addr;
  readonly #conn: UnixDatagramConn;
  /** One byte more than wanted, so that a datagram that was cut short can be told from one that just fits. */
  readonly #buffer: Uint8Array<ArrayBuffer>;
  /** The file at the path, which the runtime leaves there. */
  readonly #file: number | null;
  #receive!: (data: Uint8Array<ArrayBuffer>, address: Deno.Addr) => DatagramDemand;
  #failed!: (error: unknown) => void;
  #receiving = false;
  #closed = false;

  constructor(conn: UnixDatagramConn, path: string, maxSize: number) {
    this.#conn = conn;
    this.localAddr = { transport: "unixpacket", path };
    this.#buffer = new Uint8Array(maxSize + 1);
    this.#file = inodeOf(path);
  }

  start(
    receive: (data: Uint8Array<ArrayBuffer>, address: Deno.Addr) => DatagramDemand,
    failed: (error: unknown) => void,
  ): void {
    this.#receive = receive;
    this.#failed = failed;
  }

  resume(): void {
    if (!this.#receiving && !this.#closed) void this.#receiveMore();
  }

  async send(data: Uint8Array<ArrayBuffer>, address: Deno.Addr | undefined): Promise<number> {
    try {
      return await this.#conn.send(data, address!);
    } catch (error) {
      if (!(error instanceof Deno.errors.Busy)) throw error;
      const { path } = this.localAddr as Deno.UnixAddr;
      throw new Deno.errors.Busy(
        `Cannot send from ${path} while it waits to receive, as the runtime has no such thing: use two sockets`,
        { cause: error },
      );
    }
  }

  close(): void {
    this.#closed = true;
    this.#conn.close();
    const { path } = this.localAddr as Deno.UnixAddr;
    if (this.#file !== null && inodeOf(path) === this.#file) Deno.removeSync(path);
  }

  async #receiveMore(): Promise<void> {
    this.#receiving = true;
    try {
      let demand: DatagramDemand = "waited";
      while (demand === "waited" && !this.#closed) {
        const [data, address] = await this.#conn.receive(this.#buffer);
        demand = this.#receive(data.slice(), address);
      }
    } catch (error) {
      if (!this.#closed) this.#failed(error);
    } finally {
      this.#receiving = false;
    }
  }
}

function inodeOf(path: string): number | null {
  if (path.startsWith(ABSTRACT)) return null;
  try {
    return Deno.lstatSync(path).ino;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
