/**
 * Mutual exclusion.
 *
 * @module
 */

import { BoundedSemaphore } from "./semaphore.ts";

/**
 * Held by one greenlet at a time; not re-entrant, and any greenlet may release it, as with Python's `threading.Lock`
 * under gevent.
 *
 * @example
 * ```ts
 * import { Lock } from "@gevent/deno";
 *
 * const lock = new Lock();
 * {
 *   using _held = await lock.hold();
 *   console.assert(lock.locked);
 * }
 * console.assert(!lock.locked);
 * ```
 */
export class Lock extends BoundedSemaphore {
  /** Makes a lock that nobody holds. */
  constructor() {
    super(1);
  }
}
