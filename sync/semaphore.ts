/**
 * Counting permits.
 *
 * @module
 */

import { requireFunction } from "../core/arguments.ts";
import { type Linkable, Links } from "../core/links.ts";
import { checkpoint, completed, parkWait, type WaitOptions } from "../core/suspend.ts";
import { WaitQueue } from "../core/wait_queue.ts";
import type { WaitKind } from "../core/waiter.ts";

const ACQUIRE: WaitKind<boolean> = {
  name: "Semaphore.acquire",
  expired: (waiter) => void waiter.resume(false),
};
const HOLD: WaitKind<boolean> = { name: "Semaphore.hold" };
const WAIT: WaitKind<number> = {
  name: "Semaphore.wait",
  expired: (waiter) => void waiter.resume(0),
};

/**
 * What `Semaphore.acquire` takes.
 *
 * @example
 * ```ts
 * import { type AcquireOptions, Semaphore } from "@gevent/deno";
 *
 * const options: AcquireOptions = { blocking: false };
 * console.assert(await new Semaphore(0).acquire(options) === false);
 * ```
 */
export interface AcquireOptions extends WaitOptions {
  /** Whether to wait for a permit (default), or to return `false` at once when there is none. */
  readonly blocking?: boolean;
}

/**
 * A number of permits: `acquire` takes one, waiting if there is none, and `release` gives one back: gevent's `Semaphore`.
 *
 * A released permit goes straight to whoever has waited longest; nobody can snatch it on the way. Any greenlet may
 * release. A wait that is killed or timed out takes no permit.
 *
 * @example
 * ```ts
 * import { Semaphore } from "@gevent/deno";
 *
 * const semaphore = new Semaphore(2);
 * {
 *   using _held = await semaphore.hold();
 *   console.assert(semaphore.counter === 1);
 * }
 * console.assert(semaphore.counter === 2);
 * ```
 */
export class Semaphore implements Linkable {
  #counter: number;
  readonly #acquirers: WaitQueue<boolean> = new WaitQueue();
  readonly #watchers: WaitQueue<number> = new WaitQueue();
  #links: Links<Semaphore> | undefined;

  /**
   * Makes a semaphore with all its permits.
   *
   * @param value How many permits there are.
   * @throws {RangeError} When `value` is negative or not an integer.
   */
  constructor(value = 1) {
    if (!Number.isInteger(value) || value < 0) {
      throw new RangeError(
        `Cannot create a semaphore as 'value' must be an integer and not negative: received ${
          Deno.inspect(value)
        }`,
      );
    }
    this.#counter = value;
  }

  /** How many permits can be taken now. */
  get counter(): number {
    return this.#counter;
  }

  /** Whether there is no permit to take now. */
  get locked(): boolean {
    return this.#counter <= 0;
  }

  /** Whether there is a permit to take now. */
  get ready(): boolean {
    return this.#counter > 0;
  }

  /**
   * Takes a permit, waiting for one in order of arrival, and returns `true`; `false` after its own timeout, or at once
   * with `blocking: false`.
   */
  acquire(options?: AcquireOptions): Promise<boolean> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (this.#counter > 0) {
      this.#counter--;
      return completed(true);
    }
    if (options?.blocking === false) return completed(false);
    return parkWait<boolean>((wait) => this.#acquirers.add(wait), options, ACQUIRE);
  }

  /**
   * Takes a permit and gives it back at the end of the `using` block, once.
   *
   * @throws {Timeout} When there is none within `options.timeout`.
   */
  async hold(options?: WaitOptions): Promise<Disposable> {
    const refused = checkpoint(options);
    if (refused !== undefined) await refused;
    if (this.#counter > 0) {
      this.#counter--;
      await completed(undefined);
    } else await parkWait<boolean>((wait) => this.#acquirers.add(wait), options, HOLD);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.release();
        held = false;
      },
    };
  }

  /** Gives a permit back, or adds one, and returns how many can be taken now. Never blocks. */
  release(): number {
    if (!this.#acquirers.resumeFirst(true)) {
      this.#counter++;
      this.#watchers.resumeAll(this.#counter);
      this.#links?.notify();
    }
    return this.#counter;
  }

  /** Waits until there is a permit, without taking it, and returns how many there are; 0 after its own timeout. */
  wait(options?: WaitOptions): Promise<number> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (this.#counter > 0) return completed(this.#counter);
    return parkWait<number>((wait) => this.#watchers.add(wait), options, WAIT);
  }

  /** Has a function called in the hub once there is a permit to take, or soon if there is one. */
  rawlink(callback: (semaphore: this) => void): void {
    requireFunction(callback, "callback");
    this.#links ??= new Links<Semaphore>(this);
    this.#links.add(callback as (semaphore: Semaphore) => void);
    if (this.#counter > 0) this.#links.notify();
  }

  /** Takes a function back. */
  unlink(callback: (semaphore: this) => void): void {
    this.#links?.unlink(callback);
  }

  /** How many greenlets wait to take a permit. */
  get waiting(): number {
    return this.#acquirers.size;
  }

  /** For example `<Semaphore counter=2 waiting=0>`. */
  toString(): string {
    return `<${this.constructor.name} counter=${this.#counter} waiting=${this.waiting}>`;
  }
}

/**
 * A semaphore that refuses to be released more often than it was acquired: gevent's `BoundedSemaphore`.
 *
 * @example
 * ```ts
 * import { BoundedSemaphore } from "@gevent/deno";
 *
 * const semaphore = new BoundedSemaphore(2);
 * await semaphore.acquire();
 * semaphore.release();
 * try {
 *   semaphore.release();
 * } catch (error) {
 *   console.assert(error instanceof RangeError);
 * }
 * ```
 */
export class BoundedSemaphore extends Semaphore {
  readonly #initial: number;

  /**
   * Makes a semaphore with all its permits.
   *
   * @param value How many permits there are.
   * @throws {RangeError} When `value` is negative or not an integer.
   */
  constructor(value = 1) {
    super(value);
    this.#initial = value;
  }

  /**
   * Gives a permit back; see {@link Semaphore.release}.
   *
   * @throws {RangeError} When all permits are there already.
   */
  override release(): number {
    if (this.counter >= this.#initial) throw new RangeError("Semaphore released too many times");
    return super.release();
  }
}

/**
 * A semaphore that never runs out: gevent's `DummySemaphore`, for code that takes one and needs none.
 *
 * @example
 * ```ts
 * import { DummySemaphore } from "@gevent/deno";
 *
 * const semaphore = new DummySemaphore();
 * console.assert(await semaphore.acquire() && !semaphore.locked);
 * ```
 */
export class DummySemaphore extends Semaphore {
  /** Makes one; there is nothing to say about it. */
  constructor() {
    super(1);
  }

  /** Takes nothing and returns `true`. */
  override acquire(options?: AcquireOptions): Promise<boolean> {
    return checkpoint(options) ?? completed(true);
  }

  /** Takes nothing. */
  override async hold(options?: WaitOptions): Promise<Disposable> {
    await this.acquire(options);
    return { [Symbol.dispose]: () => {} };
  }

  /** Gives nothing back. */
  override release(): number {
    return this.counter;
  }
}
