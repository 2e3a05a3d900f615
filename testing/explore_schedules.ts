/**
 * Looking for programs that are right only in one order.
 *
 * @module
 */

import {
  requireCount,
  requireFunction,
  requireIterable,
  requireOptions,
} from "../core/arguments.ts";
import { hub } from "../core/scheduler.ts";
import { runVirtual } from "./virtual_clock.ts";

/**
 * What `exploreSchedules` takes.
 *
 * @example
 * ```ts
 * import { type ExploreOptions, exploreSchedules } from "@gevent/deno/testing";
 *
 * const options: ExploreOptions = { seeds: 10 };
 * console.assert((await exploreSchedules(() => {}, options)).explored === 10);
 * ```
 */
export interface ExploreOptions {
  /** How many orders to try, with the seeds 0, 1, 2, …; or the very seeds. Default 1000. */
  readonly seeds?: number | Iterable<number>;
}

/**
 * What `exploreSchedules` has found.
 *
 * @example
 * ```ts
 * import { type Exploration, exploreSchedules } from "@gevent/deno/testing";
 *
 * const found: Exploration = await exploreSchedules(() => {}, { seeds: [7] });
 * console.assert(found.failure === undefined);
 * ```
 */
export interface Exploration {
  /** How many orders were tried. */
  readonly explored: number;
  /** The first one in which the function failed, if there was one; the seed replays it exactly. */
  readonly failure: { readonly seed: number; readonly error: unknown } | undefined;
}

/**
 * Runs a concurrent function again and again in virtual time, each time with another order in which greenlets that are
 * ready run, and stops at the first order in which it fails: by an error, an assertion, or because all are blocked.
 *
 * The error of a greenlet is a failure, too, unless somebody has asked for it by the end of the run: by `get`, by reading
 * `exception`, or with the `raiseError` of `joinAll` and `Group.join`. Waiting for its end, as `join` does, is not enough.
 * A greenlet that ends with the error it has got is a failure of its own. Errors of hub callbacks always are.
 *
 * Whatever goes wrong because of somebody else running in between, such as a check and an act with an `await` between
 * them, is found in moments. An order is made from a seed: `{ seeds: [seed] }` replays it exactly, as long as the
 * function itself is deterministic.
 *
 * @throws {TypeError} When `fn` is not a function, or virtual time is running already.
 * @throws {RangeError} When a seed is not an integer, or their number is not one that is not negative.
 *
 * @example
 * ```ts
 * import { joinAll, sleep, spawn } from "@gevent/deno";
 * import { exploreSchedules } from "@gevent/deno/testing";
 *
 * const { failure } = await exploreSchedules(async () => {
 *   let balance = 0;
 *   const deposit = async () => {
 *     const before = balance;
 *     await sleep();
 *     balance = before + 1;
 *   };
 *   await joinAll([spawn(deposit), spawn(deposit)]);
 *   if (balance !== 2) throw new Error(`The balance is ${balance}`);
 * });
 * console.assert(failure !== undefined);
 * ```
 */
export async function exploreSchedules(
  fn: () => unknown,
  options: ExploreOptions = {},
): Promise<Exploration> {
  requireFunction(fn, "fn");
  requireOptions(options);
  const { seeds = 1000 } = options;
  if (typeof seeds === "number") requireCount(seeds, "seeds");
  else requireIterable(seeds, "seeds");
  let explored = 0;
  for (const seed of typeof seeds === "number" ? range(seeds) : seeds) {
    if (!Number.isInteger(seed)) {
      throw new RangeError(`Cannot use as a seed what is not an integer: received ${seed}`);
    }
    explored++;
    const failure = await runInOrder(fn, seed);
    if (failure !== undefined) return { explored, failure: { seed, ...failure } };
  }
  return { explored, failure: undefined };
}

async function runInOrder(
  fn: () => unknown,
  seed: number,
): Promise<{ error: unknown } | undefined> {
  const random = mulberry32(seed);
  const { onError, errorsTaken } = hub;
  const reports: { context: unknown; error: unknown }[] = [];
  const taken = new WeakSet<object>();
  let failure: { error: unknown } | undefined;
  let began = false;
  hub.onError = (context, error) => void reports.push({ context, error });
  try {
    await runVirtual(() => {
      began = true;
      hub.pick = (queued) => Math.floor(random() * queued);
      hub.errorsTaken = taken;
      return fn();
    });
  } catch (error) {
    if (!began) throw error;
    failure = { error };
  } finally {
    if (began) hub.pick = null;
    hub.onError = onError;
    hub.errorsTaken = errorsTaken;
  }
  const left = reports.find(({ context }) => !taken.has(context as object));
  return failure ?? (left && { error: left.error });
}

function* range(count: number): Iterable<number> {
  for (let seed = 0; seed < count; seed++) yield seed;
}

/** A small generator of numbers between 0 and 1 that is the same everywhere; Tommy Ettinger's Mulberry32. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
