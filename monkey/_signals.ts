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

/** Makes a signal that the caller's own counts for as well, if there is one. */
export function abortable(theirs: AbortSignal | null | undefined): Abortable {
  const controller = new AbortController();
  return {
    signal: theirs == null ? controller.signal : AbortSignal.any([controller.signal, theirs]),
    abandon: (error) => controller.abort(error),
  };
}
