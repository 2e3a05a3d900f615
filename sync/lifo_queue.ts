/**
 * Last in, first out.
 *
 * @module
 */

import type { ItemStore } from "./item_store.ts";
import { type JoinableQueueOptions, Queue } from "./queue.ts";

/**
 * A queue that gives the newest item first: gevent's `LifoQueue`.
 *
 * @example
 * ```ts
 * import { LifoQueue } from "@gevent/deno";
 *
 * const queue = new LifoQueue<number>({ items: [1, 2, 3] });
 * console.assert(queue.getNowait() === 3);
 * ```
 */
export class LifoQueue<T> extends Queue<T> {
  /**
   * Makes a queue.
   *
   * @throws {RangeError} When `maxsize` or `unfinishedTasks` is negative or not an integer.
   * @throws {TypeError} When `options` is not an object, or its `items` are not iterable.
   */
  constructor(options?: JoinableQueueOptions<T>) {
    super(options, new Stack<T>());
  }

  /** With the items in the order in which they were put. */
  protected override copyOptions(): JoinableQueueOptions<T> {
    return { ...super.copyOptions(), items: this.items.reverse() };
  }
}

class Stack<T> implements ItemStore<T> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    return this.#items.pop();
  }

  at(): T | undefined {
    return this.#items.at(-1);
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#items.toReversed().values();
  }
}
