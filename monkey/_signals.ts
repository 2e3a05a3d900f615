/**
 * Ending operations of the runtime that take a signal.
 *
 * @module
 */

/** A signal to pass to an operation, and what aborts it. */
export interface Abortable {
  /** Aborted by us, and by the caller's own signal. */
  readonly signal: AbortSignal;
  /** Ends the operation. */
  readonly abandon: (error: unknown) => void;
}

/** Makes a signal that the signals of the caller count for as well. */
export function abortable(...theirs: (AbortSignal | null | undefined)[]): Abortable {
  const controller = new AbortController();
  const given = theirs.filter((signal) => signal !== null && signal !== undefined);
  return {
    signal: given.length === 0 ? controller.signal : AbortSignal.any([controller.signal, ...given]),
    abandon: (error) => controller.abort(error),
  };
}
