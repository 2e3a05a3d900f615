/**
 * Mapping a function over items in the members of a group, with results as they come.
 *
 * @module
 */

import { requireCount, requireFunction } from "./arguments.ts";
import { Deque } from "./deque.ts";
import { GreenletExit, Interrupt } from "./errors.ts";
import { Greenlet, killerOf, watchEnd } from "./greenlet.ts";
import type { Group } from "./group.ts";
import { getCurrent } from "./spawn.ts";
import {
  checkpoint,
  type CountDown,
  countDown,
  parkWait,
  requireWaitOptions,
  type WaitOptions,
} from "./suspend.ts";
import { Timeout, timeoutError } from "./timeout.ts";
import { each } from "./until.ts";
import { WaitQueue } from "./wait_queue.ts";
import type { WaitKind } from "./waiter.ts";

const NEXT: WaitKind<boolean> = {
  name: "imap, for a result",
  expired: (waiter) => void waiter.resume(false),
};
const ROOM: WaitKind<void> = { name: "imap, for the reader" };

/**
 * What can be mapped over: any iterable, async ones included.
 *
 * @example
 * ```ts
 * import { Group, type Items } from "@gevent/deno";
 *
 * const items: Items<number> = new Set([1, 2]);
 * console.assert((await new Group().map((n) => n * 2, items)).join() === "2,4");
 * ```
 */
export type Items<I> = Iterable<I> | AsyncIterable<I>;

/**
 * What `imap` and `imapUnordered` take.
 *
 * @example
 * ```ts
 * import { Group, type ImapOptions } from "@gevent/deno";
 *
 * const options: ImapOptions = { maxsize: 1 };
 * for await (const n of new Group().imap((n: number) => n, [1, 2], options)) console.assert(n > 0);
 * ```
 */
export interface ImapOptions extends WaitOptions {
  /** How many results may be finished and not yet read; unlimited by default. */
  readonly maxsize?: number;
}

/** See `Group.imap`. */
export function imap<I, T>(
  group: Group,
  fn: (item: I) => T | PromiseLike<T>,
  items: Items<I>,
  options?: ImapOptions,
): AsyncIterableIterator<T> {
  return new Results(group, fn, items, options, true);
}

/** See `Group.imapUnordered`. */
export function imapUnordered<I, T>(
  group: Group,
  fn: (item: I) => T | PromiseLike<T>,
  items: Items<I>,
  options?: ImapOptions,
): AsyncIterableIterator<T> {
  return new Results(group, fn, items, options, false);
}

interface Result<T> {
  readonly index: number;
  readonly value?: T;
  readonly failure?: { readonly error: unknown };
}

/** One mapping: a feeder greenlet that spawns the calls, and the results that the reader has not taken. */
class Results<I, T> implements AsyncIterableIterator<T>, AsyncDisposable {
  readonly #group: Group;
  readonly #fn: (item: I) => T | PromiseLike<T>;
  readonly #items: Items<I>;
  readonly #maxsize: number;
  readonly #limit: WaitOptions;
  readonly #ordered: boolean;
  readonly #calls = new Set<Greenlet<T>>();
  readonly #finished = new Deque<Result<T>>();
  readonly #early = new Map<number, Result<T>>();
  readonly #reader = new WaitQueue<boolean>();
  readonly #feederWait = new WaitQueue<void>();
  /** Who has asked for a result. */
  readonly #readers = new Set<Greenlet>();
  #feeder: Greenlet<void> | undefined;
  /** What is left of the time limit. */
  #remaining: CountDown | undefined;
  /** Items taken from the iterable, and results given to the reader; the difference is what may pile up. */
  #begun = 0;
  #read = 0;
  #last: { readonly failure?: { readonly error: unknown } } | undefined;
  #closed = false;

  constructor(
    group: Group,
    fn: (item: I) => T | PromiseLike<T>,
    items: Items<I>,
    options: ImapOptions | undefined,
    ordered: boolean,
  ) {
    requireFunction(fn, "fn");
    requireItems(items);
    requireWaitOptions(options);
    const { maxsize = Infinity } = options ?? {};
    if (maxsize !== Infinity) requireCount(maxsize, "maxsize", 1);
    this.#group = group;
    this.#fn = fn;
    this.#items = items;
    this.#maxsize = maxsize;
    this.#limit = options ?? {};
    this.#ordered = ordered;
  }

