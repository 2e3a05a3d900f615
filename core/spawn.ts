/**
 * Starting greenlets, and asking which one is running.
 *
 * @module
 */

import { requireFunction } from "./arguments.ts";
import { Greenlet, mainGreenlet, requireGreenlet } from "./greenlet.ts";
import { scopeOfCaller } from "./scope.ts";

/**
 * Starts a function in a new greenlet and returns that at once: gevent's `spawn`.
 *
 * The function first runs when the caller waits for something.
 *
 * @throws {TypeError} When `fn` is not a function.
 *
 * @example
 * ```ts
 * import { spawn } from "@gevent/deno";
 *
 * const g = spawn((a: number, b: number) => a + b, 1, 2);
 * console.assert(await g.get() === 3);
 * ```
 */
export function spawn<T, A extends unknown[]>(
  fn: (...args: A) => T | PromiseLike<T>,
  ...args: A
): Greenlet<T> {
  requireFunction(fn, "fn");
  const greenlet = new Greenlet<T>(fn, ...args);
  greenlet.start();
  return greenlet;
}

/**
 * Starts a function in a new greenlet in `ms` milliseconds: gevent's `spawn_later`. Killing the greenlet before that
 * keeps the function from ever running.
 *
 * @throws {TypeError} When `ms` is not a number or `fn` not a function.
 *
 * @example
 * ```ts
 * import { spawnLater } from "@gevent/deno";
 *
 * console.assert(await spawnLater(1, () => "later").get() === "later");
 * ```
 */
export function spawnLater<T, A extends unknown[]>(
  ms: number,
  fn: (...args: A) => T | PromiseLike<T>,
  ...args: A
): Greenlet<T> {
  requireFunction(fn, "fn");
  const greenlet = new Greenlet<T>(fn, ...args);
  greenlet.startLater(ms);
  return greenlet;
}

/**
 * The greenlet that is running, across every `await`; outside all greenlets the main greenlet, which stands for that
 * code and cannot be killed: gevent's `getcurrent`.
 *
 * @example
 * ```ts
 * import { getCurrent, spawn } from "@gevent/deno";
 *
 * const g = spawn(() => getCurrent());
 * console.assert(await g.get() === g);
 * console.assert(getCurrent().name === "main");
 * ```
 */
export function getCurrent(): Greenlet {
  return (scopeOfCaller().root.owner ?? mainGreenlet) as Greenlet;
}

/**
 * Raises an exception in a greenlet, `GreenletExit` by default, without waiting for its end: gevent's `kill`.
 *
 * @throws {TypeError} When it is the main greenlet, or none at all.
 *
 * @example
 * ```ts
 * import { GreenletExit, kill, sleep, spawn } from "@gevent/deno";
 *
 * const g = spawn(sleep, 60_000);
 * kill(g);
 * await g.join();
 * console.assert(g.value instanceof GreenletExit);
 * ```
 */
export function kill(greenlet: Greenlet, exception?: unknown): void {
  requireGreenlet(greenlet);
  greenlet.throw(exception);
}
