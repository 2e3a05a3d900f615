/**
 * A growing ring buffer: first in, first out, without the cost of `Array.prototype.shift`.
 *
 * The run queue and every item queue stand on it.
 *
 * @module
 */

const SMALLEST = 16;

/** A double-ended queue with constant-time operations at both ends; it gives memory back when it empties out. */
export class Deque<T> {
  #slots: (T | undefined)[] = new Array(SMALLEST);
  #mask = SMALLEST - 1;
  #head = 0;
  #size = 0;

  /** How many items it holds. */
  get size(): number {
    return this.#size;
  }

  /** Appends an item at the end. */
  push(item: T): void {
    if (this.#size > this.#mask) this.#resize(this.#size * 2);
    this.#slots[(this.#head + this.#size++) & this.#mask] = item;
  }

  /** Takes the first item; `undefined` when there is none. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const at = this.#head;
    const item = this.#slots[at];
    this.#slots[at] = undefined;
    this.#head = (at + 1) & this.#mask;
    if (--this.#size === 0 && this.#mask >= 65536) this.#resize(SMALLEST);
    return item;
  }

  /** Takes the last item; `undefined` when there is none. */
  pop(): T | undefined {
    if (this.#size === 0) return undefined;
    const at = (this.#head + --this.#size) & this.#mask;
    const item = this.#slots[at];
    this.#slots[at] = undefined;
    return item;
  }

  /** The item at a position counted from the front, without taking it. */
  at(index: number): T | undefined {
    return index < 0 || index >= this.#size
      ? undefined
      : this.#slots[(this.#head + index) & this.#mask];
  }

  /** Takes out the item at a position counted from the front, moving up those in front of it; `undefined` if none. */
  removeAt(index: number): T | undefined {
    if (index < 0 || index >= this.#size) return undefined;
    const item = this.at(index);
    for (let i = index; i > 0; i--) {
      this.#slots[(this.#head + i) & this.#mask] = this.#slots[(this.#head + i - 1) & this.#mask];
    }
    this.shift();
    return item;
  }

  /** Drops all items. */
  clear(): void {
    this.#slots = new Array(SMALLEST);
    this.#mask = SMALLEST - 1;
    this.#head = 0;
    this.#size = 0;
  }

  /** Goes over the items from the front to the end. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = 0; i < this.#size; i++) yield this.#slots[(this.#head + i) & this.#mask] as T;
  }

  #resize(length: number): void {
    const slots: (T | undefined)[] = new Array(length);
    for (let i = 0; i < this.#size; i++) slots[i] = this.#slots[(this.#head + i) & this.#mask];
    this.#slots = slots;
    this.#mask = length - 1;
    this.#head = 0;
  }
}
