/**
 * What one greenlet has stored in greenlet-local objects.
 *
 * @module
 */

/** Values by the local they belong to; vanish with the greenlet, or with the local. */
export class LocalValues {
  readonly #values = new WeakMap<object, object>();
  /** For listing them, which a WeakMap cannot do. */
  readonly #locals: WeakRef<object>[] = [];

  /** The values for a local, if it was touched. */
  get(local: object): object | undefined {
    return this.#values.get(local);
  }

  /** Stores the values for a local. */
  set(local: object, values: object): void {
    if (!this.#values.has(local)) this.#locals.push(new WeakRef(local));
    this.#values.set(local, values);
  }

  /** All values that are there. */
  *[Symbol.iterator](): IterableIterator<object> {
    for (const ref of this.#locals) {
      const local = ref.deref();
      if (local !== undefined) yield this.#values.get(local)!;
    }
  }
}
