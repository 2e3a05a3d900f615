/**
 * Making every `await` of a greenlet a place where it can be interrupted.
 *
 * @module
 */

import { types } from "node:util";
import { runtimeInternals } from "../core/context.ts";
import { hub } from "../core/scheduler.ts";
import { AwaitGraph, type PromiseStates } from "./_await_graph.ts";
import { type Observation, observePromises } from "./_observed_promise.ts";

/**
 * What `patchAwaits` takes.
 *
 * @example
 * ```ts
 * import type { PatchAwaitsOptions } from "@gevent/deno/monkey";
 *
 * const options: PatchAwaitsOptions = { sites: true };
 * console.assert(options.sites);
 * ```
 */
export interface PatchAwaitsOptions {
  /**
   * Record where each `await` stands, for `printRunInfo`; default `false`. Makes an `await` in a greenlet some four times
   * slower again.
   */
  readonly sites?: boolean;
}

/**
 * Makes every `await` of native promises inside greenlets a place where kills and timeouts land, in code of anybody:
 * **experimental**. gevent has no name for it, as there every wait is the library's own.
 *
 * It replaces the global `Promise` and observes, through internals of the engine, which frame of an async function awaits
 * which promise. An interrupt goes down from the greenlet's function, or that of `withTimeout`, to the innermost
 * `await` and is raised there, once; `finally` blocks run from the inside out, and may wait. Work that the greenlet has
 * started and does not await is left alone. `printRunInfo` shows how many functions deep each greenlet awaits,
 * with `sites` where each of them does, from the outside in.
 *
 * What you pay, and what can go wrong:
 *
 * - every `await` in a greenlet takes several times as long, and every promise of the process is a little slower;
 * - code that never thought of an exception at that place leaks what it has acquired, such as a connection in the
 *   middle of being checked out; `until`, `green` and the adapters are safe in this respect: prefer them;
 * - what an interrupted operation brings later is lost;
 * - an `await` takes two microtasks more, so that the order of code that counts them changes;
 * - nobody can see what waits for an object that is no promise but has a `then`: the frame above it is interrupted in
 *   its place, and the one that awaits it goes on, or never ends;
 * - an error that comes from a function of the runtime does not show in its stack who awaits it, unless the function is patched
 *   as well.
 *
 * Calling it again does nothing while it is in force; the options of the first call stay.
 *
 * @returns What ends it again, also at the end of a `using` block.
 * @throws {Deno.errors.NotSupported} When the runtime does not have, or has changed, what it needs.
 *
 * @example
 * ```ts
 * import { sleep, spawn } from "@gevent/deno";
 * import { patchAwaits } from "@gevent/deno/monkey";
 *
 * using _deep = patchAwaits();
 * const g = spawn(async () => {
 *   await new Promise(() => {}); // no `until`
 * });
 * await sleep(1);
 * await g.kill();
 * console.assert(g.dead);
 * ```
 */
export function patchAwaits(options: PatchAwaitsOptions = {}): Disposable {
  if (hub.awaits !== null) return { [Symbol.dispose](): void {} };
  const graph = new AwaitGraph(promiseStates(), options.sites ?? false);
  const observation = observePromises(graph);
  hub.awaits = graph;
  try {
    requireWorking(graph);
  } catch (error) {
    end(graph, observation);
    throw error;
  }
  return { [Symbol.dispose]: () => end(graph, observation) };
}

function end(graph: AwaitGraph, observation: Observation): void {
  if (hub.awaits !== graph) return;
  hub.awaits = null;
  observation.end();
}

/** Asks the engine about promises. */
function promiseStates(): PromiseStates {
  const details = (runtimeInternals() as
    | { getPromiseDetails?: (promise: object) => [number, unknown] }
    | undefined)?.getPromiseDetails;
  if (typeof details !== "function") throw notSupported("the states of promises");
  const states: PromiseStates = {
    // Other objects can inherit from a promise, or stand for one, as a `Proxy` does.
    isPending: (promise) => types.isPromise(promise) && details(promise)[0] === 0,
  };
  if (!states.isPending(new Promise(() => {})) || states.isPending(Promise.resolve())) {
    throw notSupported("the states of promises");
  }
  return states;
}

/** An `await` of a pending promise must have been seen as one, or nothing of this works. */
function requireWorking(graph: AwaitGraph): void {
  if (!graph.seesAwaits()) throw notSupported("who awaits what");
}

function notSupported(what: string): Error {
  return new Deno.errors.NotSupported(
    `Cannot patch awaits as this runtime does not tell ${what}: Deno ${Deno.version.deno}, V8 ${Deno.version.v8}`,
  );
}
