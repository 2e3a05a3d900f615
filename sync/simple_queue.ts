/**
 * The simplest queue between greenlets, on which the others stand.
 *
 * Items go straight from a putter to a waiting getter, and a blocked putter's item is moved in by whoever makes room,
 * so that an item is at any time in exactly one place, whatever is killed or timed out.
 *
 * @module
 */

import { requireIterable, requireOptions } from "../core/arguments.ts";
import { Deque } from "../core/deque.ts";
import { Empty, Full, ShutDown } from "../core/errors.ts";
import { checkpoint, completed, parkWait, type WaitOptions } from "../core/suspend.ts";
import { WaitQueue } from "../core/wait_queue.ts";
import type { WaitKind } from "../core/waiter.ts";
import { type ItemStore, requireStore } from "./item_store.ts";

// deno-lint-ignore no-explicit-any -- one constant serves the queues of every item type
const GET: WaitKind<any> = {
  name: "Queue.get",
  timeoutError: () => new Empty(),
};
// deno-lint-ignore no-explicit-any -- see above
const PEEK: WaitKind<any> = {
  name: "Queue.peek",
  timeoutError: () => new Empty(),
};
const PUT: WaitKind<void> = {
  name: "Queue.put",
  timeoutError: () => new Full(),
};

/**
 * The item that ends an iteration over a queue, without shutting the queue down: Python's `StopIteration` class, as
 * gevent uses it.
 *
 * @example
 * ```ts
 * import { Queue, StopIteration } from "@gevent/deno";
 *
 * const queue = new Queue<number | typeof StopIteration>({ items: [1, 2, StopIteration, 3] });
 * const seen: unknown[] = [];
 * for await (const item of queue) seen.push(item);
 * console.assert(seen.join() === "1,2");
 * ```
 */
export const StopIteration: unique symbol = Symbol("StopIteration");

/**
 * What the constructors of queues take.
 *
 * @example
 * ```ts
 * import { Queue, type QueueOptions } from "@gevent/deno";
 *
 * const options: QueueOptions<string> = { maxsize: 10, items: ["first"] };
 * console.assert(new Queue(options).qsize === 1);
 * ```
 */
export interface QueueOptions<T> {
  /** How many items it takes before `put` has to wait; unlimited when left out, `null`, 0 or `Infinity`. */
  readonly maxsize?: number | null;
  /** What it holds from the start; may be more than `maxsize`. */
  readonly items?: Iterable<T>;
}

/**
 * What `get`, `put` and `peek` take.
 *
 * @example
 * ```ts
 * import { Queue, type QueueWaitOptions } from "@gevent/deno";
 *
 * const options: QueueWaitOptions = { block: false };
 * const queue = new Queue<number>();
 * await queue.put(1, options);
 * console.assert(await queue.get(options) === 1);
 * ```
 */
export interface QueueWaitOptions extends WaitOptions {
  /** Whether to wait (default), or to throw `Empty` or `Full` at once. */
  readonly block?: boolean;
}

/**
 * First in, first out, between greenlets, with an optional limit, and nothing more: gevent's `SimpleQueue`.
 *
 * Whoever waits is served in the order of arrival. A `get` that is killed or timed out takes no item, a `put` no
 * place. Iterating gets items until {@link StopIteration} comes.
 *
 * @example
 * ```ts
 * import { SimpleQueue, spawn } from "@gevent/deno";
 *
 * const queue = new SimpleQueue<string>();
 * spawn(() => queue.put("hello"));
 * console.assert(await queue.get() === "hello");
 * ```
 */
export class SimpleQueue<T> implements AsyncIterable<T> {
  #maxsize: number;
  readonly #items: ItemStore<T>;
  readonly #getters: WaitQueue<T> = new WaitQueue();
  readonly #peekers: WaitQueue<T> = new WaitQueue();
  readonly #putters: WaitQueue<void> = new WaitQueue();

