/**
 * Queues between greenlets.
 *
 * Items go straight from a putter to a waiting getter, and a blocked putter's item is moved in by whoever makes room, so
 * that an item is at any time in exactly one place, whatever is killed or timed out.
 *
 * @module
 */

import { Deque } from "../core/deque.ts";
import { Empty, Full, ShutDown } from "../core/errors.ts";
import { checkpoint, completed, parkWait, type WaitOptions } from "../core/suspend.ts";
import { WaitQueue } from "../core/wait_queue.ts";
import type { WaitKind } from "../core/waiter.ts";

// deno-lint-ignore no-explicit-any -- one constant serves the queues of every item type
const GET: WaitKind<any> = {
  name: "Queue.get",
  expired: (waiter) => void waiter.fail(new Empty()),
};
// deno-lint-ignore no-explicit-any -- see above
const PEEK: WaitKind<any> = {
  name: "Queue.peek",
  expired: (waiter) => void waiter.fail(new Empty()),
};
const PUT: WaitKind<void> = {
  name: "Queue.put",
  expired: (waiter) => void waiter.fail(new Full()),
};
const JOIN: WaitKind<boolean> = {
  name: "Queue.join",
  expired: (waiter) => void waiter.resume(false),
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
 * First in, first out, between greenlets, with an optional limit: gevent's `Queue`, which is Python's `queue.Queue`.
 *
 * Whoever waits is served in the order of arrival. A `get` that is killed or timed out takes no item, a `put` no
 * place. `taskDone` and `join` count the work, `shutdown` ends it. Iterating gets items until {@link StopIteration}
 * comes or the queue is shut down and empty.
 *
 * @example
 * ```ts
 * import { Queue, spawn } from "@gevent/deno";
 *
 * const tasks = new Queue<number>({ maxsize: 3 });
 * spawn(async () => {
 *   for (let n = 1; n <= 5; n++) await tasks.put(n);
 *   tasks.shutdown();
 * });
 * let sum = 0;
 * for await (const n of tasks) sum += n;
 * console.assert(sum === 15);
 * ```
 */
export class Queue<T> implements AsyncIterable<T> {
  /** How many items it takes before `put` has to wait; `Infinity` without a limit. */
  readonly maxsize: number;
  readonly #items: Deque<T> = new Deque();
  readonly #getters: WaitQueue<T> = new WaitQueue();
  readonly #peekers: WaitQueue<T> = new WaitQueue();
  readonly #putters: WaitQueue<void> = new WaitQueue();
  readonly #joiners: WaitQueue<boolean> = new WaitQueue();
  #unfinished = 0;
  #shutDown = false;

  /**
   * Makes a queue.
   *
   * @throws {RangeError} When `maxsize` is negative or not an integer.
   */
  constructor(options: QueueOptions<T> = {}) {
    const maxsize = options.maxsize ?? Infinity;
    if (maxsize !== Infinity && !(Number.isInteger(maxsize) && maxsize >= 0)) {
      throw new RangeError(
        `Cannot create a queue as 'maxsize' must be an integer and not negative: received ${maxsize}`,
      );
    }
    this.maxsize = maxsize === 0 ? Infinity : maxsize;
    for (const item of options.items ?? []) {
      this.#unfinished++;
      this.store(item);
    }
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
    return this.qsize >= this.maxsize;
  }

  /** How many items were put and not yet marked with {@link Queue.taskDone}. */
  get unfinishedTasks(): number {
    return this.#unfinished;
  }

  /** Whether {@link Queue.shutdown} was called. */
  get isShutdown(): boolean {
    return this.#shutDown;
  }

  /**
   * Appends an item, waiting for room if there is a limit.
   *
   * @throws {Full} When there is no room within `options.timeout`, or at once with `block: false`.
   * @throws {ShutDown} When the queue is, or is being, shut down.
   */
  put(item: T, options?: QueueWaitOptions): Promise<void> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (this.#shutDown) return Promise.reject(new ShutDown());
    if (!this.full) {
      this.#accept(item);
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
   * @throws {ShutDown} When the queue is shut down.
   */
  putNowait(item: T): void {
    if (this.#shutDown) throw new ShutDown();
    if (this.full) throw new Full();
    this.#accept(item);
  }

  /**
   * Takes the first item, waiting for one if there is none.
   *
   * @throws {Empty} When none comes within `options.timeout`, or at once with `block: false`.
   * @throws {ShutDown} When the queue is shut down and nothing is left.
   */
  get(options?: QueueWaitOptions): Promise<T> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (this.qsize > 0) return completed(this.#release());
    if (this.#shutDown) return Promise.reject(new ShutDown());
    if (options?.block === false) return Promise.reject(new Empty());
    return parkWait<T>((wait) => this.#getters.add(wait), options, GET);
  }

  /**
   * Takes the first item without waiting; may be called in the hub.
   *
   * @throws {Empty} When there is none.
   * @throws {ShutDown} When the queue is shut down and nothing is left.
   */
  getNowait(): T {
    if (this.qsize > 0) return this.#release();
    throw this.#shutDown ? new ShutDown() : new Empty();
  }

  /** Like {@link Queue.get}, but leaves the item where it is. */
  peek(options?: QueueWaitOptions): Promise<T> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (this.qsize > 0) return completed(this.next());
    if (this.#shutDown) return Promise.reject(new ShutDown());
    if (options?.block === false) return Promise.reject(new Empty());
    return parkWait<T>((wait) => this.#peekers.add(wait), options, PEEK);
  }

  /** Like {@link Queue.getNowait}, but leaves the item where it is. */
  peekNowait(): T {
    if (this.qsize > 0) return this.next();
    throw this.#shutDown ? new ShutDown() : new Empty();
  }

  /**
   * Says that the work on one item that was got is done.
   *
   * @throws {RangeError} When it is called more often than items were put.
   */
  taskDone(): void {
    if (this.#unfinished === 0) throw new RangeError("taskDone() called too many times");
    if (--this.#unfinished === 0) this.#joiners.resumeAll(true);
  }

  /** Waits until every item that was put is done, and returns `true`; `false` after its own timeout. */
  join(options?: WaitOptions): Promise<boolean> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (this.#unfinished === 0) return completed(true);
    return parkWait<boolean>((wait) => this.#joiners.add(wait), options, JOIN);
  }

  /**
   * Ends the queue: nothing can be put any more, and `get` throws `ShutDown` once all is taken; whoever waits is told
   * now. With `immediate`, what is left is dropped and counts as done. Calling it again is harmless.
   */
  shutdown({ immediate = false }: { immediate?: boolean } = {}): void {
    this.#shutDown = true;
    const error = (): ShutDown => new ShutDown();
    this.#putters.failAll(error);
    if (immediate) {
      while (this.qsize > 0) {
        this.take();
        if (this.#unfinished > 0) this.taskDone();
      }
    }
    this.#getters.failAll(error);
    this.#peekers.failAll(error);
  }

  /** Gets items until {@link StopIteration} comes, or the queue is shut down and empty. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Exclude<T, typeof StopIteration>, void, void> {
    for (;;) {
      let item: T;
      try {
        item = await this.get();
      } catch (error) {
        if (error instanceof ShutDown) return;
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
    const limit = this.maxsize === Infinity ? "" : ` maxsize=${this.maxsize}`;
    const { getters, putters } = this.waiting;
    return `<${this.constructor.name}${limit} size=${this.qsize} getters=${getters} putters=${putters}>`;
  }

  /** Puts an item into the storage; a subclass decides where. */
  protected store(item: T): void {
    this.#items.push(item);
  }

  /** Takes the next item out of the storage, which is not empty; a subclass decides which. */
  protected take(): T {
    return this.#items.shift() as T;
  }

  /** The item that {@link Queue.take} would take. */
  protected next(): T {
    return this.#items.at(0) as T;
  }

  /** Takes in an item for which there is room: those who wait for one come first. */
  #accept(item: T): void {
    this.#unfinished++;
    this.store(item);
    if (this.#peekers.size > 0) this.#peekers.resumeAll(this.next());
    if (this.#getters.size > 0) this.#getters.resumeFirst(this.take());
  }

  /** Takes an item, and moves in that of whoever has waited longest to put one. */
  #release(): T {
    const item = this.take();
    while (!this.full) {
      const wait = this.#putters.first;
      if (wait === null) break;
      const waiting = wait.brought as T;
      wait.resume(undefined);
      this.#accept(waiting);
    }
    return item;
  }
}
