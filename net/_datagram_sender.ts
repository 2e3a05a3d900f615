/**
 * The sending half of a datagram socket.
 *
 * @module
 */

import { checkpoint, parkWait, type WaitOptions } from "../core/suspend.ts";
import { WaitQueue } from "../core/wait_queue.ts";
import type { Wait, WaitKind } from "../core/waiter.ts";
import type { DatagramTransport } from "./datagram_transport.ts";

const SEND: WaitKind<number> = { name: "DatagramSocket.sendTo" };

/** What a wait brings along. */
interface Parcel {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly address: Deno.Addr | undefined;
}

/** Sends datagrams one after the other, in the order of the calls. */
export class DatagramSender {
  readonly #transport: DatagramTransport;
  /** Called when nothing is being sent any more. */
  readonly #idle: () => void;
  /** Those who wait for their turn, each with a {@link Parcel}. */
  readonly #line = new WaitQueue<number>();
  #busy = false;
  /** Who waits for what is being sent; it may have been interrupted. */
  #wait: Wait<number> | undefined;
  #failure: (() => Error) | undefined;

  /** Sends over a transport. */
  constructor(transport: DatagramTransport, idle: () => void) {
    this.#transport = transport;
    this.#idle = idle;
  }

  /** Whether something is being sent. */
  get busy(): boolean {
    return this.#busy;
  }

  /**
   * Sends a copy of the data. An interrupt while standing in line takes it back; once it is being sent it goes on, and the next
   * one waits for it.
   */
  send(
    data: Uint8Array,
    address: Deno.Addr | undefined,
    options: WaitOptions | undefined,
  ): Promise<number> {
    if (!(data instanceof Uint8Array)) {
      return Promise.reject(
        new TypeError(`Cannot send what is no Uint8Array: received ${Deno.inspect(data)}`),
      );
    }
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (this.#failure !== undefined) return Promise.reject(this.#failure());
    const parcel: Parcel = { data: new Uint8Array(data), address };
    return parkWait<number>(
      (wait) => {
        wait.brought = parcel;
        if (this.#busy) this.#line.add(wait);
        else this.#transmit(wait);
      },
      options,
      SEND,
    );
  }

  /** From now on nothing is sent any more: the transport was closed, and what it does with its last datagram it may not tell. */
  fail(makeError: () => Error): void {
    this.#failure = makeError;
    this.#wait?.fail(makeError());
    this.#line.failAll(makeError);
  }

  #transmit(wait: Wait<number>): void {
    const { data, address } = wait.brought as Parcel;
    this.#busy = true;
    this.#wait = wait;
    this.#transport.send(data, address).then((size) => {
      wait.resume(size);
      this.#next();
    }, (error) => {
      wait.fail(error);
      this.#next();
    });
  }

  #next(): void {
    this.#busy = false;
    this.#wait = undefined;
    const { first } = this.#line;
    if (first === null) return this.#idle();
    this.#line.remove(first);
    this.#transmit(first);
  }
}
