/**
 * Tests of things that wait, without waiting.
 *
 * @module
 */

import { requireFunction } from "../core/arguments.ts";
import { type Clock, nextTurn } from "../core/clock.ts";
import { LoopExit } from "../core/errors.ts";
import { Greenlet, watchEnd } from "../core/greenlet.ts";
import { hub } from "../core/scheduler.ts";
import { describeBlocked } from "../core/inspect.ts";
import { killAll } from "../core/join.ts";

/** Stands still while anything can run, and jumps to the next deadline when nothing can. */
class VirtualClock implements Clock {
  #now = 0;
  #armed: object | undefined;
  readonly #onDeadEnd: () => void;

  constructor(onDeadEnd: () => void) {
    this.#onDeadEnd = onDeadEnd;
  }

  now(): number {
    return this.#now;
  }

  arm(deadline: number, wake: () => void, ref: boolean): void {
    const armed = this.#armed = {};
    // A deadline that the process would not live to see is none.
    void this.#jumpWhenIdle(armed, ref ? deadline : Infinity, wake);
  }

  disarm(): void {
    this.#armed = undefined;
  }

  async #jumpWhenIdle(armed: object, deadline: number, wake: () => void): Promise<void> {
    // Promises from elsewhere may be about to wake somebody: they get a turn of the event loop first.
    await nextTurn();
    // A hub that was woken meanwhile arms the clock again when it has no more to do.
    if (this.#armed !== armed || !hub.asleep) return;
    this.#armed = undefined;
    if (deadline === Infinity) return this.#onDeadEnd();
    this.#now = deadline;
    wake();
  }
}

/**
 * Runs a function as a greenlet in virtual time: when everybody waits, the clock jumps to the next deadline, so that an
 * hour of sleeping takes no time and everything happens in the same order each time, however fast the machine is: what the
 * hub does by time elsewhere, it does here by the number of turns that greenlets have had.
 *
 * All timeouts and sleeps of this library follow it, `getHub().clock.now()` tells the virtual time, which starts at 0.
 * Timers of the runtime and I/O do not: the clock cannot know of them, and jumps. When all wait and no timer is left,
 * the function gets a `LoopExit` that names who waits for what. Greenlets that are still alive at the end are killed, and
 * their `finally` blocks run in virtual time, too.
 *
 * @returns What the function returns.
 * @throws What the function throws; a `LoopExit` when a greenlet that was killed at the end waits for ever.
 * @throws {TypeError} When virtual time is running already.
 *
 * @example
 * ```ts
 * import { getHub, sleep } from "@gevent/deno";
 * import { runVirtual } from "@gevent/deno/testing";
 *
 * const elapsed = await runVirtual(async () => {
 *   await sleep(3_600_000);
 *   return getHub().clock.now();
 * });
 * console.assert(elapsed === 3_600_000);
 * ```
 */
export async function runVirtual<T>(fn: () => T | PromiseLike<T>): Promise<T> {
  requireFunction(fn, "fn");
  if (hub.clock instanceof VirtualClock) {
    throw new TypeError("Cannot run in virtual time as it is running already");
  }
  const before = new Set(hub.live);
  const greenlet = new Greenlet<T>(fn);
  greenlet.name = "runVirtual";
  const cleanUp = new Greenlet(async () => {
    for (;;) {
      const left = ([...hub.live] as Greenlet[]).filter((g) => g !== cleanUp && !before.has(g));
      if (left.length === 0) return;
      await killAll(left); // those with `finally` blocks that wait still get their virtual time
    }
  });
  const report = hub.onError;
  hub.onError = (context, error) => {
    if (context !== greenlet && context !== cleanUp) report(context, error);
  };
  let current: Greenlet<unknown> = greenlet;
  const restore = hub.replaceClock(
    new VirtualClock(() => current.throw(new LoopExit(describeBlocked()))),
  );
  try {
    await ended(greenlet);
    current = cleanUp;
    await ended(cleanUp);
  } finally {
    restore();
    hub.onError = report;
  }
  const result = await greenlet.get();
  await cleanUp.get();
  return result;
}

/** Starts a greenlet and waits for its end; whoever waits here is not in virtual time. */
function ended(greenlet: Greenlet<unknown>): Promise<void> {
  return new Promise((resolve) => {
    watchEnd(greenlet, () => resolve());
    // The run queue may hold entries from before: they must not count, or no run would be like the other.
    hub.enqueueCallback(() => hub.restartCounts());
    greenlet.start();
  });
}
