/**
 * Making sure that code gives way to others.
 *
 * @module
 */

import { observeRuns } from "./_run_observers.ts";
import { requireFunction, requireOptions, requirePositive } from "./arguments.ts";
import type { BlockingReport } from "./blocking_monitor.ts";
import { sleep } from "./sleep.ts";

/**
 * What `assertSwitches` throws: nobody else got a turn, or not soon enough.
 *
 * @example
 * ```ts
 * import { assertSwitches, FailedToSwitch } from "@gevent/deno";
 *
 * try {
 *   await assertSwitches(() => "done without a wait");
 * } catch (error) {
 *   console.assert(error instanceof FailedToSwitch && error.blocked.length === 0);
 * }
 * ```
 */
export class FailedToSwitch extends Error {
  /** The class name, as for every error. */
  override readonly name: string = "FailedToSwitch";
  /** Who has run for too long, and for how long; empty when nobody was switched to. */
  readonly blocked: readonly BlockingReport[];

  /** Takes the message, and who has run for too long. */
  constructor(message: string, blocked: readonly BlockingReport[] = []) {
    super(message);
    this.blocked = blocked;
  }
}

/**
 * What `assertSwitches` takes.
 *
 * @example
 * ```ts
 * import { assertSwitches, type AssertSwitchesOptions, sleep } from "@gevent/deno";
 *
 * const options: AssertSwitchesOptions = { maxBlockingTime: 10_000 };
 * await assertSwitches(() => sleep(1), options);
 * ```
 */
export interface AssertSwitchesOptions {
  /** How long a greenlet may run without giving way, in ms; without it, one that gives way at all will do. */
  readonly maxBlockingTime?: number;
}

/**
 * Runs a function in the current greenlet and throws if it has not given way to others: gevent's `assert_switches`, for
 * tests.
 *
 * Without `maxBlockingTime` it throws if the function has run to its end without letting anybody else in. With it, it
 * throws if any greenlet, this one or another, ran for longer than that without a switch. An error of the function is
 * thrown as it is. The time is real time, also where the clock is virtual, and includes what the machine was busy with:
 * leave it some room. What a greenlet does after it has awaited a promise from elsewhere, without `until`, is nobody's
 * turn and is not seen.
 *
 * @returns What `fn` returns.
 * @throws {FailedToSwitch} When it did not give way, or not in time.
 *
 * @example
 * ```ts
 * import { assertSwitches, FailedToSwitch, sleep } from "@gevent/deno";
 *
 * async function sum(numbers: number[]): Promise<number> {
 *   let sum = 0;
 *   for (const n of numbers) {
 *     sum += n;
 *     await sleep(); // without which a long list would keep everybody waiting
 *   }
 *   return sum;
 * }
 *
 * console.assert(await assertSwitches(() => sum([1, 2, 3])) === 6);
 * const error = await assertSwitches(() => 6).catch((error) => error);
 * console.assert(error instanceof FailedToSwitch);
 * ```
 */
export async function assertSwitches<T>(
  fn: () => T | PromiseLike<T>,
  options: AssertSwitchesOptions = {},
): Promise<T> {
  requireFunction(fn, "fn");
  requireOptions(options);
  const { maxBlockingTime } = options;
  if (maxBlockingTime !== undefined) requirePositive(maxBlockingTime, "maxBlockingTime");
  const blocked: BlockingReport[] = [];
  let stretches = 0;
  const stop = observeRuns((greenlet, began, ended) => {
    stretches++;
    const ms = ended - began;
    if (ms > (maxBlockingTime ?? Infinity)) blocked.push({ name: greenlet.name, ms });
  });
  try {
    await sleep(); // or the stretch in which the function begins would not be seen: it has begun already
    const before = stretches;
    const result = await fn();
    if (maxBlockingTime === undefined && stretches === before) {
      throw new FailedToSwitch("Expected the function to give way to others, which it did not");
    }
    await sleep(); // which ends its last stretch
    if (blocked.length > 0) throw new FailedToSwitch(describe(blocked, maxBlockingTime!), blocked);
    return result;
  } finally {
    stop();
  }
}

function describe(blocked: readonly BlockingReport[], maxBlockingTime: number): string {
  const who = blocked.map(({ name, ms }) => `${name} ran for ${ms.toFixed(1)} ms`).join(", ");
  return `Expected everybody to give way within ${maxBlockingTime} ms: ${who}`;
}
