/**
 * The queue for work: it counts what is done, and can be ended.
 *
 * @module
 */

import { requireCount, requireOptions } from "../core/arguments.ts";
import { ShutDown } from "../core/errors.ts";
import { checkpoint, completed, parkWait, type WaitOptions } from "../core/suspend.ts";
import { WaitQueue } from "../core/wait_queue.ts";
import type { WaitKind } from "../core/waiter.ts";
import type { ItemStore } from "./item_store.ts";
import { type QueueOptions, SimpleQueue } from "./simple_queue.ts";

const JOIN: WaitKind<boolean> = {
  name: "Queue.join",
  expired: (waiter) => void waiter.resume(false),
};

/**
 * What the constructor of `Queue` takes.
 *
 * @example
 * ```ts
 * import { type JoinableQueueOptions, Queue } from "@gevent/deno";
 *
 * const options: JoinableQueueOptions<string> = { items: ["left over"], unfinishedTasks: 0 };
 * console.assert(await new Queue(options).join());
 * ```
 */
export interface JoinableQueueOptions<T> extends QueueOptions<T> {
  /** How many tasks are not done from the start; by default as many as there are `items`. */
  readonly unfinishedTasks?: number;
}

/**
 * First in, first out, between greenlets, with an optional limit: gevent's `Queue` (and
 * `JoinableQueue`), which is Python's `queue.Queue`.
 *
 * Whoever waits is served in the order of arrival. A `get` that is killed or timed out takes no item, a `put` no
 * place. `taskDone` and `join` count the work, `shutdown` ends it. Iterating gets items until `StopIteration`
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
export class Queue<T> extends SimpleQueue<T> {
  readonly #joiners: WaitQueue<boolean> = new WaitQueue();
  #unfinished: number;
  #shutDown = false;

  /**
   * Makes a queue; the items it begins with count as unfinished. A subclass may pass another place to keep the items.
   *
   * @throws {RangeError} When `maxsize` or `unfinishedTasks` is negative or not an integer.
   * @throws {TypeError} When `options` is not an object, or its `items` are not iterable.
   */
  constructor(options?: JoinableQueueOptions<T>, items?: ItemStore<T>) {
    super(options, items);
    const { unfinishedTasks = this.qsize } = options ?? {};
    requireCount(unfinishedTasks, "unfinishedTasks");
    this.#unfinished = unfinishedTasks;
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
  shutdown(options: { immediate?: boolean } = {}): void {
    requireOptions(options);
    this.#shutDown = true;
    const error = (): ShutDown => new ShutDown();
    this.failWaiting("putters", error);
    if (options.immediate) {
      while (this.qsize > 0) {
        this.drop();
        if (this.#unfinished > 0) this.taskDone();
      }
    }
    this.failWaiting("getters", error);
  }

  /** With the same number of tasks that are not done; the copy of a queue that was shut down is not. */
  protected override copyOptions(): JoinableQueueOptions<T> {
    return { ...super.copyOptions(), unfinishedTasks: this.#unfinished };
  }

  /** What those get who use a queue that was shut down. */
  protected override ended(): ShutDown | undefined {
    return this.#shutDown ? new ShutDown() : undefined;
  }

  /** Counts the item. */
  protected override accepted(): void {
    this.#unfinished++;
  }
}
