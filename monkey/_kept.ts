/**
 * Operations that nobody can cancel, for waits that somebody can: what comes for a wait that was given up is kept for the
 * next one. So a read that was killed has read nothing.
 *
 * @module
 */

import { type AdoptedKind, adoptingScope, adoptParked } from "../core/adopt.ts";

/** Whoever waits: a greenlet, or code outside, whose waits cannot be given up. */
interface Taker<T> {
  resume(value: T): boolean;
  fail(error: unknown): boolean;
}

/** Those who wait, in order. */
class Line<T extends { taker: Taker<never> }> {
  readonly #waiting: T[] = [];

  get first(): T | undefined {
    return this.#waiting[0];
  }

  shift(): T | undefined {
    return this.#waiting.shift();
  }

  /** Puts somebody in line and has `serve` called; a greenlet leaves when it is interrupted. */
  join<V>(kind: AdoptedKind, entry: (taker: Taker<V>) => T, serve: () => void): Promise<V> {
    const scope = adoptingScope();
    if (scope === undefined) {
      return new Promise((resolve, reject) => {
        this.#waiting.push(entry({
          resume: (value) => (resolve(value), true),
          fail: (error) => (reject(error), true),
        }));
        serve();
      });
    }
    return adoptParked<V>(scope, (waiter) => {
      const waiting = entry(waiter);
      this.#waiting.push(waiting);
      serve();
      return () => {
        const at = this.#waiting.indexOf(waiting);
        if (at !== -1) this.#waiting.splice(at, 1);
      };
    }, kind);
  }
}

/** Things that come one at a time, such as connections that are accepted. At most one operation is under way. */
export class KeptResults<T> {
  readonly #line = new Line<{ taker: Taker<T>; begin: () => Promise<T> }>();
  readonly #kept: T[] = [];
  #operating = false;

  /** Whether nothing is kept or under way, so that one need not come here. */
  get idle(): boolean {
    return !this.#operating && this.#kept.length === 0;
  }

  /** Waits for the next one; `begin` is called if an operation has to be begun for that. */
  take(begin: () => Promise<T>, kind: AdoptedKind): Promise<T> {
    return this.#line.join<T>(kind, (taker) => ({ taker, begin }), () => this.#serve());
  }

  /** Puts something back that was taken, before all others. */
  putBack(result: T): void {
    this.#kept.unshift(result);
  }

  /** Gives up what is kept, when nobody will come for it. */
  drop(): T[] {
    return this.#kept.splice(0);
  }

  #serve(): void {
    for (let first = this.#line.first; first !== undefined; first = this.#line.first) {
      if (this.#kept.length === 0) return this.#begin(first.begin);
      this.#line.shift();
      if (!first.taker.resume(this.#kept[0]!)) continue;
      this.#kept.shift();
    }
  }

  #begin(begin: () => Promise<T>): void {
    if (this.#operating) return;
    this.#operating = true;
    begin().then((result) => {
      this.#operating = false;
      this.#kept.push(result);
      this.#serve();
    }, (error) => {
      this.#operating = false;
      // With nobody there it is dropped: the next operation fails by itself, if there is still a reason to.
      this.#line.shift()?.taker.fail(error);
      this.#serve();
    });
  }
}

const EMPTY = new Uint8Array(0);

/** A buffer of this size is kept for the next read; larger ones go with theirs. */
const KEPT_BUFFER = 65536;

/**
 * Bytes. They are read into a buffer of our own: an operation that goes on writes into its buffer long after a killed
 * caller has put that to other use.
 */
export class KeptReads {
  readonly #read: (buffer: Uint8Array) => Promise<number | null>;
  readonly #largest: number;
  readonly #line = new Line<{ taker: Taker<number | null>; target: Uint8Array }>();
  #buffer: Uint8Array = EMPTY;
  #start = 0;
  #end = 0;
  /** The end of the stream was found for somebody who was gone by then. */
  #ended = false;
  #operation: Promise<void> | undefined;

  /** `read` is what reads natively; `largest` how many bytes it brings at most. */
  constructor(read: (buffer: Uint8Array) => Promise<number | null>, largest: number = Infinity) {
    this.#read = read;
    this.#largest = largest;
  }

  /** Whether nothing is kept or under way, so that one need not come here. */
  get idle(): boolean {
    return this.#operation === undefined && this.kept === 0 && !this.#ended;
  }

  /** How many bytes are kept. */
  get kept(): number {
    return this.#end - this.#start;
  }

  /** Waits for bytes, and says how many were put into `target`, `null` at the end. */
  read(target: Uint8Array, kind: AdoptedKind): Promise<number | null> {
    return this.#line.join<number | null>(
      kind,
      (taker) => ({ taker, target }),
      () => this.#serve(),
    );
  }

  /** Takes kept bytes; says how many. */
  take(target: Uint8Array): number {
    const count = Math.min(target.length, this.kept);
    target.set(this.#buffer.subarray(this.#start, this.#start + count));
    this.#start += count;
    return count;
  }

  /** Resolves when no operation is under way. */
  async settled(): Promise<void> {
    await this.#operation;
  }

  /** Forgets what is kept. */
  drop(): void {
    this.#start = this.#end = 0;
    this.#ended = false;
  }

  #serve(): void {
    for (let first = this.#line.first; first !== undefined; first = this.#line.first) {
      const { taker, target } = first;
      if (this.kept > 0 || target.length === 0) {
        this.#line.shift();
        taker.resume(this.take(target));
      } else if (this.#ended) {
        this.#ended = false;
        this.#line.shift();
        taker.resume(null);
      } else {
        this.#operation ??= this.#begin(Math.min(target.length, this.#largest));
        return;
      }
    }
  }

  async #begin(size: number): Promise<void> {
    if (this.#buffer.length < size || this.#buffer.length > KEPT_BUFFER) {
      this.#buffer = new Uint8Array(size);
    }
    this.#start = this.#end = 0;
    let failure: { readonly error: unknown } | undefined;
    try {
      const count = await this.#read(this.#buffer.subarray(0, size));
      if (count === null) this.#ended = true;
      else this.#end = count;
    } catch (error) {
      failure = { error };
    }
    this.#operation = undefined;
    // With nobody there an error is dropped: the next read fails by itself, if there is still a reason to.
    if (failure !== undefined) this.#line.shift()?.taker.fail(failure.error);
    this.#serve();
  }
}
