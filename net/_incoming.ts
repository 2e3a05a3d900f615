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
import { endSoon, isImpatient } from "./_impatient.ts";
import { type HeldRead, readGate } from "./_read_gate.ts";
import { Watchers } from "./_watchers.ts";

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

/** What a read operation brought that was under way when the connection was handed over. */
export type LateBytes = Promise<Uint8Array<ArrayBuffer> | null | undefined>;

/** Bytes on their way in. */
export class Incoming {
  readonly #conn: Pick<Deno.Conn, "read">;
  #buffer: Uint8Array<ArrayBuffer> = EMPTY;
  /** Where small results are carved from; a caller may have detached it, then it is empty. */
  #slab: Uint8Array<ArrayBuffer> = EMPTY;
  #slabUsed = 0;
  /** The part of the buffer that has been read and not been taken. */
  #start = 0;
  #end = 0;
  /** A read operation is under way, or waits at the gate; it will append at `#end`. */
  #reading = false;
  /** The read operation, while it waits at the gate. */
  #held: HeldRead | undefined;
  #round = 0;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #wait: Wait<unknown> | undefined;
  #request: ReadRequest<unknown> | undefined;
  #reader: Greenlet | undefined;
  /** Who gets what the read operation brings that was under way when the connection was handed over. */
  #heir: ((count: number | null | undefined) => void) | undefined;
  #watchers: Watchers | undefined;

  /** Reads from a connection of the runtime, which nobody else may read. */
  constructor(conn: Pick<Deno.Conn, "read">) {
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
        if (isImpatient(options)) endSoon(wait);
        return () => this.#forgetReader();
      },
      isImpatient(options) ? { signal: options.signal } : options,
      READ,
    );
  }

  /** Whether a read of anything would not wait: there are bytes, or the end, or an error. */
  get readable(): boolean {
    return this.size > 0 || this.#ended || this.#failure !== undefined;
  }

  /** Whether it has failed, or was closed. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /**
   * Has `changed` called when it is readable, until what is returned is called. A read is begun for that; what it brings stays
   * for the next reader.
   */
  watch(changed: () => void): () => void {
    const stop = (this.#watchers ??= new Watchers()).add(changed);
    if (!this.readable) this.#readMore(1);
    return stop;
  }

  /** From now on there is nothing more to read. */
  end(): void {
    this.#ended = true;
    this.#changed();
  }

  /** From now on every read fails; what was not taken is dropped. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#buffer = EMPTY;
    this.#start = this.#end = 0;
    if (this.#held !== undefined) this.#withdraw();
    this.#changed();
  }

  /**
   * Why the connection cannot be handed over to somebody else who reads it from here on; `undefined` when it can.
   * `name` is for the message.
   */
  obstacle(name: () => string): Error | undefined {
    if (this.#failure !== undefined) return this.#failure.error as Error;
    if (this.#wait !== undefined) {
      return new ConcurrentObjectUseError(`${name()} is being read by ${this.#reader}`);
    }
    if (this.size > 0) {
      return new Deno.errors.InvalidData(`${this.size} bytes have come that nobody has read`);
    }
    return this.#ended ? new Deno.errors.UnexpectedEof("The stream has ended") : undefined;
  }

  /**
   * Hands the connection over. A read that was given up may still be under way: what it brings is the beginning of what
   * the next one reads, `null` the end, `undefined` nothing.
   */
  release(error: unknown): LateBytes | undefined {
    if (!this.#reading) {
      this.fail(error);
      return undefined;
    }
    const target = this.#buffer.subarray(this.#end);
    const late = Promise.withResolvers<Uint8Array<ArrayBuffer> | null | undefined>();
    this.#heir = (count) => late.resolve(count == null ? count : target.slice(0, count));
    this.fail(error);
    return late.promise;
  }

  #attempt<T>(request: ReadRequest<T>): T | undefined {
    const result = request.take(this);
    if (result !== undefined) return result;
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#ended ? request.atEnd(this) : undefined;
  }

  /** First the reader is served; whoever watches is told if there is something left, or else gets the next read. */
  #changed(): void {
    this.#serve();
    if (this.#watchers === undefined || !this.#watchers.any) return;
    if (this.readable) this.#watchers.tell();
    else this.#readMore(1);
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
    this.#held = readGate.request(this.#begin);
  }

  #begin = (): void => {
    this.#held = undefined;
    this.#round = readGate.round;
    const free = this.#end === 0 ? this.#buffer : this.#buffer.subarray(this.#end);
    this.#conn.read(free).then(this.#onRead, this.#onError);
  };

  /** The read that waits at the gate is not wanted any more. */
  #withdraw(): void {
    readGate.withdraw(this.#held!);
    this.#held = undefined;
    this.#reading = false;
    this.#heir?.(undefined);
  }

  #onRead = (count: number | null): void => {
    readGate.completed(this.#round);
    this.#reading = false;
    if (this.#failure !== undefined) return this.#heir?.(count);
    // What comes after the end that somebody has set is not for anybody.
    if (count === null) this.#ended = true;
    else if (!this.#ended) this.#end += count;
    this.#changed();
  };

  #onError = (error: unknown): void => {
    readGate.completed(this.#round);
    this.#reading = false;
    this.#heir?.(undefined); // who reads next meets the error, if it is one of the connection
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
