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
import { endSoon, isImpatient } from "./_impatient.ts";
import { Watchers } from "./_watchers.ts";
import { writeBatch } from "./_write_batch.ts";

const SEND: WaitKind<number> = { name: "Socket.send" };
const SEND_FILE: WaitKind<number> = { name: "Socket.sendFile" };

/** What one write operation takes at most, so that an interrupted sender stops before long. */
const LARGEST_WRITE = 65536;

/** Where bytes to be sent come from, bit by bit. */
export interface ByteSource {
  /** How many were sent so far. */
  sent: number;
  /** The next ones, `null` after the last. They are not touched until they are asked for again. */
  next(): Promise<Uint8Array | null>;
}

/** Bytes on their way out. */
export class Outgoing {
  readonly #conn: Pick<Deno.Conn, "write">;
  #wait: Wait<number> | undefined;
  #operation: Promise<number> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #watchers: Watchers | undefined;

  /** Writes to a connection of the runtime, which nobody else may write to. */
  constructor(conn: Pick<Deno.Conn, "write">) {
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
    if (this.#wait !== undefined) return Promise.reject(this.#otherWriter(name));
    if (data.length === 0) return completed(0);
    return parkWait<number>(
      (wait) => {
        this.#wait = wait;
        const begin = (): void => this.#write(wait, data, 0, all);
        if (this.#operation === undefined) writeBatch.add(begin);
        else this.#operation.then(begin, begin);
        if (isImpatient(options)) endSoon(wait);
        return () => this.#forget(wait);
      },
      isImpatient(options) ? { signal: options.signal } : options,
      SEND,
    );
  }

  /**
   * Sends all that a source gives, and returns how many bytes that were. One wait for the whole: nobody can write in
   * between, and one time limit covers it.
   */
  sendFrom(
    source: ByteSource,
    options: WaitOptions | undefined,
    name: () => string,
  ): Promise<number> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    const obstacle = this.#failure === undefined ? this.#otherWriter(name) : this.#failure.error;
    if (obstacle !== undefined) return Promise.reject(obstacle);
    return parkWait<number>(
      (wait) => {
        this.#wait = wait;
        const begin = (): void => void this.#pump(wait, source);
        if (this.#operation === undefined) begin();
        else this.#operation.then(begin, begin);
        return () => this.#forget(wait);
      },
      options,
      SEND_FILE,
    );
  }

  /**
   * Why the connection cannot be handed over to somebody else who writes from here on; `undefined` when it can. `name` is
   * for the message.
   */
  obstacle(name: () => string): Error | undefined {
    if (this.#failure !== undefined) return this.#failure.error as Error;
    if (this.#operation !== undefined && this.#wait === undefined) {
      return new Deno.errors.Busy(`A write to ${name()} that was given up still goes on`);
    }
    return this.#otherWriter(name);
  }

  /** Whether a write would begin at once, or fail. */
  get writable(): boolean {
    return this.#failure !== undefined ||
      this.#wait === undefined && this.#operation === undefined;
  }

  /** Whether it has failed, or was closed. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Has `changed` called when it may have become writable, until what is returned is called. */
  watch(changed: () => void): () => void {
    return (this.#watchers ??= new Watchers()).add(changed);
  }

  /** From now on every write fails. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    const wait = this.#wait;
    this.#wait = undefined;
    wait?.fail(error);
    this.#watchers?.tell();
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
      this.#forget(wait);
      wait.resume(sent);
    }, (error) => {
      this.#operation = undefined;
      this.#forget(wait);
      wait.fail(error);
    });
  }

  /** A write is over, or was given up. */
  #forget(wait: Wait<number>): void {
    if (this.#wait === wait) this.#wait = undefined;
    this.#watchers?.tell();
  }

  #otherWriter(name: () => string): Error | undefined {
    if (this.#wait === undefined) return undefined;
    return new ConcurrentObjectUseError(`${name()} is already being written`);
  }

  async #pump(wait: Wait<number>, source: ByteSource): Promise<void> {
    try {
      for (;;) {
        if (wait.settled) return;
        let rest = await source.next();
        if (rest === null) break;
        while (rest.length > 0 && !wait.settled) {
          const count: number = await this.#operate(rest.subarray(0, LARGEST_WRITE));
          source.sent += count;
          rest = rest.subarray(count);
        }
      }
      this.#forget(wait);
      wait.resume(source.sent);
    } catch (error) {
      this.#forget(wait);
      wait.fail(error);
    }
  }

  async #operate(data: Uint8Array): Promise<number> {
    const operation = this.#operation = this.#conn.write(data);
    try {
      return await operation;
    } finally {
      this.#operation = undefined;
    }
  }
}
