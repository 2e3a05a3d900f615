/**
 * Somebody else's async iterators, whose steps can be interrupted.
 *
 * @module
 */

import { adopt, type AdoptedKind, adoptingScope } from "../core/adopt.ts";

/** Waits for each step of an iterator so that it can be interrupted; then the iterator is told that nobody goes on. */
export class AdoptedIterator<T> implements AsyncIterableIterator<T> {
  readonly #iterator: AsyncIterator<T>;
  readonly #kind: AdoptedKind;
  readonly #leave: () => void;

  /** `leave` is what ends an iteration that was interrupted; by default the `return` of the iterator. */
  constructor(iterator: AsyncIterator<T>, kind: AdoptedKind, leave?: () => void) {
    this.#iterator = iterator;
    this.#kind = kind;
    this.#leave = leave ?? (() => leaveIteration(iterator));
  }

  /** The next item. */
  next(...args: [] | [unknown]): Promise<IteratorResult<T>> {
    return this.#step(() => this.#iterator.next(...args as []));
  }

  /** Ends the iteration, as at the end of a loop that is left. */
  return(value?: unknown): Promise<IteratorResult<T>> {
    const { return: end } = this.#iterator;
    if (end === undefined) return Promise.resolve({ done: true, value });
    return this.#step(() => end.call(this.#iterator, value));
  }

  /** Raises an error in the iterator. */
  throw(error?: unknown): Promise<IteratorResult<T>> {
    const { throw: raise } = this.#iterator;
    if (raise === undefined) return Promise.reject(error);
    return this.#step(() => raise.call(this.#iterator, error));
  }

  /** The iterator itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #step(begin: () => Promise<IteratorResult<T>>): Promise<IteratorResult<T>> {
    const scope = adoptingScope();
    if (scope === undefined) return begin();
    return adopt(scope, begin, this.#kind, { abandon: this.#leave });
  }
}

/**
 * Tells an iterator that nobody goes on: a loop that fails in a step does not. Not waited for, as an iterator may get to it
 * only once its pending step is done.
 */
export function leaveIteration(iterator: AsyncIterator<unknown>): void {
  void (async () => await iterator.return?.())().catch(() => {}); // nobody is left to tell of a failure
}
