/**
 * Waiting for any of several objects: greenlets, events, results, semaphores, whatever can be linked.
 *
 * @module
 */

import { requireCount, requireIterable } from "./arguments.ts";
import { hub } from "./scheduler.ts";
import { Greenlet, unwatchEnd, watchEnd } from "./greenlet.ts";
import { joinAll } from "./join.ts";
import type { Linkable } from "./links.ts";
import { getCurrent } from "./spawn.ts";
import {
  checkpoint,
  completed,
  countDown,
  parkWait,
  requireWaitOptions,
  type WaitOptions,
} from "./suspend.ts";
import type { WaitKind } from "./waiter.ts";

const IWAIT: WaitKind<boolean> = { name: "iwait", expired: (waiter) => void waiter.resume(false) };

/**
 * What `wait` and `iwait` take.
 *
 * @example
 * ```ts
 * import { spawn, wait, type WaitForOptions } from "@gevent/deno";
 *
 * const options: WaitForOptions = { count: 1 };
 * console.assert((await wait([spawn(() => 1), spawn(() => 2)], options)).length === 1);
 * ```
 */
export interface WaitForOptions extends WaitOptions {
  /** Stop after this many have become ready. */
  readonly count?: number;
}

/**
 * Gives the objects one by one as they become ready, first those that are already: gevent's `iwait`.
 *
 * The iteration ends quietly after `options.timeout` ms in all. Leaving the loop early takes the links back.
 *
 * @example
 * ```ts
 * import { iwait, sleep, spawn } from "@gevent/deno";
 *
 * const slow = spawn(sleep, 5);
 * const quick = spawn(sleep, 1);
 * for await (const first of iwait([slow, quick])) {
 *   console.assert(first === quick);
 *   break;
 * }
 * await slow.kill();
 * ```
 */
export async function* iwait<O extends Linkable>(
  objects: Iterable<O>,
  options: WaitForOptions = {},
): AsyncGenerator<O, void, void> {
  requireIterable(objects, "objects");
  requireWaitOptions(options);
  if (options.count !== undefined) requireCount(options.count, "count");
  const all = [...objects];
  for (const object of all) requireLinkable(object);
  let left = Math.min(options.count ?? all.length, all.length);
  using remaining = countDown(options.timeout);
  const ready: O[] = [];
  let wake: (() => void) | undefined;
  const onReady = (object: O): void => {
    ready.push(object);
    wake?.();
  };
  const unlinks: (() => void)[] = [];
  try {
    for (const object of all) unlinks.push(linkTo(object, onReady));
    while (left > 0) {
      if (ready.length === 0) {
        const inTime = await parkWait<boolean>(
          (wait) => {
            wake = () => wait.resume(true);
          },
          { timeout: remaining(), signal: options.signal },
          IWAIT,
        );
        wake = undefined;
        if (!inTime) return;
      } else {
        const refused = checkpoint(options);
        if (refused !== undefined) await refused;
      }
      left--;
      yield ready.shift()!;
    }
  } finally {
    for (const unlink of unlinks) unlink();
  }
}

/**
 * Waits until the objects are ready and returns them in the order in which they became so: gevent's `wait`.
 *
 * After `options.timeout` it returns the ones that did. Without objects it waits until no other greenlet is left alive,
 * and says whether that came before the timeout.
 *
 * @example
 * ```ts
 * import { sleep, spawn, wait } from "@gevent/deno";
 *
 * const slow = spawn(sleep, 5);
 * const quick = spawn(sleep, 1);
 * console.assert((await wait([slow, quick]))[0] === quick);
 * console.assert(await wait());
 * ```
 */
export function wait<O extends Linkable>(
  objects: Iterable<O>,
  options?: WaitForOptions,
): Promise<O[]>;
/** Waits until no other greenlet is left alive; says whether that came before the timeout. */
export function wait(objects?: undefined, options?: WaitOptions): Promise<boolean>;
export async function wait<O extends Linkable>(
  objects?: Iterable<O>,
  options: WaitForOptions = {},
): Promise<O[] | boolean> {
  if (objects === undefined) return await waitForAll(options);
  const refused = checkpoint(options);
  if (refused !== undefined) await refused;
  const ready: O[] = [];
  for await (const object of iwait(objects, options)) ready.push(object);
  return ready;
}

async function waitForAll(options: WaitOptions): Promise<boolean> {
  requireWaitOptions(options);
  const self = getCurrent();
  using remaining = countDown(options.timeout);
  for (;;) {
    const others = ([...hub.live] as Greenlet[]).filter((greenlet) => greenlet !== self);
    if (others.length === 0) return await completed(true);
    const ended = await joinAll(others, { timeout: remaining(), signal: options.signal });
    if (ended.length < others.length) return false; // the time is over
  }
}

/** Has a function called when an object is ready; what it returns takes that back. */
function linkTo<O extends Linkable>(object: O, callback: (object: O) => void): () => void {
  if (object instanceof Greenlet) { // whose `unlinkAll` must not end this wait
    const watch = watchEnd(object, () => callback(object));
    return () => unwatchEnd(object, watch);
  }
  object.rawlink(callback);
  return () => object.unlink(callback);
}

function requireLinkable(object: unknown): void {
  const { rawlink, unlink } = (object ?? {}) as Linkable;
  if (typeof rawlink === "function" && typeof unlink === "function") return;
  throw new TypeError(
    `Cannot wait for what has no 'rawlink' and 'unlink': received ${Deno.inspect(object)}`,
  );
}
