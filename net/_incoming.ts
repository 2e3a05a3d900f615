/**
 * The reading half of a socket.
 *
 * The runtime cannot cancel a read. So bytes are always read into a buffer of the socket's own; when the greenlet that
 * wanted them is killed or timed out, the operation stays pending, and what it brings goes to the next reader.
 *
 * @module
 */

import { ConcurrentObjectUseError } from "../core/errors.ts";
import type { Greenlet } from "../core/greenlet.ts";
import { getCurrent } from "../core/spawn.ts";
import { checkpoint, completed, parkWait, type WaitOptions } from "../core/suspend.ts";
import type { Wait, WaitKind } from "../core/waiter.ts";
import { readGate } from "./_read_gate.ts";

/** The buffer starts small, as most connections are idle or chatty, and grows with what comes in. */
const SMALLEST_BUFFER = 2048;
/** With so much room left behind the bytes that are kept, they stay where they are. */
const WORTH_READING = 512;
/** The most that one read operation brings. */
export const LARGEST_READ = 65536;

/** Making an array buffer costs as much as a tenth of an echo: results below this size share one, per socket. */
const SMALL = 1024;
const SLAB = 4096;

const EMPTY = new Uint8Array(0);

// deno-lint-ignore no-explicit-any -- one constant serves requests for all kinds of results
const READ: WaitKind<any> = { name: "Socket.recv" };

/** What a reader wants: a decision to be made each time bytes have come. */
export interface ReadRequest<T> {
  /** How many bytes it needs in the buffer, at most, to be satisfied. */
  readonly wanted: number;
  /** Takes from the bytes that are there, which may be none; `undefined` when they are not enough. May throw. */
  take(incoming: Incoming): T | undefined;
  /** The result at the end of the stream. May throw. */
  atEnd(incoming: Incoming): T;
}

/** Bytes on their way in. */
export class Incoming {
  readonly #conn: Deno.Conn;
  #buffer: Uint8Array<ArrayBuffer> = EMPTY;
  /** Where small results are carved from; a caller may have detached it, then it is empty. */
  #slab: Uint8Array<ArrayBuffer> = EMPTY;
  #slabUsed = 0;
  /** The part of the buffer that has been read and not been taken. */
  #start = 0;
  #end = 0;
  /** A read operation is under way, or waits at the gate; it will append at `#end`. */
  #reading = false;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #wait: Wait<unknown> | undefined;
  #request: ReadRequest<unknown> | undefined;
  #reader: Greenlet | undefined;

  /** Reads from a connection of the runtime, which nobody else may read. */
  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** How many bytes are there that nobody has taken. */
  get size(): number {
    return this.#end - this.#start;
  }

  /** Where a byte stands among those that are there, looking from a position on; -1 when it does not. */
  indexOf(byte: number, from: number): number {
    return this.#buffer.subarray(this.#start, this.#end).indexOf(byte, from);
  }

