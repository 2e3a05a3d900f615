/**
 * A limit for the lookups that the system does at a time.
 *
 * Each keeps one of the runtime's 32 threads busy for as long as the name servers are silent, and file operations need
 * those threads, too. A lookup that has begun cannot be stopped.
 *
 * @module
 */

const MOST = 16;

/** A lookup that is under way, or stands in line. */
export interface Slot<T> {
  /** Its result. */
  readonly result: Promise<T>;
  /** Leaves the line; returns `false` when the lookup has begun. */
  leave(): boolean;
}

/** Lets so many operations run at a time, in the order in which they come. */
export class LookupSlots {
  #free: number;
  readonly #line = new Set<() => void>();

  /** Makes so many slots. */
  constructor(slots: number) {
    this.#free = slots;
  }

  /** Runs an operation, now or when one of those before it has ended. */
  run<T>(operation: () => Promise<T>): Slot<T> {
    const result = Promise.withResolvers<T>();
    const begin = (): void => {
      this.#free--;
      result.resolve(operation().finally(() => this.#next()));
    };
    if (this.#free > 0) begin();
    else this.#line.add(begin);
    return { result: result.promise, leave: () => this.#line.delete(begin) };
  }

  #next(): void {
    this.#free++;
    for (const begin of this.#line) {
      this.#line.delete(begin);
      return begin();
    }
  }
}

/** One for all resolvers, as they share the runtime's threads. */
export const lookupSlots: LookupSlots = new LookupSlots(MOST);
