/**
 * Catching what would otherwise be printed, or end the process.
 *
 * @module
 */

import { GreenletExit } from "../../core/errors.ts";
import { hub } from "../../core/scheduler.ts";

/** What was collected; the end of a `using` block puts things back. */
export interface Collected<T> extends Disposable {
  /** In the order in which it came. */
  readonly list: T[];
}

/** Collects what is reported to `hub.onError`, instead of printing it. */
export function collectReports(): Collected<{ context: unknown; error: unknown }> {
  const previous = hub.onError;
  const list: { context: unknown; error: unknown }[] = [];
  hub.onError = (context, error) => void list.push({ context, error });
  return { list, [Symbol.dispose]: () => void (hub.onError = previous) };
}

/** Collects the reasons of unhandled rejections, which would end the test run. */
export function collectUnhandled(): Collected<unknown> {
  const list: unknown[] = [];
  const onUnhandled = (event: PromiseRejectionEvent): void => {
    if (!event.defaultPrevented) list.push(event.reason);
    event.preventDefault();
  };
  hub.noteInterrupt(new GreenletExit()); // so that the hub's own listener is there, and comes first
  addEventListener("unhandledrejection", onUnhandled);
  return {
    list,
    [Symbol.dispose]: () => removeEventListener("unhandledrejection", onUnhandled),
  };
}

/** Collects what is written with `console.error`. */
export function collectStderr(): Collected<string> {
  const previous = console.error;
  const list: string[] = [];
  console.error = (...args: unknown[]) => void list.push(args.join(" "));
  return { list, [Symbol.dispose]: () => void (console.error = previous) };
}
