/**
 * Giving way to others, for a time or just once.
 *
 * @module
 */

import { hub } from "./scheduler.ts";
import { checkpoint, parkWait, type WaitOptions } from "./suspend.ts";
import type { Wait, WaitKind } from "./waiter.ts";

const SLEEP: WaitKind<void> = { name: "sleep", expired: (waiter) => void waiter.resume() };
const IDLE: WaitKind<void> = { name: "idle" };

/**
 * What `sleep` takes besides the time.
 *
 * @example
 * ```ts
 * import { sleep, type SleepOptions, spawn } from "@gevent/deno";
 *
 * const aside: SleepOptions = { ref: false };
 * const housekeeper = spawn(async () => {
 *   for (;;) await sleep(60_000, aside); // then look after something, as long as the program has other things to do
 * });
 * await sleep(1);
 * await housekeeper.kill(); // which need not be: the process would end all the same
 * ```
 */
export interface SleepOptions extends Pick<WaitOptions, "signal"> {
  /**
   * Whether the process stays alive for it; default `true`. gevent's `ref`. Without, the greenlet is just not woken any
   * more when the program has nothing else to wait for: no `finally` block of it runs.
   */
  readonly ref?: boolean;
}

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
export function sleep(ms?: number, options?: SleepOptions): Promise<void> {
  if (ms === undefined || ms === 0) return parkWait(backOfTheQueue, options, SLEEP);
  if (typeof ms !== "number" || Number.isNaN(ms)) {
    return Promise.reject(
      new TypeError(`Cannot sleep as 'ms' must be a number: received ${Deno.inspect(ms)}`),
    );
  }
  if (ms <= 0) return parkWait(backOfTheQueue, options, SLEEP);
  if (options === undefined) return parkWait(nothing, { timeout: ms }, SLEEP);
  const refused = checkpoint(options);
  if (refused !== undefined) return refused;
  const { signal, ref = true } = options;
  return ref || ms === Infinity
    ? parkWait(nothing, { timeout: ms, signal }, SLEEP)
    : parkWait(wakeIn(ms), { signal }, SLEEP);
}

/** Parks a wait with a timer for which the process does not stay alive. */
function wakeIn(ms: number): (wait: Wait<void>) => () => void {
  return (wait) => {
    const timer = hub.addTimer(ms, { fire: () => void wait.resume(undefined) }, 0, false);
    return () => hub.removeTimer(timer);
  };
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
