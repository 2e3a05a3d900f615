/**
 * A lock that its holder can take again.
 *
 * @module
 */

import type { Greenlet } from "../core/greenlet.ts";
import { getCurrent } from "../core/spawn.ts";
import { checkpoint, completed, type WaitOptions } from "../core/suspend.ts";
import { Lock } from "./lock.ts";
import type { AcquireOptions } from "./semaphore.ts";

/**
 * Held by one greenlet at a time, which may take it again and has to release it as often: gevent's `RLock`.
 *
 * @example
 * ```ts
 * import { RLock } from "@gevent/deno";
 *
 * const lock = new RLock();
 * await lock.acquire();
 * await lock.acquire(); // the same greenlet: no wait
 * lock.release();
 * console.assert(lock.locked);
 * lock.release();
 * console.assert(!lock.locked);
 * ```
 */
export class RLock {
  readonly #lock: Lock = new Lock();
  #owner: Greenlet | undefined;
  #count = 0;

  /** Whether anybody holds it. */
  get locked(): boolean {
    return this.#lock.locked;
  }

  /** Whether the current greenlet holds it. */
  get owned(): boolean {
    return this.#owner === getCurrent();
  }

  /**
   * Takes it, waiting for its holder to let go, and returns `true`; `false` after its own timeout, or at once with
   * `blocking: false`. A wait that is killed or timed out does not take it.
   */
  acquire(options?: AcquireOptions): Promise<boolean> {
    if (this.owned) {
      const refused = checkpoint(options);
      if (refused !== undefined) return refused;
      this.#count++;
      return completed(true);
    }
    const greenlet = getCurrent();
    // The hand-over and this reaction to it cannot be torn apart by a kill: one that was resumed is not interrupted.
    return this.#lock.acquire(options).then((acquired) => {
      if (acquired) this.#take(greenlet, 1);
      return acquired;
    });
  }

  /**
   * Takes it and lets go of it at the end of the `using` block, once.
   *
   * @throws {Timeout} When it is not to be had within `options.timeout`.
   */
  async hold(options?: WaitOptions): Promise<Disposable> {
    if (this.owned) await this.acquire(options);
    else {
      const greenlet = getCurrent();
      await this.#lock.hold(options);
      this.#take(greenlet, 1);
    }
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.release();
        held = false;
      },
    };
  }

  /**
   * Lets go of it once. Never blocks.
   *
   * @throws {TypeError} When the current greenlet does not hold it.
   */
  release(): void {
    if (!this.owned) {
      throw new TypeError(`Cannot release what ${getCurrent()} does not hold: ${this}`);
    }
    if (--this.#count > 0) return;
    this.#owner = undefined;
    this.#lock.release();
  }

  /** Lets go of it altogether and returns how often it was held; for {@link RLock.restore}. */
  releaseAll(): number {
    const count = this.#count;
    if (!this.owned) {
      throw new TypeError(`Cannot release what ${getCurrent()} does not hold: ${this}`);
    }
    this.#count = 1;
    this.release();
    return count;
  }

  /** Takes it as often as it was held. */
  async restore(count: number): Promise<void> {
    const greenlet = getCurrent();
    await this.#lock.acquire();
    this.#take(greenlet, count);
  }

  /** For example `<RLock locked by <Greenlet "Greenlet-1"> 2 times>`. */
  toString(): string {
    if (this.#owner === undefined) return `<RLock ${this.locked ? "locked" : "unlocked"}>`;
    return `<RLock locked by ${this.#owner} ${this.#count} times>`;
  }

  #take(greenlet: Greenlet, count: number): void {
    this.#owner = greenlet;
    this.#count = count;
  }
}
