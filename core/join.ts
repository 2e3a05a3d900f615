/**
 * Waiting for, and ending, several greenlets at once.
 *
 * @module
 */

import { Greenlet, type KillOptions } from "./greenlet.ts";
import { checkpoint, completed, parkWait, type WaitOptions } from "./suspend.ts";
import { Timeout } from "./timeout.ts";
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
  const { raiseError = false } = options;
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
    let onEnd!: (greenlet: G) => void;
    try {
      await parkWait<void>(
        (wait) => {
          onEnd = (greenlet) => {
            ended.push(greenlet);
            if (ended.length >= count || (raiseError && !greenlet.successful)) wait.resume();
          };
          for (const greenlet of running) greenlet.rawlink(onEnd);
        },
        options,
        JOIN_ALL,
      );
    } finally {
      if (ended.length < all.length) { for (const greenlet of running) greenlet.unlink(onEnd); }
    }
  }
  const failed = failure();
  if (failed !== undefined) throw failed.exception;
  return ended.slice(0, Math.max(count, 0));
}

/**
 * Raises an exception in every one of the greenlets, `GreenletExit` by default, and waits until all have ended: gevent's
 * `killall`.
 *
 * Those that have not run yet never will. Errors of the greenlets are not raised here.
 *
 * @throws {Timeout} When some are still alive after `options.timeout`; they stay so.
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
  const all = [...greenlets];
  for (const greenlet of all) requireGreenlet(greenlet);
  for (const greenlet of all) greenlet.throw(exception, options); // nobody runs in between
  if (options.block === false) return;
  const ended = await joinAll(all, options);
  if (ended.length === all.length) return;
  throw options.timeout instanceof Timeout ? options.timeout.raised : new Timeout(options.timeout);
}

function requireGreenlet(value: unknown): void {
  if (value instanceof Greenlet) return;
  throw new TypeError(
    `Cannot join or kill what is not a greenlet: received ${Deno.inspect(value)}`,
  );
}
