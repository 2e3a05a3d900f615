/**
 * Waiting for something to become true of what a lock protects.
 *
 * @module
 */

import { requireCount, requireFunction } from "../core/arguments.ts";
import { shield } from "../core/shield.ts";
import { checkpoint, completed, countDown, parkWait, type WaitOptions } from "../core/suspend.ts";
import { WaitQueue } from "../core/wait_queue.ts";
import type { WaitKind } from "../core/waiter.ts";
import { Lock } from "./lock.ts";
import { RLock } from "./rlock.ts";
import type { AcquireOptions } from "./semaphore.ts";

const WAIT: WaitKind<boolean> = {
  name: "Condition.wait",
  expired: (waiter) => void waiter.resume(false),
};

/**
 * A lock with a place to wait for news about what it protects: Python's `threading.Condition` under gevent.
 *
 * `wait` lets go of the lock, waits to be notified, and takes the lock again, whatever ends the wait: a kill is raised
 * once the lock is held. An {@link RLock} belongs to the greenlet as a whole: where one greenlet, or code outside all of
 * them, runs several such waits side by side, each needs a greenlet of its own, or the condition a plain {@link Lock}.
 *
 * @example
 * ```ts
 * import { Condition, spawn } from "@gevent/deno";
 *
 * const condition = new Condition();
 * let ready = false;
 * const waiter = spawn(async () => {
 *   using _held = await condition.hold();
 *   return await condition.waitFor(() => ready);
 * });
 * spawn(async () => {
 *   using _held = await condition.hold();
 *   ready = true;
 *   condition.notifyAll();
 * });
 * console.assert(await waiter.get() === true);
 * ```
 */
export class Condition {
  readonly #lock: Lock | RLock;
  readonly #waiters: WaitQueue<boolean> = new WaitQueue();

  /** Uses a lock of its own, or one that is shared with others. */
  constructor(lock: Lock | RLock = new RLock()) {
    if (!(lock instanceof Lock) && !(lock instanceof RLock)) {
      throw new TypeError(
        `Cannot create a condition as 'lock' must be a lock: received ${Deno.inspect(lock)}`,
      );
    }
    this.#lock = lock;
  }

  /** How many greenlets wait for news. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Takes the lock; see `Lock.acquire`. */
  acquire(options?: AcquireOptions): Promise<boolean> {
    return this.#lock.acquire(options);
  }

  /** Takes the lock until the end of the `using` block. */
  hold(options?: WaitOptions): Promise<Disposable> {
    return this.#lock.hold(options);
  }

  /** Lets go of the lock. */
  release(): void {
    this.#lock.release();
  }

  /**
   * Waits to be notified, without the lock meanwhile, and returns `true`; `false` after its own timeout. The lock is
   * held again in any case, also when this throws.
   *
   * @throws {TypeError} When the lock is not held.
   */
  async wait(options?: WaitOptions): Promise<boolean> {
    this.#requireHeld("wait");
    await checkpoint(options);
    const lock = this.#lock;
    const count = lock instanceof RLock ? lock.releaseAll() : lock.release();
    try {
      return await parkWait<boolean>((wait) => this.#waiters.add(wait), options, WAIT);
    } finally {
      await shield(async () => {
        if (lock instanceof RLock) await lock.restore(count);
        else await lock.acquire();
      });
    }
  }

  /**
   * Waits until a function says so, asking it each time this is notified; returns what it said last, which is `false`
   * only after its own timeout. The function is asked with the lock held, and may be asynchronous.
   */
  async waitFor(
    predicate: () => boolean | PromiseLike<boolean>,
    options: WaitOptions = {},
  ): Promise<boolean> {
    requireFunction(predicate, "predicate");
    await checkpoint(options);
    using remaining = countDown(options.timeout);
    while (!await predicate()) {
      const notified = await this.wait({ timeout: remaining(), signal: options.signal });
      if (!notified) return await predicate();
    }
    return await completed(true);
  }

  /**
   * Wakes those who have waited longest; they go on once they have the lock. Never blocks.
   *
   * @throws {TypeError} When the lock is not held.
   * @throws {RangeError} When `count` is negative or not an integer.
   */
  notify(count = 1): void {
    requireCount(count, "count");
    this.#requireHeld("notify");
    for (let left = count; left > 0 && this.#waiters.resumeFirst(true); left--);
  }

  /** Wakes all who wait; see {@link Condition.notify}. */
  notifyAll(): void {
    this.#requireHeld("notify");
    this.#waiters.resumeAll(true);
  }

  /** For example `<Condition waiting=1>`. */
  toString(): string {
    return `<Condition waiting=${this.waiting}>`;
  }

  #requireHeld(what: string): void {
    const held = this.#lock instanceof RLock ? this.#lock.owned : this.#lock.locked;
    if (!held) {
      throw new TypeError(`Cannot ${what} on a condition whose lock is not held: ${this.#lock}`);
    }
  }
}
