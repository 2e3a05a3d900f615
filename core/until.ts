/**
 * Turning any promise and any async iterable into interruptible waits.
 *
 * @module
 */

import { requireFunction } from "./arguments.ts";
import { GreenletExit } from "./errors.ts";
import { awaitable, forItem, leaveIteration } from "./iteration.ts";
import { hub } from "./scheduler.ts";
import { scopeOfCaller } from "./scope.ts";
import { checkpoint, parkWait, type WaitOptions } from "./suspend.ts";
import { rejected, type WaitKind } from "./waiter.ts";

const UNTIL: WaitKind<never> = { name: "until" };

/**
 * What `until` takes.
 *
 * @example
 * ```ts
 * import { until, type UntilOptions } from "@gevent/deno";
 *
 * const options: UntilOptions<string> = { timeout: 1000, orphan: (late) => console.log("too late:", late) };
 * console.assert(await until(Promise.resolve("in time"), options) === "in time");
 * ```
 */
export interface UntilOptions<T> extends WaitOptions {
  /**
   * Gets the value when it arrives after the wait was interrupted, so that it can be given back. By default its
   * `Symbol.dispose` or `Symbol.asyncDispose` method is called, if it has one.
   */
  readonly orphan?: (value: T) => unknown;
  /**
   * Called when the wait is interrupted, times out, or is refused, to end the operation itself, as far as that can be
   * done. It runs in the hub and cannot block, but it may start a greenlet.
   */
  readonly abandon?: () => void;
}

/**
 * Waits for a promise of anybody so that a kill or a timeout ends the wait at once.
 *
 * The operation behind the promise goes on, as nobody can stop it from here; a value that still comes goes to
 * `options.orphan`, so that a killed `until(pool.connect(), { orphan: (c) => c.release() })` leaks no connection. A late
 * rejection has nobody left to tell and is dropped. The promise's own `then` is called, once. In a greenlet that has
 * ended this throws `GreenletExit` at once: work started in its name must not go on.
 *
 * @throws {Timeout} When it is not settled within `options.timeout`.
 *
 * @example
 * ```ts
 * import { sleep, spawn, until } from "@gevent/deno";
 *
 * const never = new Promise<string>(() => {});
 * const g = spawn(() => until(never));
 * await sleep();
 * await g.kill(); // a bare `await never` could not be ended
 * console.assert(g.dead);
 * ```
 */
export function until<T>(promise: PromiseLike<T>, options?: UntilOptions<T>): Promise<T> {
  if (typeof promise?.then !== "function") {
    return Promise.reject(
      new TypeError(`Cannot wait for what has no 'then': received ${Deno.inspect(promise)}`),
    );
  }
  try {
    if (options?.orphan !== undefined) requireFunction(options.orphan, "orphan");
    if (options?.abandon !== undefined) requireFunction(options.abandon, "abandon");
  } catch (error) {
    return Promise.reject(error);
  }
  const disposed = (value: T): void => handOver(value, options?.orphan ?? dispose);
  const giveUp = (): void => {
    if (options?.abandon !== undefined) hub.runCallback(options.abandon);
    promise.then(disposed, () => {});
  };
  const scope = scopeOfCaller();
  if (scope.root.ending !== "alive" && !scope.sheltered) {
    giveUp();
    return rejected(new GreenletExit());
  }
  let begun = false;
  const wait = parkWait<T>(
    (waiter) => {
      begun = true;
      promise.then((value) => {
        if (!waiter.resume(value)) disposed(value);
      }, (error) => void waiter.fail(error));
      return options?.abandon;
    },
    options,
    UNTIL as WaitKind<T>,
  );
  if (!begun) giveUp();
  return wait;
}

/**
 * Goes over an async iterable so that a kill or a timeout ends the wait for the next item at once: `until` for
 * `for await`.
 *
 * Leaving the loop calls the iterator's `return`; after an interrupt without waiting for it, as an iterator may only get
 * to it once its pending step is done. An item that still comes then is disposed of, as by `until`.
 *
 * @example
 * ```ts
 * import { each, sleep, spawn } from "@gevent/deno";
 *
 * async function* endless() {
 *   yield 1;
 *   await new Promise(() => {});
 * }
 *
 * const seen: number[] = [];
 * const g = spawn(async () => {
 *   for await (const item of each(endless())) seen.push(item);
 * });
 * while (seen.length === 0) await sleep(1);
 * await g.kill();
 * console.assert(seen.join() === "1");
 * ```
 */
export async function* each<T>(
  items: AsyncIterable<T>,
  options?: WaitOptions,
): AsyncGenerator<T, void, void> {
  if (typeof items?.[Symbol.asyncIterator] !== "function") {
    throw new TypeError(
      `Cannot go over what is not an async iterable: received ${Deno.inspect(items)}`,
    );
  }
  const iterator = items[Symbol.asyncIterator]();
  const stepOptions: UntilOptions<IteratorResult<T>> = { ...options, orphan: forItem<T>(dispose) };
  let finished = false;
  let stepping = false;
  try {
    for (;;) {
      const refused = checkpoint(options); // before a step is begun whose result nobody would get
      if (refused !== undefined) await refused;
      stepping = true;
      const step = await until(awaitable(iterator.next()), stepOptions);
      stepping = false;
      if (step.done) {
        finished = true;
        return;
      }
      yield step.value;
    }
  } finally {
    if (stepping) leaveIteration(iterator);
    else if (!finished && iterator.return !== undefined) {
      await until(Promise.resolve(iterator.return()));
    }
  }
}

/** Gives a value that came too late to a function that gives it back. */
export function handOver<T>(value: T, orphan: (value: T) => unknown): void {
  // An error here is the program's own: let it surface as an unhandled rejection.
  void Promise.resolve(orphan(value));
}

/** What is done with a value that came too late, unless somebody knows better. */
export function dispose(value: unknown): unknown {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) {
    return undefined;
  }
  if (Symbol.dispose in value) return (value as Disposable)[Symbol.dispose]();
  if (Symbol.asyncDispose in value) return (value as AsyncDisposable)[Symbol.asyncDispose]();
  return undefined;
}
