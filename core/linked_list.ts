/**
 * Lists whose entries come and go all the time.
 *
 * A `Set` would be shorter, but not cheaper: each time it has been turned over it moves to a new table, and the dead old
 * one keeps what was in it from being collected young. With a greenlet for each request that makes every request survive.
 *
 * @module
 */

/** An entry of a {@link LinkedList}. */
export class ListNode<T> {
  /** What the entry is for. */
  readonly value: T;
  /** The list it is in; `null` once it was removed. */
  list: LinkedList<T> | null = null;
  /** The entry before this one. */
  previous: ListNode<T> | null = null;
  /** The entry after this one. */
  next: ListNode<T> | null = null;

  /** Used by {@link LinkedList.add}. */
  constructor(value: T) {
    this.value = value;
  }
}

/** Values in the order in which they were added, each removed in constant time by its node. */
export class LinkedList<T> implements Iterable<T> {
  #first: ListNode<T> | null = null;
  #last: ListNode<T> | null = null;
  #size = 0;

  /** How many values there are. */
  get size(): number {
    return this.#size;
  }

  /** Appends a value; what it returns is for {@link LinkedList.remove}. */
  add(value: T): ListNode<T> {
    const node = new ListNode(value);
    node.list = this;
    node.previous = this.#last;
    if (this.#last === null) this.#first = node;
    else this.#last.next = node;
    this.#last = node;
    this.#size++;
    return node;
  }

  /** Removes the value of a node; does nothing when it is not in this list any more. */
  remove(node: ListNode<T>): void {
    if (node.list !== this) return;
    if (node.previous === null) this.#first = node.next;
    else node.previous.next = node.next;
    if (node.next === null) this.#last = node.previous;
    else node.next.previous = node.previous;
    node.list = null;
    node.previous = node.next = null;
    this.#size--;
  }

  /** Goes over the values that are there when it begins. */
  [Symbol.iterator](): IterableIterator<T> {
    const values: T[] = [];
    for (let node = this.#first; node !== null; node = node.next) values.push(node.value);
    return values.values();
  }
}
