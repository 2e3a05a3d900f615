/**
 * Last in, first out.
 *
 * @module
 */

import { Queue } from "./queue.ts";
import type { ItemStore, QueueOptions } from "./simple_queue.ts";

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
   * @throws {RangeError} When `maxsize` is negative or not an integer.
   */
  constructor(options: QueueOptions<T> = {}) {
    super(options, new Stack<T>());
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
}
