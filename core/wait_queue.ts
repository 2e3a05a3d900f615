/**
 * The one wait queue on which every primitive rests: first come, first served, and a wait that ends for another reason
 * leaves it at once, wherever it stands.
 *
 * Prior art: trio's ParkingLot. The links are part of the wait itself, so standing in a queue allocates nothing; hence a
 * wait stands in one queue at most.
 *
 * @module
 */

import type { Wait, WaitList } from "./waiter.ts";

/** Parked waits in the order of their arrival; never holds one that is settled. */
export class WaitQueue<T> implements WaitList<T> {
  #first: Wait<T> | null = null;
  #last: Wait<T> | null = null;
  #size = 0;

  /** How many are waiting. */
  get size(): number {
    return this.#size;
  }

  /** Who has waited longest, without taking it out. */
  get first(): Wait<T> | null {
    return this.#first;
  }

  /** Lets a wait stand in line. */
  add(wait: Wait<T>): void {
    wait.list = this;
    wait.previousInList = this.#last;
    if (this.#last === null) this.#first = wait;
    else this.#last.nextInList = wait;
    this.#last = wait;
    this.#size++;
  }

  /** Takes a wait out, from any place. */
  remove(wait: Wait<T>): void {
    if (wait.list !== this) return;
    if (wait.previousInList === null) this.#first = wait.nextInList;
    else wait.previousInList.nextInList = wait.nextInList;
    if (wait.nextInList === null) this.#last = wait.previousInList;
    else wait.nextInList.previousInList = wait.previousInList;
    wait.list = wait.nextInList = wait.previousInList = null;
    this.#size--;
  }

  /** Hands a value to whoever has waited longest; says whether there was anybody. */
  resumeFirst(value: T): boolean {
    return this.#first !== null && this.#first.resume(value);
  }

  /** Wakes all who are waiting now with the same value; returns how many. */
  resumeAll(value: T): number {
    const count = this.#size;
    while (this.#first !== null) this.#first.resume(value);
    return count;
  }

  /** Wakes all who are waiting now with an error; returns how many. */
  failAll(error: () => unknown): number {
    const count = this.#size;
    while (this.#first !== null) this.#first.fail(error());
    return count;
  }
}
