/**
 * Patching the global timers.
 *
 * @module
 */

import timersPromises from "node:timers/promises";
import { promisify } from "node:util";
import type { AdoptedKind } from "../core/adopt.ts";
import { original } from "../core/originals.ts";
import {
  cooperativeInterval,
  cooperativeSleep,
  cooperativeTimeout,
  type TimerFunction,
} from "./_timers.ts";
import { Patcher, type Patches, type PatchOptions } from "./registry.ts";

const SLEEP: AdoptedKind = { name: "setTimeout" };

/**
 * Patches `setTimeout` and `setInterval`: gevent's `patch_time`.
 *
 * Sleeping, as in `await new Promise((resolve) => setTimeout(resolve, 10))`, can be interrupted, and takes its turn with
 * other greenlets; the timer must have been given the promise's `resolve` itself, not a function that calls it. Given its
 * `reject`, as for a limit in time, and nothing or no error to reject with, it looks just the same: an interrupt then
 * rejects that promise at once, also when the greenlet does not await it, and is raised by the greenlet's next wait as well.
 * Callbacks run in the context of the greenlet that started the timer. When a greenlet was killed, the timers with
 * callbacks that the program's own code has started in it are cleared at its end; those that packages have started in it
 * go on, as they may serve others, and so do sleeps that nobody awaits, and the timers of a greenlet that has come to its
 * end by itself.
 * Own code is what was loaded from files outside the folders of packages; what comes from a URL counts as a package.
 *
 * @returns What was replaced, and takes it back.
 *
 * @example
 * ```ts
 * import { getCurrent, sleep, spawn } from "@gevent/deno";
 * import { patchTimers } from "@gevent/deno/monkey";
 *
 * using _patch = patchTimers();
 * let ticks = 0;
 * const g = spawn(async () => {
 *   setInterval(() => console.assert(getCurrent() === g && ++ticks > 0), 1);
 *   await new Promise((resolve) => setTimeout(resolve, 60_000));
 * });
 * while (ticks === 0) await sleep(1);
 * await g.kill(); // ends the sleep, and the interval with it
 * console.assert(g.dead);
 * ```
 */
export function patchTimers(options: PatchOptions = {}): Patches {
  const patcher = new Patcher("timers", options);
  patcher.method(globalThis, "setTimeout", "setTimeout", (setTimeout) => {
    const patched = cooperativeTimeout(setTimeout as TimerFunction);
    const sleep = cooperativeSleep(original(timersPromises, "setTimeout"), 2, SLEEP);
    return Object.assign(patched, { [promisify.custom]: sleep });
  });
  patcher.method(
    globalThis,
    "setInterval",
    "setInterval",
    (setInterval) => cooperativeInterval(setInterval as TimerFunction),
  );
  return patcher.patches;
}
