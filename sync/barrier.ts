/**
 * A meeting point.
 *
 * @module
 */

import { requireFunction } from "../core/arguments.ts";
import { checkpoint, completed, parkWait, type WaitOptions } from "../core/suspend.ts";
import { limited, Timeout } from "../core/timeout.ts";
import { WaitQueue } from "../core/wait_queue.ts";
import type { WaitKind } from "../core/waiter.ts";

/**
 * A barrier can no longer be passed: somebody did not come, or it was aborted or reset while others waited.
 *
 * @example
 * ```ts
 * import { Barrier, BrokenBarrierError } from "@gevent/deno";
 *
 * const barrier = new Barrier(2);
 * try {
 *   await barrier.wait({ timeout: 1 });
 * } catch (error) {
 *   console.assert(error instanceof BrokenBarrierError && barrier.broken);
 * }
 * ```
 */
export class BrokenBarrierError extends Error {
  /** The class name, as for every error. */
  override readonly name: string = "BrokenBarrierError";

  /** Takes the message. */
  constructor(message = "The barrier is broken") {
    super(message);
  }
}

const late = (): BrokenBarrierError => new BrokenBarrierError("The barrier did not open in time");

const WAIT: WaitKind<number> = { name: "Barrier.wait", timeoutError: late };
/** Of those who come while the action of the round before is under way. */
const NEXT_ROUND: WaitKind<void> = { name: "Barrier.wait" };

/**
 * Lets nobody pass until a number of greenlets have come, again and again: Python's `threading.Barrier` under gevent.
 *
 * When one of those who wait is killed or times out before all may pass, the barrier is broken: the others get a
 * `BrokenBarrierError`, as they would wait for ever. Who comes while an asynchronous action is under way is counted once
 * that is over: giving up before then breaks nothing, and `reset` lets them begin the next round.
 *
 * @example
 * ```ts
 * import { Barrier, joinAll, spawn } from "@gevent/deno";
 *
 * const barrier = new Barrier(3);
 * const order: number[] = [];
 * await joinAll([1, 2, 3].map((n) =>
 *   spawn(async () => {
 *     order.push(n);
 *     await barrier.wait();
 *     order.push(n * 10);
 *   })
 * ));
 * console.assert(order.slice(0, 3).join() === "1,2,3");
 * ```
 */
export class Barrier {
  /** How many have to come. */
  readonly parties: number;
  readonly #action: (() => unknown) | undefined;
  readonly #waiters: WaitQueue<number> = new WaitQueue();
  readonly #comingNext: WaitQueue<void> = new WaitQueue();
  /** The round whose action is under way: nobody passes, and who comes now belongs to the next one. */
  #acting: object | undefined;
  #broken = false;

  /**
   * Makes a barrier for a number of greenlets.
   *
   * @param action Called by the last to come, in its greenlet, before all go on. It may be asynchronous: then all wait for
   * it, and the time limit of the last one's `wait` is its own. An error of it breaks the barrier.
   * @throws {RangeError} When `parties` is not a positive integer.
   */
  constructor(parties: number, action?: () => unknown) {
    if (!Number.isInteger(parties) || parties < 1) {
      throw new RangeError(
        `Cannot create a barrier as 'parties' must be a positive integer: received ${
          Deno.inspect(parties)
        }`,
      );
    }
    if (action !== undefined) requireFunction(action, "action");
    this.parties = parties;
    this.#action = action;
  }

  /** How many are waiting in this round. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Whether it can no longer be passed. */
  get broken(): boolean {
    return this.#broken;
  }

  /**
   * Waits until enough have come, and returns a number that is different for each of them, from 0 for the last.
   *
   * @throws {BrokenBarrierError} When it is broken, or its own timeout has passed.
   * @throws The error of the action, in the last to come.
   */
  wait(options?: WaitOptions): Promise<number> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (this.#broken) return Promise.reject(new BrokenBarrierError());
    if (this.#acting !== undefined) return this.#waitForNextRound(options);
    if (this.waiting + 1 >= this.parties) return this.#open(options);
    return parkWait<number>(
      (wait) => {
        this.#waiters.add(wait);
        return () => this.abort();
      },
      options,
      WAIT,
    );
  }

  /** Breaks it: all who wait, and all who come, get a `BrokenBarrierError`. Never blocks. */
  abort(): void {
    this.#broken = true;
    this.#acting = undefined;
    this.#waiters.failAll(() => new BrokenBarrierError());
    this.#comingNext.failAll(() => new BrokenBarrierError());
  }

  /** Makes it whole again; those who wait get a `BrokenBarrierError`. Never blocks. */
  reset(): void {
    this.#broken = false;
    this.#waiters.failAll(() => new BrokenBarrierError("The barrier was reset"));
    this.#endAction();
  }

  /** For example `<Barrier 1 of 3>`. */
  toString(): string {
    return `<Barrier ${this.waiting} of ${this.parties}${this.#broken ? " broken" : ""}>`;
  }

  #open(options: WaitOptions | undefined): Promise<number> {
    if (this.#action !== undefined) return this.#act(this.#action, options);
    this.#letPass();
    return completed(0);
  }

  async #act(action: () => unknown, options: WaitOptions | undefined): Promise<number> {
    const round = this.#acting = {};
    try {
      await runLimited(action, options);
    } catch (error) {
      if (this.#acting === round) this.abort();
      throw error;
    }
    if (this.#acting !== round) throw new BrokenBarrierError(); // somebody gave up, or it was reset
    this.#letPass();
    this.#endAction();
    return await completed(0);
  }

  #letPass(): void {
    for (let index = this.parties - 1; index > 0; index--) this.#waiters.resumeFirst(index);
  }

  #endAction(): void {
    this.#acting = undefined;
    this.#comingNext.resumeAll(undefined);
  }

  #waitForNextRound(options: WaitOptions | undefined): Promise<number> {
    return runLimited(async () => {
      while (this.#acting !== undefined) {
        await parkWait<void>((wait) => this.#comingNext.add(wait), undefined, NEXT_ROUND);
      }
      return await this.wait();
    }, options);
  }
}

/** Runs what may wait several times under the options of one call. */
async function runLimited<T>(
  fn: () => T | PromiseLike<T>,
  { timeout, signal }: WaitOptions = {},
): Promise<T> {
  const limit = typeof timeout === "number" ? new Timeout(timeout) : timeout;
  try {
    return await limited(limit, fn, signal);
  } catch (error) {
    throw error === limit && limit !== timeout ? late() : error;
  }
}
