/**
 * Recordings of who ran when, to be looked at as a picture.
 *
 * @module
 */

import { observeRuns } from "./_run_observers.ts";
import { type Greenlet, scopeOf } from "./greenlet.ts";

/**
 * One event in the Chrome trace-event format.
 *
 * @example
 * ```ts
 * import type { TraceEvent } from "@gevent/deno";
 *
 * const event: TraceEvent = { name: "g", ph: "X", ts: 0, dur: 5, pid: 1, tid: 1 };
 * console.assert(event.ph === "X");
 * ```
 */
export interface TraceEvent {
  /** The name of the greenlet. */
  readonly name: string;
  /** Phase: `X` for a stretch of running, `M` for the name of a lane. */
  readonly ph: "X" | "M";
  /** Beginning, in µs. */
  readonly ts: number;
  /** Duration, in µs. */
  readonly dur?: number;
  /** Process. */
  readonly pid: number;
  /** Lane: one for each greenlet. */
  readonly tid: number;
  /** More about it, such as what it waited for next. */
  readonly args?: Readonly<Record<string, string>>;
}

/**
 * A recording that is going on; see {@link trace}.
 *
 * @example
 * ```ts
 * import { trace, type Trace } from "@gevent/deno";
 *
 * const recording: Trace = trace();
 * recording.stop();
 * console.assert(Array.isArray(recording.events));
 * ```
 */
export interface Trace extends Disposable {
  /** What was recorded so far. */
  readonly events: readonly TraceEvent[];
  /** Ends the recording. */
  stop(): void;
  /** The recording as JSON, for ui.perfetto.dev or chrome://tracing. */
  toJSON(): { readonly traceEvents: readonly TraceEvent[] };
}

/** Ends the recording that is going on. */
let current: (() => void) | undefined;

/**
 * Records which greenlet runs when, one lane for each, until it is stopped. Write `JSON.stringify(recording)` to a file
 * and open that in Perfetto.
 *
 * Only one recording can go on at a time. When there is none, it costs nothing that can be measured.
 *
 * @throws {TypeError} When there is a recording already.
 *
 * @example
 * ```ts
 * import { joinAll, sleep, spawn, trace } from "@gevent/deno";
 *
 * const recording = trace();
 * await joinAll([spawn(sleep, 1), spawn(sleep, 1)]);
 * recording.stop();
 * console.assert(recording.events.some((event) => event.ph === "X"));
 * ```
 */
export function trace(): Trace {
  if (current !== undefined) {
    throw new TypeError("Cannot start a recording as one is going on already");
  }
  const events: TraceEvent[] = [];
  const lanes = new WeakMap<object, number>();
  let lanesUsed = 0;
  const laneOf = (greenlet: Greenlet): number => {
    let lane = lanes.get(greenlet);
    if (lane === undefined) {
      lanes.set(greenlet, lane = ++lanesUsed);
      events.push({
        name: "thread_name",
        ph: "M",
        ts: 0,
        pid: 1,
        tid: lane,
        args: { name: greenlet.name },
      });
    }
    return lane;
  };
  const end = observeRuns((greenlet, began, ended) => {
    events.push({
      name: greenlet.name,
      ph: "X",
      ts: began * 1000,
      dur: (ended - began) * 1000,
      pid: 1,
      tid: laneOf(greenlet),
      ...describeNext(greenlet),
    });
  });
  current = end;
  const stop = (): void => {
    end();
    if (current === end) current = undefined;
  };
  return { events, stop, toJSON: () => ({ traceEvents: events }), [Symbol.dispose]: stop };
}

function describeNext(greenlet: Greenlet): { args?: Record<string, string> } {
  const waits = [...scopeOf(greenlet)?.parked() ?? []].map((wait) => wait.kind.name);
  if (waits.length === 0) return {};
  return { args: { "waits for": waits.join(", ") } };
}