  /**
   * Makes a queue. A subclass may pass another place to keep the items.
   *
   * @throws {RangeError} When `maxsize` is negative or not an integer.
   * @throws {TypeError} When `options` is not an object, its `items` are not iterable, or what a subclass passes is no
   * store.
   */
  constructor(options: QueueOptions<T> = {}, items: ItemStore<T> = new Deque<T>()) {
    requireOptions(options);
    requireStore(items);
    const { items: given = [] } = options;
    requireIterable(given, "items");
    this.#maxsize = limitOf(options.maxsize, "create a queue");
    this.#items = items;
    for (const item of given) items.push(item);
  }

  /**
   * How many items it takes before `put` has to wait; `Infinity` without a limit. May be set anew, as when it was made:
   * with more room, those who wait to put go on; with less, what is in it stays.
   */
  get maxsize(): number {
    return this.#maxsize;
  }

  set maxsize(maxsize: number | null) {
    this.#maxsize = limitOf(maxsize, "set the limit of a queue");
    this.#moveIn();
  }

  /**
   * What is in it, in the order in which it would come out: a list of its own, which does not change. gevent's
   * `queue.queue`.
   *
   * @throws {TypeError} When a subclass keeps the items where they cannot be listed.
   */
  get items(): T[] {
    const store = this.#items;
    if (store[Symbol.iterator] === undefined) {
      throw new TypeError(`Cannot list the items of ${this} as its store is not iterable`);
    }
    return [...store as Iterable<T>];
  }

  /**
   * Makes another queue of the same class with the same items and the same limit, for which nobody waits. gevent's
   * `copy`.
   *
   * @throws {TypeError} When the class makes something else of the options that a queue takes; it has to override this.
   */
  copy(): this {
    const copy = new (this.constructor as new (options: QueueOptions<T>) => this)(
      this.copyOptions(),
    );
    if (copy.qsize !== this.qsize || copy.maxsize !== this.maxsize) {
      throw new TypeError(
        `Cannot copy ${this} as its class neither takes the options nor overrides 'copy'`,
      );
    }
    return copy;
  }

  /** How many items are in it. */
  get qsize(): number {
    return this.#items.size;
  }

  /** Whether there is nothing to get. */
  get empty(): boolean {
    return this.qsize === 0;
  }

  /** Whether `put` would have to wait. */
  get full(): boolean {
    return this.qsize >= this.#maxsize;
  }

  /**
   * Appends an item, waiting for room if there is a limit.
   *
   * @throws {Full} When there is no room within `options.timeout`, or at once with `block: false`.
   */
  put(item: T, options?: QueueWaitOptions): Promise<void> {
    const refused = checkpoint(options) ?? this.#refuse();
    if (refused !== undefined) return refused;
    if (!this.full) {
      try {
        this.#accept(item);
      } catch (error) {
        return Promise.reject(error); // of a store that could not take it
      }
      return completed(undefined);
    }
    if (options?.block === false) return Promise.reject(new Full());
    return parkWait<void>(
      (wait) => {
        this.#putters.add(wait);
        wait.brought = item;
      },
      options,
      PUT,
    );
  }

  /**
   * Appends an item without waiting; may be called in the hub.
   *
   * @throws {Full} When there is no room.
   */
  putNowait(item: T): void {
    const ended = this.ended();
    if (ended !== undefined) throw ended;
    if (this.full) throw new Full();
    this.#accept(item);
  }

  /**
   * Takes the next item, waiting for one if there is none.
   *
   * @throws {Empty} When none comes within `options.timeout`, or at once with `block: false`.
   */
  get(options?: QueueWaitOptions): Promise<T> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (this.qsize > 0) {
      try {
        return completed(this.#release());
      } catch (error) {
        return Promise.reject(error); // of a store that could not tell which item is next
      }
    }
    if (options?.block === false) return this.#refuse() ?? Promise.reject(new Empty());
    return this.#refuse() ?? parkWait<T>((wait) => this.#getters.add(wait), options, GET);
  }