  /**
   * Takes at most `size` bytes; the copy is the caller's. Never a part of the buffer that is read into: whatever the
   * caller does with it, what is still to come is safe.
   */
  take(size: number): Uint8Array<ArrayBuffer> {
    const end = Math.min(this.#start + size, this.#end);
    const count = end - this.#start;
    if (count >= SMALL) {
      const taken = this.#buffer.slice(this.#start, end);
      this.#start = end;
      return taken;
    }
    if (this.#slab.length - this.#slabUsed < count) {
      this.#slab = new Uint8Array(SLAB);
      this.#slabUsed = 0;
    }
    const taken = this.#slab.subarray(this.#slabUsed, this.#slabUsed += count);
    taken.set(this.#buffer.subarray(this.#start, end));
    this.#start = end;
    return taken;
  }

  /** Takes as many bytes as are there and fit; returns how many. */
  takeInto(target: Uint8Array): number {
    const count = Math.min(target.length, this.size);
    target.set(this.#buffer.subarray(this.#start, this.#start + count));
    this.#start += count;
    return count;
  }

  /** Waits until a request can be satisfied. `name` is for the message to a second reader. */
  read<T>(
    request: ReadRequest<T>,
    options: WaitOptions | undefined,
    name: () => string,
  ): Promise<T> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (this.#wait !== undefined) {
      const message = `${name()} is already being read by ${this.#reader}`;
      return Promise.reject(new ConcurrentObjectUseError(message));
    }
    try {
      const result = this.#attempt(request);
      if (result !== undefined) return completed(result);
    } catch (error) {
      return Promise.reject(error);
    }
    return parkWait<T>(
      (wait) => {
        this.#wait = wait as Wait<unknown>;
        this.#request = request;
        this.#reader = getCurrent();
        this.#readMore(request.wanted);
        return () => this.#forgetReader();
      },
      options,
      READ,
    );
  }

  /** From now on there is nothing more to read. */
  end(): void {
    this.#ended = true;
    this.#serve();
  }

  /** From now on every read fails; what was not taken is dropped. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#buffer = EMPTY;
    this.#start = this.#end = 0;
    this.#serve();
  }

  #attempt<T>(request: ReadRequest<T>): T | undefined {
    const result = request.take(this);
    if (result !== undefined) return result;
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#ended ? request.atEnd(this) : undefined;
  }

  /** Gives the reader what it wants, if it is there, or reads on for it. */
  #serve(): void {
    const wait = this.#wait;
    if (wait === undefined) return;
    const request = this.#request!;
    try {
      const result = this.#attempt(request);
      if (result === undefined) return this.#readMore(request.wanted);
      this.#forgetReader();
      wait.resume(result);
    } catch (error) {
      this.#forgetReader();
      wait.fail(error);
    }
  }

  #forgetReader(): void {
    this.#wait = this.#request = this.#reader = undefined;
  }

  #readMore(wanted: number): void {
    if (this.#reading) return;
    this.#makeRoom(wanted);
    this.#reading = true;
    readGate.request(this.#begin);
  }

  #begin = (): void => {
    const free = this.#end === 0 ? this.#buffer : this.#buffer.subarray(this.#end);
    if (this.#failure !== undefined) this.#onError(this.#failure.error);
    else this.#conn.read(free).then(this.#onRead, this.#onError);
  };

  #onRead = (count: number | null): void => {
    readGate.completed();
    this.#reading = false;
    if (this.#failure !== undefined) return;
    // What comes after the end that somebody has set is not for anybody.
    if (count === null) this.#ended = true;
    else if (!this.#ended) this.#end += count;
    this.#serve();
  };

  #onError = (error: unknown): void => {
    readGate.completed();
    this.#reading = false;
    this.fail(error);
  };

  /** Sees to it that the next read has somewhere to go, behind the bytes that are kept. */
  #makeRoom(wanted: number): void {
    const kept = this.#end - this.#start;
    if (kept === 0) {
      // A read that filled the buffer says that larger ones pay.
      const filled = this.#end === this.#buffer.length;
      const size = filled
        ? Math.min(Math.max(this.#end * 4, SMALLEST_BUFFER), LARGEST_READ)
        : this.#buffer.length;
      if (size > this.#buffer.length) this.#buffer = new Uint8Array(size);
      this.#start = this.#end = 0;
      return;
    }
    if (this.#buffer.length - this.#end >= Math.min(wanted - kept, WORTH_READING)) return;
    // A multiple of what has really come, and not all that is wanted: nobody can have memory reserved by a promise. Not
    // less either, or bytes that dribble in would be copied again and again.
    const size = Math.max(kept + SMALLEST_BUFFER, Math.min(wanted, kept * 4));
    const buffer = size > this.#buffer.length ? new Uint8Array(size) : this.#buffer;
    buffer.set(this.#buffer.subarray(this.#start, this.#end));
    this.#buffer = buffer;
    this.#start = 0;
    this.#end = kept;
  }
}
