/**
 * Running random programs of blocking calls, to be compared with a model that never waits.
 *
 * @module
 */

import fc from "fast-check";

/** Blocking calls that are under way, by number, and what came of those that are over. */
export class Operations {
  readonly #outcomes: string[] = [];
  readonly #controllers: AbortController[] = [];

  /** Begins a call; it gets a signal for {@link Operations.abort}. */
  begin(call: (signal: AbortSignal) => Promise<unknown>): void {
    const id = this.#outcomes.push("pending") - 1;
    const controller = new AbortController();
    this.#controllers.push(controller);
    call(controller.signal).then(
      (value) => this.#note(id, String(value)),
      (error: Error) => this.#note(id, error.name),
    );
  }

  /** Interrupts the call with this number, counted around. */
  abort(number: number): void {
    if (this.#controllers.length === 0) return;
    const reason = new Error();
    reason.name = "aborted";
    this.#controllers[number % this.#controllers.length]!.abort(reason);
  }

  /** What came of each call, in the order in which they began. */
  get outcomes(): readonly string[] {
    return this.#outcomes;
  }

  #note(id: number, outcome: string): void {
    const before = this.#outcomes[id];
    this.#outcomes[id] = before === "pending" ? outcome : `${before}, and then ${outcome}`;
  }
}

/** A call in a model: where it waits, until when, and what its timeout gives. */
export interface ModelWait<D> {
  readonly id: number;
  readonly deadline: number;
  readonly expired: string;
  readonly data: D;
}

/** The lines in which the calls of a model wait, and what came of those that are over. */
export class ModelOperations {
  readonly outcomes: string[] = [];
  readonly #lines: ModelWait<unknown>[][] = [];
  now = 0;

  /** Makes a line. */
  line<D>(): ModelWait<D>[] {
    const line: ModelWait<D>[] = [];
    this.#lines.push(line as ModelWait<unknown>[]);
    return line;
  }

  /** Begins a call; what it returns is its number. */
  begin(): number {
    return this.outcomes.push("pending") - 1;
  }

  /** Lets a call stand in line. */
  wait<D>(line: ModelWait<D>[], id: number, ms: number, expired: string, data: D): void {
    line.push({ id, deadline: this.now + ms, expired, data });
  }

  /** Interrupts the call with this number, counted around. */
  abort(number: number): void {
    if (this.outcomes.length > 0) {
      this.#leave((wait) => wait.id === number % this.outcomes.length, "aborted");
    }
  }

  /** Lets time pass. */
  advance(ms: number): void {
    this.now += ms;
    this.#leave((wait) => wait.deadline <= this.now);
  }

  #leave(leaves: (wait: ModelWait<unknown>) => boolean, outcome?: string): void {
    for (const line of this.#lines) {
      for (const wait of line.filter(leaves)) {
        line.splice(line.indexOf(wait), 1);
        this.outcomes[wait.id] = outcome ?? wait.expired;
      }
    }
  }
}

/** Milliseconds that a call waits at most. */
export const patience: fc.Arbitrary<number> = fc.oneof(
  fc.constant(Infinity),
  fc.integer({ min: 1, max: 10 }),
);

/** Programs: lists of batches, each of which happens within one turn. */
export function programs<C>(command: fc.Arbitrary<C>): fc.Arbitrary<C[][]> {
  return fc.array(fc.array(command, { minLength: 1, maxLength: 5 }), {
    maxLength: 25,
    size: "max",
  });
}
