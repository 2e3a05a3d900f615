/**
 * What one greenlet has stored in greenlet-local objects.
 *
 * @module
 */

/** Values by the local they belong to; vanish with the greenlet, or with the local. */
export class LocalValues {
  readonly #values = new WeakMap<object, object>();
  /** For listing them, which a WeakMap cannot do. */
  #locals: WeakRef<object>[] = [];
  /** How many may be listed before those that are gone are taken out. */
  #limit = 16;

  /** The values for a local, if it was touched. */
  get(local: object): object | undefined {
    return this.#values.get(local);
  }

  /** Stores the values for a local. */
  set(local: object, values: object): void {
    if (!this.#values.has(local)) this.#list(local);
    this.#values.set(local, values);
  }

  /** All values that are there. */
  *[Symbol.iterator](): IterableIterator<object> {
    for (const ref of this.#locals) {
      const local = ref.deref();
      if (local !== undefined) yield this.#values.get(local)!;
    }
  }

  #list(local: object): void {
    if (this.#locals.length >= this.#limit) {
      this.#locals = this.#locals.filter((ref) => ref.deref() !== undefined);
      this.#limit = Math.max(2 * this.#locals.length, 16);
    }
    this.#locals.push(new WeakRef(local));
  }
}
