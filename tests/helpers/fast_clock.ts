/**
 * Programs that wait for seconds and do I/O, in a fraction of the time.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type Clock, SystemClock } from "../../core/clock.ts";
import { hub } from "../../core/scheduler.ts";

/** The real clock, going faster. */
class FastClock implements Clock {
  readonly #real = new SystemClock();
  readonly #factor: number;

  constructor(factor: number) {
    this.#factor = factor;
  }

  now(): number {
    return this.#real.now() * this.#factor;
  }

  arm(deadline: number, wake: () => void, ref: boolean): void {
    this.#real.arm(deadline / this.#factor, wake, ref);
  }

  disarm(): void {
    this.#real.disarm();
  }
}

/**
 * Runs a function while the clock of the hub goes faster: sleeps and timeouts are over sooner, and I/O takes longer in
 * comparison. It must leave no timer behind.
 */
export async function runFast<T>(fn: () => Promise<T>, factor = 20): Promise<T> {
  const restore = hub.replaceClock(new FastClock(factor));
  try {
    const result = await fn();
    assertEquals(hub.timers.size, 0, "Timers are left");
    return result;
  } finally {
    restore();
  }
}
