/**
 * Questions that many ask at the same time, and whose answers are good for a while.
 *
 * Whoever asks what is being asked already waits for the same answer. A waiter that is killed leaves the question to the
 * others; the last one to leave takes it back, if that is possible.
 *
 * @module
 */

import { hub } from "../core/scheduler.ts";
import { checkpoint, completed, parkWait, type WaitOptions } from "../core/suspend.ts";
import { WaitQueue } from "../core/wait_queue.ts";
import type { WaitKind } from "../core/waiter.ts";

/** What came of a question, and for how many ms that is good. */
export type Answer<T> =
  & { readonly ttl: number }
  & ({ readonly value: T } | { readonly makeError: () => Error });

/** A question under way. */
export interface Query<T> {
  /** Rejects when there is no answer at all, not even a negative one; that is not kept. */
  readonly answer: Promise<Answer<T>>;
  /** Takes it back. Returns `false` when that is impossible: then it goes on, and its answer is kept. */
  cancel(): boolean;
}

interface Flight<T> {
  readonly waiting: WaitQueue<T>;
  query: Query<T>;
}

interface Kept<T> {
  readonly answer: Answer<T>;
  readonly until: number;
}

/** Asks each question once at a time, and keeps the answers. */
export class SharedQueries<T> {
  readonly #flights = new Map<string, Flight<T>>();
  /** The one that was used last comes last. */
  readonly #kept = new Map<string, Kept<T>>();
  readonly #capacity: number;

  /** Keeps as many answers as `capacity`; when there is no room, the one that was used longest ago is dropped. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many answers are kept. */
  get size(): number {
    return this.#kept.size;
  }

  /** How many questions are under way. */
  get asking(): number {
    return this.#flights.size;
  }

  /** The answer to the question `key`, waiting for it if need be; `ask` is called if nobody else is asking. */
  get(
    key: string,
    ask: () => Query<T>,
    options: WaitOptions | undefined,
    kind: WaitKind<T>,
  ): Promise<T> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    const kept = this.#find(key);
    if (kept !== undefined) {
      return "value" in kept ? completed(kept.value) : Promise.reject(kept.makeError());
    }
    return parkWait<T>(
      (wait) => {
        const flight = this.#flights.get(key) ?? this.#begin(key, ask);
        flight.waiting.add(wait);
        return () => this.#leave(key, flight);
      },
      options,
      kind,
    );
  }

  /** Drops all answers. Those that are still to come are kept. */
  clear(): void {
    this.#kept.clear();
  }

  #begin(key: string, ask: () => Query<T>): Flight<T> {
    const query = ask();
    const flight = { waiting: new WaitQueue<T>(), query };
    this.#flights.set(key, flight);
    const land = (): boolean => this.#flights.get(key) === flight && this.#flights.delete(key);
    query.answer.then((answer) => {
      if (!land()) return;
      this.#keep(key, answer);
      if ("value" in answer) flight.waiting.resumeAll(answer.value);
      else flight.waiting.failAll(answer.makeError);
    }, (error) => {
      if (land()) flight.waiting.failAll(() => error);
    });
    return flight;
  }

  #leave(key: string, flight: Flight<T>): void {
    if (flight.waiting.size === 0 && flight.query.cancel()) this.#flights.delete(key);
  }

  #find(key: string): Answer<T> | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    this.#kept.delete(key);
    if (kept.until <= hub.clock.now()) return undefined;
    this.#kept.set(key, kept);
    return kept.answer;
  }

  #keep(key: string, answer: Answer<T>): void {
    if (this.#capacity === 0 || !(answer.ttl > 0)) return;
    this.#kept.delete(key);
    if (this.#kept.size >= this.#capacity) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(key, { answer, until: hub.clock.now() + answer.ttl });
  }
}
