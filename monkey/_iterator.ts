/**
 * Somebody else's async iterators, whose steps can be interrupted.
 *
 * @module
 */

import { adopt, type AdoptedKind, adoptingScope } from "../core/adopt.ts";
import { forItem, leaveIteration, SteppedIterator } from "../core/iteration.ts";
import { dispose } from "../core/until.ts";

/** What differs between iterators. */
export interface AdoptedIterationOptions<T> {
  /** Ends an iteration that was interrupted; by default the `return` of the iterator does. */
  leave?(): void;
  /** Gets an item that comes when nobody waits for it any more; by default it is disposed of. */
  orphan?(item: T): unknown;
}

/** Waits for each step of an iterator so that it can be interrupted; then the iterator is told that nobody goes on. */
export class AdoptedIterator<T> extends SteppedIterator<T> {
  /** Goes over what `iterator` gives. */
  constructor(
    iterator: AsyncIterator<T>,
    kind: AdoptedKind,
    options: AdoptedIterationOptions<T> = {},
  ) {
    const { leave = () => leaveIteration(iterator), orphan = dispose } = options;
    const step = { abandon: leave, orphan: forItem<T>(orphan) };
    super(iterator, (begin) => {
      const scope = adoptingScope();
      return scope === undefined ? begin() : adopt(scope, begin, kind, step);
    });
  }
}
