/**
 * Giving way to others, for a time or just once.
 *
 * @module
 */

import { hub } from "./scheduler.ts";
import { parkWait, type WaitOptions } from "./suspend.ts";
import type { Wait, WaitKind } from "./waiter.ts";

const SLEEP: WaitKind<void> = { name: "sleep", expired: (waiter) => void waiter.resume() };
const IDLE: WaitKind<void> = { name: "idle" };

const backOfTheQueue = (wait: Wait<void>): void => void wait.resume(undefined);
const nothing = (): void => {};

/**
 * Lets other greenlets run, and goes on after at least `ms` milliseconds: gevent's `sleep`.
 *
 * With 0, the default, it goes to the end of the run queue: whoever is ready runs first, in order. A kill, a `Timeout`
 * and an abort end it with their error.
 *
 * @throws {TypeError} When `ms` is not a number.
 *
 * @example
 * ```ts
 * import { sleep, spawn } from "@gevent/deno";
 *
 * const order: string[] = [];
 * spawn(() => order.push("the other"));
 * await sleep();
 * order.push("me again");
 * console.assert(order.join(", ") === "the other, me again");
 * ```
 */
export function sleep(ms?: number, options?: Pick<WaitOptions, "signal">): Promise<void> {
  if (ms === undefined || ms === 0) return parkWait(backOfTheQueue, options, SLEEP);
  if (typeof ms !== "number" || Number.isNaN(ms)) {
    return Promise.reject(
      new TypeError(`Cannot sleep as 'ms' must be a number: received ${String(ms)}`),
    );
  }
  if (ms <= 0) return parkWait(backOfTheQueue, options, SLEEP);
  return parkWait(nothing, { timeout: ms, signal: options?.signal }, SLEEP);
}

/**
 * Waits until the run queue is empty and I/O had a turn: for work that is to be done when nobody else has any.
 * gevent's `idle`.
 *
 * @example
 * ```ts
 * import { idle, sleep, spawn } from "@gevent/deno";
 *
 * const order: string[] = [];
 * spawn(async () => {
 *   for (let i = 0; i < 3; i++) await sleep();
 *   order.push("busy");
 * });
 * await idle();
 * order.push("idle");
 * console.assert(order.join() === "busy,idle");
 * ```
 */
export function idle(options?: WaitOptions): Promise<void> {
  return parkWait(
    (wait) => {
      hub.idlers.add(wait);
      hub.wake(); // it may be asleep: the caller need not have been woken by it
      return () => void hub.idlers.delete(wait);
    },
    options,
    IDLE,
  );
}
