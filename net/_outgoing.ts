/**
 * The writing half of a socket.
 *
 * The runtime cannot cancel a write either. One that is given up goes on, and the next one waits for it, so that bytes
 * never overtake each other.
 *
 * @module
 */

import { ConcurrentObjectUseError } from "../core/errors.ts";
import { checkpoint, completed, parkWait, type WaitOptions } from "../core/suspend.ts";
import type { Wait, WaitKind } from "../core/waiter.ts";
import { writeBatch } from "./_write_batch.ts";

const SEND: WaitKind<number> = { name: "Socket.send" };

/** What one write operation takes at most, so that an interrupted sender stops before long. */
const LARGEST_WRITE = 65536;

/** Bytes on their way out. */
export class Outgoing {
  readonly #conn: Deno.Conn;
  #wait: Wait<number> | undefined;
  #operation: Promise<number> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** Writes to a connection of the runtime, which nobody else may write to. */
  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /**
   * Sends some of the bytes, or all of them, and returns how many were sent. `name` is for the message to a second
   * writer.
   */
  send(
    data: Uint8Array,
    all: boolean,
    options: WaitOptions | undefined,
    name: () => string,
  ): Promise<number> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (this.#wait !== undefined) {
      return Promise.reject(new ConcurrentObjectUseError(`${name()} is already being written`));
    }
    if (data.length === 0) return completed(0);
    return parkWait<number>(
      (wait) => {
        this.#wait = wait;
        const begin = (): void => this.#write(wait, data, 0, all);
        if (this.#operation === undefined) writeBatch.add(begin);
        else this.#operation.then(begin, begin);
        return () => this.#wait = undefined;
      },
      options,
      SEND,
    );
  }

  /** From now on every write fails. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    const wait = this.#wait;
    this.#wait = undefined;
    wait?.fail(error);
  }

  #write(wait: Wait<number>, data: Uint8Array, sent: number, all: boolean): void {
    if (wait.settled) return;
    const chunk = sent === 0 && data.length <= LARGEST_WRITE
      ? data
      : data.subarray(sent, sent + LARGEST_WRITE);
    const operation = this.#operation = this.#conn.write(chunk);
    operation.then((count) => {
      this.#operation = undefined;
      sent += count;
      if (all && sent < data.length) return this.#write(wait, data, sent, all);
      if (this.#wait === wait) this.#wait = undefined;
      wait.resume(sent);
    }, (error) => {
      this.#operation = undefined;
      if (this.#wait === wait) this.#wait = undefined;
      wait.fail(error);
    });
  }
}
