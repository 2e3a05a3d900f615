/**
 * Looking at each stretch in which a greenlet runs. The hub tells one function only, which is quick to ask for; here
 * are the several who may want to know.
 *
 * @module
 */

import type { Greenlet } from "./greenlet.ts";
import { hub } from "./scheduler.ts";
import type { Scope } from "./scope.ts";

/** Told of a stretch once it is over; the times are those of `performance.now`. */
export type RunObserver = (greenlet: Greenlet, began: number, ended: number) => void;

const observers = new Set<RunObserver>();

function tellAll(scope: object, began: number, ended: number): void {
  const greenlet = (scope as Scope).owner as Greenlet;
  for (const observer of observers) observer(greenlet, began, ended);
}

/** Tells of all stretches that begin from now on; what it returns ends that, and may be called again. */
export function observeRuns(observer: RunObserver): () => void {
  observers.add(observer);
  hub.observer = tellAll;
  return () => {
    observers.delete(observer);
    if (observers.size === 0) hub.observer = null;
  };
}
