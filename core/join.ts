/**
 * Waiting for, and ending, several greenlets at once.
 *
 * @module
 */

import { requireCount, requireIterable } from "./arguments.ts";
import {
  type EndWatch,
  type Greenlet,
  type KillOptions,
  requireGreenlet,
  unwatchEnd,
  watchEnd,
} from "./greenlet.ts";
import {
  checkpoint,
  completed,
  parkWait,
  requireWaitOptions,
  type WaitOptions,
} from "./suspend.ts";
import { timeoutError } from "./timeout.ts";
import type { WaitKind } from "./waiter.ts";

const JOIN_ALL: WaitKind<void> = { name: "joinAll", expired: (waiter) => void waiter.resume() };

/**
 * What `joinAll` takes.
 *
 * @example
 * ```ts
 * import { joinAll, type JoinAllOptions, spawn } from "@gevent/deno";
 *
 * const options: JoinAllOptions = { timeout: 1000, raiseError: true };
 * await joinAll([spawn(() => 1)], options);
 * ```
 */
export interface JoinAllOptions extends WaitOptions {
  /** Stop as soon as this many have ended. */
  readonly count?: number;
  /** Throw the first error that ends one of them, as soon as it does; the others go on. */
  readonly raiseError?: boolean;
}

/**
 * Waits until the greenlets have ended and returns those that have, in the order in which they did: gevent's `joinall`.
 *
 * After `options.timeout` it returns the ones that made it. A greenlet given twice is returned twice.
 *
 * @throws The first error of a greenlet, with `raiseError`.
 * @throws {TypeError} When `greenlets` is not an iterable of greenlets.
 * @throws {RangeError} When `count` is negative or not an integer.
 *
 * @example
 * ```ts
 * import { joinAll, sleep, spawn } from "@gevent/deno";
 *
 * const slow = spawn(sleep, 5);
 * const quick = spawn(sleep, 1);
 * console.assert((await joinAll([slow, quick]))[0] === quick);
 * ```
 */
export async function joinAll<G extends Greenlet<unknown>>(
  greenlets: Iterable<G>,
  options: JoinAllOptions = {},
): Promise<G[]> {
  requireIterable(greenlets, "greenlets");
  requireWaitOptions(options);
  const { raiseError = false } = options;
  if (options.count !== undefined) requireCount(options.count, "count");
  const all = [...greenlets];
  for (const greenlet of all) requireGreenlet(greenlet);
  const count = Math.min(options.count ?? all.length, all.length);
  const ended = all.filter((greenlet) => greenlet.ready);
  const running = all.filter((greenlet) => !greenlet.ready);
  const failure = (): G | undefined =>
    raiseError ? ended.find((greenlet) => !greenlet.successful) : undefined;
  const refused = checkpoint(options);
  if (refused !== undefined) await refused;
  if (ended.length >= count || failure() !== undefined) {
    await completed(undefined);
  } else {
    let watches: EndWatch[] = [];
    try {
      await parkWait<void>(
        (wait) => {
          const onEnd = (greenlet: Greenlet<unknown>): void => {
            ended.push(greenlet as G);
            if (ended.length >= count || (raiseError && !greenlet.successful)) wait.resume();
          };
          watches = running.map((greenlet) => watchEnd(greenlet, onEnd));
        },
        options,
        JOIN_ALL,
      );
    } finally {
      if (ended.length < all.length) {
        watches.forEach((watch, index) => unwatchEnd(running[index]!, watch));
      }
    }
  }
  const failed = failure();
  if (failed !== undefined) throw failed.exception;
  return ended.slice(0, count);
}

/**
 * Raises an exception in every one of the greenlets, `GreenletExit` by default, and waits until all have ended:
 * gevent's `killall`.
 *
 * Those that have not run yet never will. Errors of the greenlets are not raised here.
 *
 * @throws {Timeout} When some are still alive after `options.timeout`; they stay so.
 * @throws {TypeError} When `greenlets` is not an iterable of greenlets.
 *
 * @example
 * ```ts
 * import { killAll, sleep, spawn } from "@gevent/deno";
 *
 * const sleepers = [spawn(sleep, 60_000), spawn(sleep, 60_000)];
 * await killAll(sleepers);
 * console.assert(sleepers.every((g) => g.dead));
 * ```
 */
export async function killAll(
  greenlets: Iterable<Greenlet<unknown>>,
  exception?: unknown,
  options: KillOptions = {},
): Promise<void> {
  requireIterable(greenlets, "greenlets");
  requireWaitOptions(options);
  const all = new Set(greenlets); // who is given twice must not be interrupted in its clean-up
  for (const greenlet of all) requireGreenlet(greenlet);
  for (const greenlet of all) greenlet.throw(exception, options); // nobody runs in between
  if (options.block === false) return;
  const ended = await joinAll(all, options);
  if (ended.length === all.size) return;
  throw timeoutError(options.timeout);
}
