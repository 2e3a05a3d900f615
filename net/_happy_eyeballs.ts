/**
 * Connecting to a host that has several addresses, some of which may not answer: the algorithm of RFC 8305.
 *
 * The runtime has it as well, but makes one error out of all and resolves the name itself, past every cache.
 *
 * @module
 */

import { hub } from "../core/scheduler.ts";
import { parkWait, type WaitOptions } from "../core/suspend.ts";
import type { Timer } from "../core/timer_heap.ts";
import type { Wait, WaitKind } from "../core/waiter.ts";

/** How connections are made, and how they are given back. */
export interface Connecting<T> {
  /** Begins to connect to an address; lets go when `signal` is aborted. */
  open(address: string, signal: AbortSignal): T | PromiseLike<T>;
  /** Closes a connection that came too late to be of use. */
  discard(connection: T): void;
  /** The time between the beginnings of two attempts, in ms, as long as none of them fails. */
  readonly delay: number;
}

/** An address that could not be connected to, and why. */
export interface FailedAttempt {
  /** The address. */
  readonly address: string;
  /** The error of the runtime. */
  readonly error: unknown;
}

/** All attempts have failed: in the order of the addresses. */
export class AllFailed {
  /** One for each address. */
  readonly attempts: readonly FailedAttempt[];

  /** Has to have one attempt at least. */
  constructor(attempts: readonly FailedAttempt[]) {
    this.attempts = attempts;
  }
}

/** Puts addresses in the order in which they are tried: the families by turns, beginning with that of the first. */
export function interleave<A extends { readonly family: 4 | 6 }>(addresses: readonly A[]): A[] {
  const first = addresses.filter((address) => address.family === addresses[0]!.family);
  const second = addresses.filter((address) => address.family !== addresses[0]!.family);
  const longer = Math.max(first.length, second.length);
  return Array.from(
    { length: longer },
    (_, i) => [...first.slice(i, i + 1), ...second.slice(i, i + 1)],
  )
    .flat();
}

/**
 * Waits for the first connection to any of some addresses. The next one is tried when an attempt fails, or has gone on for
 * `delay` ms. The winner stays; the others are told to let go, and what they bring all the same is discarded. So are all
 * when the wait is interrupted.
 *
 * @throws {AllFailed} When no address can be connected to.
 */
export function connectToFirst<T>(
  addresses: readonly string[],
  connecting: Connecting<T>,
  options: WaitOptions | undefined,
  kind: WaitKind<T>,
): Promise<T> {
  return parkWait<T>(
    (wait) => {
      const attempts = new Attempts(addresses, connecting, wait);
      attempts.next();
      return () => attempts.stop();
    },
    options,
    kind,
  );
}

/** The attempts that belong to one wait. */
class Attempts<T> {
  readonly #addresses: readonly string[];
  readonly #connecting: Connecting<T>;
  readonly #wait: Wait<T>;
  readonly #abort = new AbortController();
  readonly #failed: (FailedAttempt | undefined)[];
  #begun = 0;
  #failures = 0;
  #timer: Timer | undefined;

  constructor(addresses: readonly string[], connecting: Connecting<T>, wait: Wait<T>) {
    this.#addresses = addresses;
    this.#connecting = connecting;
    this.#wait = wait;
    this.#failed = addresses.map(() => undefined);
  }

  /** Begins the next attempt, if there is an address left. */
  next(): void {
    this.#stopTimer();
    if (this.#begun === this.#addresses.length) return;
    const index = this.#begun++;
    if (this.#begun < this.#addresses.length && this.#connecting.delay < Infinity) {
      this.#timer = hub.addTimer(this.#connecting.delay, { fire: () => this.next() });
    }
    void this.#attempt(index);
  }

  /** Gives up what is under way. */
  stop(): void {
    this.#stopTimer();
    this.#abort.abort();
  }

  async #attempt(index: number): Promise<void> {
    const address = this.#addresses[index]!;
    let connection: T;
    try {
      connection = await this.#connecting.open(address, this.#abort.signal);
    } catch (error) {
      return this.#fail(index, { address, error });
    }
    if (this.#wait.resume(connection)) this.stop();
    else this.#connecting.discard(connection);
  }

  #fail(index: number, attempt: FailedAttempt): void {
    if (this.#wait.settled) return; // it was told to let go
    this.#failed[index] = attempt;
    if (++this.#failures < this.#addresses.length) return this.next();
    this.#wait.fail(new AllFailed(this.#failed as FailedAttempt[]));
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) hub.removeTimer(this.#timer);
    this.#timer = undefined;
  }
}
