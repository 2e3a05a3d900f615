/**
 * Telling work that was given up on purpose from work that has failed.
 *
 * @module
 */

/** How many reasons that are no objects are kept at least, the latest ones. */
const MOST_PRIMITIVES = 5000;

/**
 * Errors that were raised in greenlets from outside. A promise that is rejected with one of them, however far from the
 * wait that was interrupted, has not failed.
 *
 * Errors are known by their identity, for as long as they live. The reason of an abort may also be a text or a number,
 * which lives for ever and equals others: of those only the latest are kept, so that the memory is bounded and an old
 * reason does not hide a failure for good.
 */
export class RaisedErrors {
  readonly #objects: WeakSet<object> = new WeakSet();
  #primitives: Set<unknown> = new Set();
  #olderPrimitives: Set<unknown> = new Set();

  /** Notes that an error was raised. */
  add(error: unknown): void {
    if (isObject(error)) {
      this.#objects.add(error);
      return;
    }
    if (this.#primitives.size >= MOST_PRIMITIVES) {
      this.#olderPrimitives = this.#primitives;
      this.#primitives = new Set();
    }
    this.#primitives.add(error);
  }

  /** Whether an error was raised from outside. */
  has(error: unknown): boolean {
    return isObject(error)
      ? this.#objects.has(error)
      : this.#primitives.has(error) || this.#olderPrimitives.has(error);
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
