/**
 * Where queues keep what is in them.
 *
 * @module
 */

/**
 * Where a queue keeps its items, and so in which order they come out.
 *
 * @example
 * ```ts
 * import { type ItemStore, SimpleQueue } from "@gevent/deno";
 *
 * class Newest<T> extends SimpleQueue<T> {
 *   constructor() {
 *     const items: T[] = [];
 *     const store: ItemStore<T> = {
 *       get size() {
 *         return items.length;
 *       },
 *       push: (item) => void items.push(item),
 *       shift: () => items.pop(),
 *       at: () => items.at(-1),
 *     };
 *     super({}, store);
 *   }
 * }
 * const queue = new Newest<number>();
 * queue.putNowait(1);
 * queue.putNowait(2);
 * console.assert(queue.getNowait() === 2);
 * ```
 */
export interface ItemStore<T> {
  /** How many items there are. */
  readonly size: number;
  /** Takes an item in; may throw, then nothing has changed. */
  push(item: T): void;
  /** Takes the next item out. */
  shift(): T | undefined;
  /** The next item, for index 0. */
  at(index: number): T | undefined;
  /** All items, in the order in which they come out; without it, they cannot be listed, nor the queue copied. */
  [Symbol.iterator]?(): Iterator<T>;
}

/** Refuses what cannot keep items. */
export function requireStore(store: ItemStore<unknown>): void {
  const methods: (keyof ItemStore<unknown>)[] = ["push", "shift", "at"];
  if (methods.every((name) => typeof store?.[name] === "function")) return;
  throw new TypeError(
    `Cannot create a queue as the store of a subclass must have 'push', 'shift' and 'at': received ${
      Deno.inspect(store)
    }`,
  );
}
