/**
 * What programs see of the hub.
 *
 * @module
 */

import type { Clock } from "./clock.ts";
import { hub } from "./scheduler.ts";

/**
 * Numbers about the hub.
 *
 * @example
 * ```ts
 * import { getHub, type HubStats } from "@gevent/deno";
 *
 * const stats: HubStats = getHub().stats;
 * console.assert(stats.entries >= 0);
 * ```
 */
export interface HubStats {
  /** Run queue entries so far: first turns, wake-ups and callbacks. */
  readonly entries: number;
  /** Timers that have fired so far. */
  readonly timersFired: number;
  /** How often busy greenlets had to let I/O in so far. */
  readonly ioTurns: number;
  /** Entries that are in the run queue now. */
  readonly queued: number;
  /** Timers that are pending now. */
  readonly timers: number;
  /** Greenlets that are alive now. */
  readonly greenlets: number;
}

/**
 * The scheduler of an isolate: gevent's `Hub`.
 *
 * There is one in each isolate; get it from {@link getHub}.
 *
 * @example
 * ```ts
 * import { getHub } from "@gevent/deno";
 *
 * const hub = getHub();
 * hub.switchInterval = 2;
 * console.assert(hub.switchInterval === 2);
 * hub.switchInterval = 5;
 * ```
 */
export interface Hub {
  /**
   * The longest time in ms that busy greenlets keep I/O and timers waiting, as far as they give way to each other;
   * gevent's `getswitchinterval`. Default 5. Setting what is not positive throws a `RangeError`.
   */
  switchInterval: number;
  /** Where the hub gets its time from. */
  readonly clock: Clock;
  /**
   * Whether greenlets remember where they were started, for messages and `Greenlet.spawnSite`; gevent's
   * `track_greenlet_tree`. It doubles the cost of starting one, so the default is `false`.
   */
  trackSpawnSites: boolean;
  /** What the hub has done so far, and has to do now. */
  readonly stats: HubStats;
  /**
   * Reports an error that nobody is there to catch: that of a greenlet, a link or a timer. Prints it to stderr; assign a
   * function of your own to send it elsewhere. An error of that function is printed, and ends nothing.
   *
   * @example
   * ```ts
   * import { getHub, spawn } from "@gevent/deno";
   *
   * const hub = getHub();
   * const print = hub.onError;
   * let seen: unknown;
   * hub.onError = (_context, error) => seen = error;
   * await spawn(() => {
   *   throw new Error("broken");
   * }).join();
   * hub.onError = print;
   * console.assert((seen as Error).message === "broken");
   * ```
   */
  onError: (context: unknown, error: unknown) => void;
  /** Reports an error through {@link Hub.onError}; never throws. gevent's `hub.handle_error`. */
  handleError(context: unknown, error: unknown): void;
}

/**
 * The hub of this isolate (each Worker has its own): gevent's `get_hub`.
 *
 * @example
 * ```ts
 * import { getHub } from "@gevent/deno";
 *
 * console.assert(getHub() === getHub());
 * ```
 */
export function getHub(): Hub {
  return hub;
}