  /**
   * Takes the next item without waiting; may be called in the hub.
   *
   * @throws {Empty} When there is none.
   */
  getNowait(): T {
    if (this.qsize > 0) return this.#release();
    throw this.ended() ?? new Empty();
  }

  /** Like `get`, but leaves the item where it is. */
  peek(options?: QueueWaitOptions): Promise<T> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (this.qsize > 0) return completed(this.#items.at(0) as T);
    if (options?.block === false) return this.#refuse() ?? Promise.reject(new Empty());
    return this.#refuse() ?? parkWait<T>((wait) => this.#peekers.add(wait), options, PEEK);
  }

  /** Like `getNowait`, but leaves the item where it is. */
  peekNowait(): T {
    if (this.qsize > 0) return this.#items.at(0) as T;
    throw this.ended() ?? new Empty();
  }

  /** Gets items until {@link StopIteration} comes, or the queue has ended. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Exclude<T, typeof StopIteration>, void, void> {
    for (;;) {
      let item: T;
      try {
        item = await this.get();
      } catch (error) {
        if (this.ended() !== undefined && error instanceof ShutDown) return;
        throw error;
      }
      if (item === StopIteration) return;
      yield item as Exclude<T, typeof StopIteration>;
    }
  }

  /** How many greenlets wait to get and to put. */
  get waiting(): { readonly getters: number; readonly putters: number } {
    return { getters: this.#getters.size, putters: this.#putters.size };
  }

  /** For example `<Queue maxsize=2 size=1 getters=0 putters=0>`. */
  toString(): string {
    const limit = this.#maxsize === Infinity ? "" : ` maxsize=${this.#maxsize}`;
    const { getters, putters } = this.waiting;
    return `<${this.constructor.name}${limit} size=${this.qsize} getters=${getters} putters=${putters}>`;
  }

  /** What another queue has to be made of to be like this one; for {@link SimpleQueue.copy}. */
  protected copyOptions(): QueueOptions<T> {
    return { maxsize: this.#maxsize, items: this.items };
  }

  /** The error for those who want to go on using a queue that has ended; `undefined` while it has not. */
  protected ended(): Error | undefined {
    return undefined;
  }

  /** Called after an item was taken in. */
  protected accepted(): void {}

  /** Drops the next item. */
  protected drop(): void {
    this.#items.shift();
  }

  /** Makes everybody who waits fail. */
  protected failWaiting(whose: "putters" | "getters", error: () => Error): void {
    if (whose === "putters") {
      this.#putters.failAll(error);
    } else {
      this.#getters.failAll(error);
      this.#peekers.failAll(error);
    }
  }

  #refuse(): Promise<never> | undefined {
    const ended = this.ended();
    return ended === undefined ? undefined : Promise.reject(ended);
  }

  /** Takes in an item for which there is room: those who wait for one come first. */
  #accept(item: T): void {
    this.#items.push(item);
    this.accepted();
    if (this.#peekers.size > 0) this.#peekers.resumeAll(this.#items.at(0) as T);
    if (this.#getters.size > 0) this.#getters.resumeFirst(this.#items.shift() as T);
  }

  /** Takes an item, and moves in that of whoever has waited longest to put one. */
  #release(): T {
    const item = this.#items.shift() as T;
    this.#moveIn();
    return item;
  }

  /** Moves in the items of those who wait to put, as far as there is room, in the order in which they came. */
  #moveIn(): void {
    while (!this.full) {
      const wait = this.#putters.first;
      if (wait === null) break;
      try {
        this.#accept(wait.brought as T);
        wait.resume(undefined);
      } catch (error) {
        wait.fail(error); // it is the putter's item that could not be stored
      }
    }
  }
}

function limitOf(maxsize: number | null | undefined, what: string): number {
  if (maxsize == null || maxsize === Infinity || maxsize === 0) return Infinity;
  if (Number.isInteger(maxsize) && maxsize > 0) return maxsize;
  throw new RangeError(
    `Cannot ${what} as 'maxsize' must be an integer and not negative: received ${
      Deno.inspect(maxsize)
    }`,
  );
}
