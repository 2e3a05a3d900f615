/**
 * Sends what greenlets want to send in bursts.
 *
 * A write to somebody on the same machine who sleeps has to wake them, which costs the system several times the write
 * itself. When greenlets take turns, each writing a little, everybody at the other end falls asleep again in between. So
 * writes wait for the end of the current round of the run queue and then go out back to back. A single connection does
 * not notice.
 *
 * @module
 */

import { hub, type Runnable } from "../core/scheduler.ts";

/** Operations to begin together. */
class WriteBatch implements Runnable {
  #pending: (() => void)[] = [];

  /** Has an operation begun after whoever is in the run queue now has run. */
  add(begin: () => void): void {
    if (this.#pending.push(begin) === 1) hub.enqueue(this);
  }

  /** The hub entry that begins them all. */
  run(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const begin of pending) begin();
  }
}

/** One for all sockets: it is their writes together that make a burst. */
export const writeBatch: WriteBatch = new WriteBatch();
