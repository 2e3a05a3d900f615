/**
 * A flag that greenlets can wait for.
 *
 * @module
 */

import { requireFunction } from "../core/arguments.ts";
import { type Linkable, Links } from "../core/links.ts";
import { checkpoint, completed, parkWait, type WaitOptions } from "../core/suspend.ts";
import { WaitQueue } from "../core/wait_queue.ts";
import type { WaitKind } from "../core/waiter.ts";

const WAIT: WaitKind<boolean> = {
  name: "Event.wait",
  expired: (waiter) => void waiter.resume(false),
};

/**
 * A flag that many greenlets can wait for until somebody sets it: gevent's `Event`.
 *
 * `set` wakes all who wait at that moment, in the order in which they came, even if the flag is cleared again before
 * they run.
 *
 * @example
 * ```ts
 * import { Event, spawn } from "@gevent/deno";
 *
 * const ready = new Event();
 * const waiter = spawn(() => ready.wait());
 * spawn(() => ready.set());
 * console.assert(await waiter.get() === true);
 * ```
 */
export class Event implements Linkable {
  #set = false;
  readonly #waiters: WaitQueue<boolean> = new WaitQueue();
  #links: Links<Event> | undefined;

  /** Whether the flag is set; gevent's `is_set`. */
  get isSet(): boolean {
    return this.#set;
  }

  /** The same as {@link Event.isSet}: whether `wait` would return at once. */
  get ready(): boolean {
    return this.#set;
  }

  /** Sets the flag and wakes all who wait. Never blocks. */
  set(): void {
    this.#set = true;
    this.#waiters.resumeAll(true);
    this.#links?.notify();
  }

  /** Clears the flag: later waits have to wait. Never blocks. */
  clear(): void {
    this.#set = false;
  }

  /** Waits until the flag is set, and returns `true`; `false` when its own timeout comes first. */
  wait(options?: WaitOptions): Promise<boolean> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (this.#set) return completed(true);
    return parkWait<boolean>((wait) => this.#waiters.add(wait), options, WAIT);
  }

  /** Has a function called in the hub the next time the flag is set, or soon if it is set already. */
  rawlink(callback: (event: this) => void): void {
    requireFunction(callback, "callback");
    this.#links ??= new Links<Event>(this);
    this.#links.add(callback as (event: Event) => void);
    if (this.#set) this.#links.notify();
  }

  /** Takes a function back. */
  unlink(callback: (event: this) => void): void {
    this.#links?.unlink(callback);
  }

  /** How many greenlets wait for it. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** For example `<Event set>`. */
  toString(): string {
    return `<Event ${this.#set ? "set" : "clear"} waiting=${this.waiting}>`;
  }
}
