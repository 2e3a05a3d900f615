/**
 * Going over somebody else's async iterators step by step.
 *
 * @module
 */

/** Waits for a step that `begin` begins. */
export type StepWaiter<T> = (
  begin: () => Promise<IteratorResult<T>>,
) => Promise<IteratorResult<T>>;

/** An iterator over the items of another one, each step of which is waited for in a way of its own. */
export class SteppedIterator<T> implements AsyncIterableIterator<T> {
  readonly #iterator: AsyncIterator<T>;
  readonly #wait: StepWaiter<T>;

  /** `wait` waits for each step. */
  constructor(iterator: AsyncIterator<T>, wait: StepWaiter<T>) {
    this.#iterator = iterator;
    this.#wait = wait;
  }

  /** The next item. */
  next(...args: [] | [unknown]): Promise<IteratorResult<T>> {
    return this.#wait(() => awaitable(this.#iterator.next(...args as [])));
  }

  /** Ends the iteration, as at the end of a loop that is left. */
  return(value?: unknown): Promise<IteratorResult<T>> {
    const { return: end } = this.#iterator;
    if (end === undefined) return Promise.resolve({ done: true, value });
    return this.#wait(() => awaitable(end.call(this.#iterator, value)));
  }

  /** Raises an error in the iterator. */
  throw(error?: unknown): Promise<IteratorResult<T>> {
    const { throw: raise } = this.#iterator;
    if (raise === undefined) return Promise.reject(error);
    return this.#wait(() => awaitable(raise.call(this.#iterator, error)));
  }

  /** The iterator itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}

/** A step that can be waited for: `for await` takes those as well that are no promises. */
export function awaitable<T>(step: Promise<T>): Promise<T> {
  return typeof step?.then === "function" ? step : Promise.resolve(step);
}

/**
 * Tells an iterator that nobody goes on: a loop that fails in a step does not. Not waited for, as an iterator may get to it
 * only once its pending step is done.
 */
export function leaveIteration(iterator: AsyncIterator<unknown>): void {
  void (async () => await iterator.return?.())().catch(() => {}); // nobody is left to tell of a failure
}

/**
 * Makes of what is done with a late item what is done with a late step. The end of an iteration brings none, and of what is
 * no step nobody is left to complain.
 */
export function forItem<T>(
  orphan: (item: T) => unknown,
): (step: IteratorResult<T>) => unknown {
  return (step) => {
    const { done, value } = Object(step) as IteratorResult<T>;
    return done || value === undefined ? undefined : orphan(value);
  };
}