  async next(): Promise<IteratorResult<T>> {
    const reader = getCurrent();
    this.#readers.add(reader);
    try {
      return await this.#next();
    } catch (error) {
      // For good, unlike the wait of a reader who may come again: a loop that ends here calls no `return`.
      if (this.#limit.signal?.aborted || this.#isLeftBy(reader, error)) this.#close();
      // For the same reason a Timeout has to stop here; its time counts on for a reader who comes again.
      this.#remaining?.[Symbol.dispose]();
      throw error;
    }
  }

  return(): Promise<IteratorResult<T>> {
    this.#close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #next(): Promise<IteratorResult<T>> {
    const refused = checkpoint(this.#limit);
    if (refused !== undefined) await refused;
    if (this.#feeder === undefined && !this.#closed) {
      this.#remaining = countDown(this.#limit.timeout);
      this.#feeder = new Greenlet(() => this.#feed());
      this.#feeder.start();
    }
    for (;;) {
      const result = this.#closed ? undefined : this.#take();
      if (result !== undefined) {
        this.#read++;
        this.#feederWait.resumeFirst(undefined);
        if (result.failure !== undefined) throw result.failure.error;
        return { done: false, value: result.value as T };
      }
      if (this.#closed || (this.#last !== undefined && this.#read === this.#begun)) {
        const failure = this.#last?.failure;
        this.#close();
        this.#last = undefined;
        if (failure !== undefined) throw failure.error;
        return { done: true, value: undefined };
      }
      const inTime = await parkWait<boolean>(
        (wait) => this.#reader.add(wait),
        { timeout: this.#remaining?.(), signal: this.#limit.signal },
        NEXT,
      );
      if (!inTime) {
        this.#close();
        throw timeoutError(this.#limit.timeout);
      }
    }
  }

  /** Whether this error ends a reader rather than its wait, and nobody else has begun to read. */
  #isLeftBy(reader: Greenlet, error: unknown): boolean {
    const killer = killerOf(reader);
    const isKilled = killer !== undefined && error === killer;
    if (!isKilled && (!(error instanceof Interrupt) || error instanceof Timeout)) return false;
    this.#readers.delete(reader);
    for (const other of this.#readers) if (other.dead) this.#readers.delete(other);
    return this.#readers.size === 0;
  }

  #close(): void {
    this.#closed = true;
    this.#remaining?.[Symbol.dispose]();
    this.#feeder?.throw();
    for (const call of this.#calls) call.throw();
    this.#reader.resumeAll(true);
  }

  #take(): Result<T> | undefined {
    if (!this.#ordered) return this.#finished.shift();
    const next = this.#early.get(this.#read);
    this.#early.delete(this.#read);
    return next;
  }

  async #feed(): Promise<void> {
    try {
      if (isIterable(this.#items, Symbol.asyncIterator)) {
        for await (const item of each(this.#items as AsyncIterable<I>)) await this.#begin(item);
      } else {
        for (const item of this.#items as Iterable<I>) await this.#begin(item);
      }
      this.#last = {};
    } catch (error) {
      this.#last = this.#closed ? {} : { failure: { error } };
    } finally {
      this.#reader.resumeAll(true);
    }
  }

  async #begin(item: I): Promise<void> {
    while (this.#begun - this.#read >= this.#maxsize) {
      await parkWait<void>((wait) => this.#feederWait.add(wait), undefined, ROOM);
    }
    const call = new this.#group.greenletClass<T>(this.#fn, item);
    await this.#group.add(call);
    if (this.#closed) {
      this.#group.discard(call);
      throw new GreenletExit();
    }
    const index = this.#begun++;
    this.#calls.add(call);
    watchEnd(call, () => this.#finish(call, index));
    call.start();
  }

  #finish(call: Greenlet<T>, index: number): void {
    this.#calls.delete(call);
    if (this.#closed) return;
    const result: Result<T> = call.successful
      ? { index, value: call.value as T }
      : { index, failure: { error: call.exception } };
    if (this.#ordered) this.#early.set(index, result);
    else this.#finished.push(result);
    // Not only the first of several readers: this need not be the result that is next in order.
    this.#reader.resumeAll(true);
  }
}

/** Refuses what cannot be mapped over. */
export function requireItems(items: unknown): void {
  if (isIterable(items, Symbol.iterator) || isIterable(items, Symbol.asyncIterator)) return;
  throw new TypeError(`Cannot map over what is not iterable: received ${Deno.inspect(items)}`);
}

function isIterable(items: unknown, by: symbol): boolean {
  return typeof (items as Record<symbol, unknown> | null | undefined)?.[by] === "function";
}
