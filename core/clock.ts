/**
 * Time as the hub sees it: an interface, so that tests can replace it.
 *
 * Only this file touches the runtime's timers.
 *
 * @module
 */

// Taken at load time: patching the globals later must not make the hub depend on itself.
const { setTimeout, clearTimeout } = globalThis;

/** The longest delay the runtime's timer takes; more would fire at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

/**
 * Where the hub gets its time from: what it is, and a wake-up when a point in it is reached.
 *
 * @example
 * ```ts
 * import { getHub } from "@gevent/deno";
 *
 * const started = getHub().clock.now();
 * console.assert(getHub().clock.now() >= started);
 * ```
 */
export interface Clock {
  /** Milliseconds since an arbitrary point; never goes back. */
  now(): number;
  /**
   * The hub has nothing to do before `deadline` (`Infinity`: nothing at all) and wants `wake` called then.
   * A later call replaces an earlier one; waking too early is harmless.
   */
  arm(deadline: number, wake: () => void): void;
  /** Forget the wake-up. */
  disarm(): void;
}

/** The real clock: `performance.now` and a single runtime timer. */
export class SystemClock implements Clock {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #armedFor = Infinity;

  /** Milliseconds since the process started. */
  now(): number {
    return performance.now();
  }

  /** Sets the runtime's timer, unless it is already set for an earlier time. */
  arm(deadline: number, wake: () => void): void {
    if (deadline === Infinity) return this.disarm();
    if (this.#armedFor <= deadline) return;
    this.disarm();
    this.#armedFor = deadline;
    const delay = Math.min(Math.max(Math.ceil(deadline - performance.now()), 0), LONGEST_DELAY);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#armedFor = Infinity;
      wake();
    }, delay);
  }

  /** Clears the runtime's timer. */
  disarm(): void {
    this.#armedFor = Infinity;
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
