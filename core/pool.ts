/**
 * A limit on how many greenlets do something at the same time.
 *
 * @module
 */

import { requireCount } from "./arguments.ts";
import { PoolFull } from "./errors.ts";
import { Greenlet } from "./greenlet.ts";
import { Group, type GroupOptions } from "./group.ts";
import { checkpoint, completed, parkWait, type WaitOptions } from "./suspend.ts";
import { WaitQueue } from "./wait_queue.ts";
import type { WaitKind } from "./waiter.ts";

const ADD: WaitKind<void> = {
  name: "Pool.add",
  timeoutError: () => new PoolFull(),
};
const AVAILABLE: WaitKind<number> = {
  name: "Pool.waitAvailable",
  expired: (waiter) => void waiter.resume(0),
};

/**
 * What `Pool.add` and `Pool.start` take.
 *
 * @example
 * ```ts
 * import { Greenlet, Pool, type PoolAddOptions } from "@gevent/deno";
 *
 * const options: PoolAddOptions = { block: false };
 * await new Pool(1).start(new Greenlet(() => {}), options);
 * ```
 */
export interface PoolAddOptions extends WaitOptions {
  /** Whether to wait for a free slot; default `true`. */
  readonly block?: boolean;
}

/**
 * A group with a limited number of members: gevent's `Pool`.
 *
 * `spawn`, `add` and `start` wait for a free slot, first come, first served. A slot is free again once its greenlet
 * has ended, in whichever way. Without a size it is unlimited; a pool of size 0 never runs anything.
 *
 * @example
 * ```ts
 * import { Pool, sleep } from "@gevent/deno";
 *
 * const pool = new Pool(2);
 * let atOnce = 0, most = 0;
 * await pool.map(async () => {
 *   most = Math.max(most, ++atOnce);
 *   await sleep(1);
 *   atOnce--;
 * }, [1, 2, 3, 4, 5]);
 * console.assert(most === 2);
 * ```
 */
export class Pool extends Group {
  /** How many members it may have; `Infinity` without a limit. */
  readonly limit: number;
  /** Slots that are taken: those of the members, and those given to greenlets that are about to join. */
  #taken = 0;
  readonly #adders: WaitQueue<void> = new WaitQueue();
  readonly #watchers: WaitQueue<number> = new WaitQueue();

  /**
   * Makes a pool with nothing in it.
   *
   * @param size How many greenlets may run at the same time; unlimited when left out or `null`.
   * @throws {RangeError} When `size` is not an integer or negative.
   * @throws {TypeError} When `greenletClass` is not a class of greenlets.
   */
  constructor(size?: number | null, options?: GroupOptions) {
    super([], options);
    if (size != null && size !== Infinity) requireCount(size, "size");
    this.limit = size ?? Infinity;
  }

  /** Whether `spawn` would have to wait. */
  override get full(): boolean {
    return this.#taken >= this.limit;
  }

  /** How many greenlets can be added at once; gevent's `free_count`. */
  get freeCount(): number {
    return Math.max(this.limit - this.#taken, 0);
  }

  /**
   * Makes a greenlet a member, after waiting for a free slot. When the wait is interrupted, the greenlet is not added
   * and no slot is lost.
   *
   * @throws {PoolFull} When no slot is free within `options.timeout`, or at once with `block: false`.
   */
  override add(greenlet: Greenlet<unknown>, options: PoolAddOptions = {}): Promise<void> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (!(greenlet instanceof Greenlet) || !this.full) {
      try {
        this.track(greenlet);
      } catch (error) {
        return Promise.reject(error);
      }
      return completed(undefined);
    }
    if (this.has(greenlet)) return completed(undefined);
    if (options.block === false) return Promise.reject(new PoolFull());
    return parkWait<void>((wait) => this.#adders.add(wait), options, ADD).then(() => {
      this.#taken--; // the slot was handed over; `track` takes it
      if (this.track(greenlet)) return;
      this.#taken++; // it has become a member in the meantime: the slot goes to the next one in line
      this.released();
    });
  }

  /**
   * Adds a greenlet, after waiting for a free slot, and starts it; see {@link Pool.add}. So this is the way
   * to give the wait of {@link Pool.spawn} a limit.
   *
   * @throws {PoolFull} When no slot is free within `options.timeout`, or at once with `block: false`.
   *
   * @example
   * ```ts
   * import { Greenlet, Pool, PoolFull, sleep } from "@gevent/deno";
   *
   * const pool = new Pool(1);
   * await pool.spawn(sleep, 60_000);
   * try {
   *   await pool.start(new Greenlet(sleep, 60_000), { timeout: 1 });
   * } catch (error) {
   *   console.assert(error instanceof PoolFull);
   * }
   * await pool.kill();
   * ```
   */
  override async start(greenlet: Greenlet<unknown>, options: PoolAddOptions = {}): Promise<void> {
    await this.add(greenlet, options);
    greenlet.start();
  }

  /** Waits until a slot is free, without taking it, and returns how many are; 0 after the timeout. */
  waitAvailable(options?: WaitOptions): Promise<number> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (!this.full) return completed(this.freeCount);
    return parkWait<number>((wait) => this.#watchers.add(wait), options, AVAILABLE);
  }

  /** Takes a slot for a new member. */
  protected override track(greenlet: Greenlet<unknown>): boolean {
    const added = super.track(greenlet);
    if (added) this.#taken++;
    return added;
  }

  /** Gives the slot of a member that has left to whoever has waited longest. */
  protected override released(): void {
    if (this.#adders.resumeFirst(undefined)) return;
    this.#taken--;
    this.#watchers.resumeAll(this.freeCount);
  }
}
