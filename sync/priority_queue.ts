/**
 * The most urgent first.
 *
 * @module
 */

import { requireFunction, requireOptions } from "../core/arguments.ts";
import type { ItemStore } from "./item_store.ts";
import { type JoinableQueueOptions, Queue } from "./queue.ts";

/**
 * What the constructor of `PriorityQueue` takes.
 *
 * @example
 * ```ts
 * import { PriorityQueue, type PriorityQueueOptions } from "@gevent/deno";
 *
 * const options: PriorityQueueOptions<{ due: number }> = { compare: (a, b) => a.due - b.due };
 * const queue = new PriorityQueue(options);
 * queue.putNowait({ due: 2 });
 * queue.putNowait({ due: 1 });
 * console.assert(queue.getNowait().due === 1);
 * ```
 */
export interface PriorityQueueOptions<T> extends JoinableQueueOptions<T> {
  /**
   * Says which of two items comes first, as for `Array.prototype.sort`. By default numbers, strings and dates are
   * compared by value, and arrays item by item, so that `[priority, data]` works as a Python tuple does.
   */
  readonly compare?: (a: T, b: T) => number;
}

/**
 * A queue that gives the smallest item first, and the older one of equal items: gevent's `PriorityQueue`.
 *
 * @example
 * ```ts
 * import { PriorityQueue } from "@gevent/deno";
 *
 * const queue = new PriorityQueue<[number, string]>({ items: [[2, "later"], [1, "now"]] });
 * console.assert(queue.getNowait()[1] === "now");
 * ```
 */
export class PriorityQueue<T> extends Queue<T> {
  readonly #compare: (a: T, b: T) => number;

  /**
   * Makes a queue.
   *
   * @throws {RangeError} When `maxsize` or `unfinishedTasks` is negative or not an integer.
   * @throws {TypeError} When `compare` is not a function, `options` not an object, or its `items` not iterable.
   */
  constructor(options: PriorityQueueOptions<T> = {}) {
    requireOptions(options);
    const { compare = compareValues } = options;
    requireFunction(compare, "compare");
    super(options, new Heap<T>(compare));
    this.#compare = compare;
  }

  /** With the same order. */
  protected override copyOptions(): PriorityQueueOptions<T> {
    return { ...super.copyOptions(), compare: this.#compare };
  }
}

interface Entry<T> {
  readonly item: T;
  readonly order: number;
}

/** A binary heap that keeps equal items in order. */
class Heap<T> implements ItemStore<T> {
  readonly #compare: (a: T, b: T) => number;
  readonly #entries: Entry<T>[] = [];
  #order = 0;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#entries.length;
  }

  push(item: T): void {
    const entry = { item, order: this.#order++ };
    const entries = this.#entries;
    // Where it belongs is found before anything is moved: comparing may throw.
    const path: number[] = [];
    let at = entries.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!this.#before(entry, entries[above]!)) break;
      path.push(at);
      at = above;
    }
    for (const place of path) entries[place] = entries[(place - 1) >> 1]!;
    entries[at] = entry;
  }

  shift(): T | undefined {
    const entries = this.#entries;
    const first = entries[0];
    if (first === undefined) return undefined;
    const size = entries.length - 1;
    const last = entries[size]!;
    const path: number[] = []; // found before anything is moved, as in `push`
    for (let at = 0;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(entries[child + 1]!, entries[child]!)) child++;
      if (!this.#before(entries[child]!, last)) break;
      path.push(child);
      at = child;
    }
    entries.pop();
    let at = 0;
    for (const place of path) {
      entries[at] = entries[place]!;
      at = place;
    }
    if (size > 0) entries[at] = last;
    return first.item;
  }

  at(): T | undefined {
    return this.#entries[0]?.item;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    const entries = this.#entries.toSorted((a, b) => this.#before(a, b) ? -1 : 1);
    for (const { item } of entries) yield item;
  }

  #before(a: Entry<T>, b: Entry<T>): boolean {
    const order = this.#compare(a.item, b.item);
    return order === 0 ? a.order < b.order : order < 0;
  }
}

function compareValues(a: unknown, b: unknown): number {
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const order = compareValues(a[i], b[i]);
      if (order !== 0) return order;
    }
    return a.length - b.length;
  }
  if (isComparable(a) && isComparable(b) && typeof a === typeof b) {
    return a < b ? -1 : a > b ? 1 : 0;
  }
  throw new TypeError(`Cannot compare as priorities: ${Deno.inspect(a)} and ${Deno.inspect(b)}`);
}

function isComparable(value: unknown): value is number | string | bigint | Date {
  return typeof value === "number" || typeof value === "string" || typeof value === "bigint" ||
    value instanceof Date;
}
