/**
 * The one wait behind `select` and its relatives.
 *
 * @module
 */

import { checkpoint, completed, countDown, parkWait, type WaitOptions } from "../core/suspend.ts";
import type { Wait, WaitKind } from "../core/waiter.ts";
import { endSoon, isImpatient } from "./_impatient.ts";
import type { Selectable } from "./readiness.ts";

/** What is waited for in one object. */
export interface Interest {
  /** The object. */
  readonly object: Selectable;
  /** `"error"` is a failure; the others are ready after a failure, too. */
  readonly what: "read" | "write" | "error";
}

/** Whether there is no need to wait. */
export function isReady({ object, what }: Interest): boolean {
  const { readable, writable, failed } = object.readiness;
  return failed || what === "read" && readable || what === "write" && writable;
}

/** Refuses what does not tell whether it is ready. */
export function requireSelectable(object: unknown, call: string): void {
  if (typeof (object as Selectable | null)?.readiness?.watch === "function") return;
  throw new TypeError(
    `Cannot ${call} what is no socket of this library, and does not tell whether it is ready: received ${
      Deno.inspect(object)
    }`,
  );
}

/**
 * Waits until at least one of the interests is ready; takes nothing out of the objects. `kind` says what comes of its own
 * timeout: it may settle the wait with `false`.
 */
export async function waitUntilReady(
  interests: readonly Interest[],
  options: WaitOptions | undefined,
  kind: WaitKind<boolean>,
): Promise<boolean> {
  const refused = checkpoint(options);
  if (refused !== undefined) return await refused;
  if (interests.some(isReady)) return await askForOthers(interests, kind);
  using remaining = countDown(options?.timeout);
  for (let limits = options;; limits = { signal: options?.signal, timeout: remaining() }) {
    if (!await waitForChange(interests, limits, kind)) return false;
    // Somebody who ran before may have taken what there was.
    if (interests.some(isReady)) return true;
  }
}

/**
 * Something is ready, mostly because nobody writes to it. Whether others are readable is known only when the system is asked: one
 * who goes round and round would never learn it.
 */
async function askForOthers(
  interests: readonly Interest[],
  { name }: WaitKind<boolean>,
): Promise<true> {
  const others = interests.filter((interest) => interest.what === "read" && !isReady(interest));
  if (others.length === 0) return await completed(true);
  await waitForChange(others, { timeout: 0 }, {
    name,
    expired: (waiter) => void waiter.resume(false),
  });
  return true;
}

function waitForChange(
  interests: readonly Interest[],
  options: WaitOptions | undefined,
  kind: WaitKind<boolean>,
): Promise<boolean> {
  return parkWait<boolean>(
    (wait) => {
      if (isImpatient(options)) endSoon(wait);
      return watch(interests, wait);
    },
    isImpatient(options) ? { signal: options.signal } : options,
    kind,
  );
}

/** Resumes the wait when one of the interests is ready; what it returns takes that back. */
function watch(interests: readonly Interest[], wait: Wait<boolean>): () => void {
  const stops: (() => void)[] = [];
  const stop = (): void => {
    for (const stop of stops.splice(0)) stop();
  };
  for (const interest of interests) {
    const changed = (): void => {
      if (isReady(interest) && wait.resume(true)) stop();
    };
    const { object, what } = interest;
    if (what !== "write") stops.push(object.readiness.watch("read", changed));
    if (what !== "read") stops.push(object.readiness.watch("write", changed));
  }
  if (wait.settled) stop(); // to watch an object may have made it fail
  return stop;
}
