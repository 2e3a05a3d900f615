/**
 * A lock that its holder can take again.
 *
 * @module
 */

import { requireCount } from "../core/arguments.ts";
import type { Greenlet } from "../core/greenlet.ts";
import { getCurrent } from "../core/spawn.ts";
import { checkpoint, completed, parkWait, type WaitOptions } from "../core/suspend.ts";
import { WaitQueue } from "../core/wait_queue.ts";
import type { Wait, WaitKind } from "../core/waiter.ts";
import type { AcquireOptions } from "./semaphore.ts";

const ACQUIRE: WaitKind<boolean> = {
  name: "RLock.acquire",
  expired: (waiter) => void waiter.resume(false),
};
const HOLD: WaitKind<boolean> = { name: "RLock.hold" };

/** What a wait in line brings along. */
interface Claim {
  readonly greenlet: Greenlet;
  /** How often it will hold the lock. */
  readonly count: number;
}

/**
 * Held by one greenlet at a time, which may take it again and has to release it as often: gevent's `RLock`.
 *
 * It goes straight from one holder to the greenlet that has waited longest. It belongs to the greenlet, not to a piece of
 * code: one that takes it several times side by side, as with `Promise.all`, is granted all of them together, as it is the
 * holder from then on. To keep such pieces of code apart, take a `Lock`. Code outside all greenlets counts as one greenlet.
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
  readonly #line: WaitQueue<boolean> = new WaitQueue();
  /** How many claims each greenlet has in line: more than one are granted together, and have to be looked for. */
  readonly #claims: Map<Greenlet, number> = new Map();
  #owner: Greenlet | undefined;
  #count = 0;

  /** Whether anybody holds it. */
  get locked(): boolean {
    return this.#owner !== undefined;
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
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    const claim = { greenlet: getCurrent(), count: 1 };
    if (this.#tryTake(claim)) return completed(true);
    if (options?.blocking === false) return completed(false);
    return this.#standInLine(claim, options, ACQUIRE);
  }

  /**
   * Takes it and lets go of it at the end of the `using` block, once.
   *
   * @throws {Timeout} When it is not to be had within `options.timeout`.
   */
  async hold(options?: WaitOptions): Promise<Disposable> {
    const refused = checkpoint(options);
    if (refused !== undefined) await refused;
    const claim = { greenlet: getCurrent(), count: 1 };
    if (this.#tryTake(claim)) await completed(undefined);
    else await this.#standInLine(claim, options, HOLD);
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
    this.#requireOwned();
    if (--this.#count === 0) this.#handOver();
  }

  /** Lets go of it altogether and returns how often it was held; for {@link RLock.restore}. */
  releaseAll(): number {
    this.#requireOwned();
    const count = this.#count;
    this.#count = 0;
    this.#handOver();
    return count;
  }

  /** Takes it as often as it was held. */
  async restore(count: number): Promise<void> {
    requireCount(count, "count", 1);
    const refused = checkpoint();
    if (refused !== undefined) await refused;
    const claim = { greenlet: getCurrent(), count };
    if (this.#tryTake(claim)) await completed(undefined);
    else await this.#standInLine(claim, undefined, ACQUIRE);
  }

  /** For example `<RLock locked by <Greenlet "Greenlet-1"> 2 times>`. */
  toString(): string {
    if (this.#owner === undefined) return "<RLock unlocked>";
    return `<RLock locked by ${this.#owner} ${this.#count} times>`;
  }

  #tryTake({ greenlet, count }: Claim): boolean {
    if (this.#owner !== undefined && this.#owner !== greenlet) return false;
    this.#owner = greenlet;
    this.#count += count;
    return true;
  }

  #standInLine(
    claim: Claim,
    options: WaitOptions | undefined,
    kind: WaitKind<boolean>,
  ): Promise<boolean> {
    const { greenlet } = claim;
    return parkWait<boolean>(
      (wait) => {
        wait.brought = claim;
        this.#line.add(wait);
        this.#claims.set(greenlet, (this.#claims.get(greenlet) ?? 0) + 1);
        return () => {
          const left = this.#claims.get(greenlet)! - 1;
          if (left === 0) this.#claims.delete(greenlet);
          else this.#claims.set(greenlet, left);
        };
      },
      options,
      kind,
    );
  }

  /** Makes the greenlet that has waited longest the owner, with all that it has in line. */
  #handOver(): void {
    const { first } = this.#line;
    if (first === null) {
      this.#owner = undefined;
      return;
    }
    const owner = this.#owner = (first.brought as Claim).greenlet;
    let left = this.#claims.get(owner)!;
    this.#claims.delete(owner);
    let next: Wait<boolean> | null = first;
    while (next !== null && left > 0) {
      const wait: Wait<boolean> = next;
      next = wait.nextInList; // which is forgotten when it is resumed
      const { greenlet, count } = wait.brought as Claim;
      if (greenlet !== owner) continue;
      this.#count += count;
      wait.resume(true);
      left--;
    }
  }

  #requireOwned(): void {
    if (this.owned) return;
    throw new TypeError(`Cannot release what ${getCurrent()} does not hold: ${this}`);
  }
}
