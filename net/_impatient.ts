/**
 * Timeouts of 0: what can be done at once is done, as with a non-blocking socket.
 *
 * A timer of 0 ms would be due before the runtime has had a look at the socket.
 *
 * @module
 */

import { SystemClock } from "../core/clock.ts";
import { hub } from "../core/scheduler.ts";
import type { WaitOptions } from "../core/suspend.ts";
import { Timeout } from "../core/timeout.ts";
import type { Wait } from "../core/waiter.ts";

/** Whether a call is to wait for nothing but one look at the socket. In virtual time a timer of 0 ms says it all. */
export function isImpatient(options: WaitOptions | undefined): options is WaitOptions {
  return options !== undefined && options.timeout === 0 && hub.clock instanceof SystemClock;
}

/** Lets a wait time out when the runtime has had that look. */
export function endSoon<T>(wait: Wait<T>): void {
  void hub.turn().then(() => wait.expire(() => new Timeout(0)));
}
