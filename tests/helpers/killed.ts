/**
 * Interrupting greenlets at the call that they wait for.
 *
 * @module
 */

import { assert, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import type { Greenlet } from "../../core/greenlet.ts";
import { stateOf } from "../../core/inspect.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { eventually } from "./io_test.ts";

/** Waits until a greenlet waits in a call of that name, as `printRunInfo` shows it. */
export async function untilIn(greenlet: Greenlet<unknown>, wait: string): Promise<void> {
  await eventually(() => {
    assert(!greenlet.dead, `The greenlet has ended before it waited for ${wait}`);
    return stateOf(greenlet as Greenlet).includes(wait);
  });
}

/**
 * Runs a function in a greenlet and kills it in a call, once something has happened: it has to end there, and its
 * `finally` blocks have to run.
 */
export async function assertKillable(
  wait: string,
  body: () => unknown,
  happened: () => boolean = () => true,
): Promise<void> {
  let cleanedUp = false;
  const greenlet = spawn(async () => {
    try {
      await body();
    } finally {
      cleanedUp = true;
    }
  });
  await untilIn(greenlet, wait);
  await eventually(happened);
  const exit = new GreenletExit();
  await greenlet.kill(exit);
  assertStrictEquals(greenlet.value, exit);
  assert(cleanedUp, "A finally block did not run");
}

/** Runs a function in a greenlet that has been killed before it waits: the kill has to end it in its first wait. */
export async function assertRefused(body: () => unknown): Promise<void> {
  const exit = new GreenletExit();
  const greenlet = spawn(async () => {
    getCurrent().throw(exit);
    await body();
  });
  assertStrictEquals(await greenlet.get(), exit);
}

/** Runs a function in a greenlet that has a time limit: it has to end with that. */
export async function assertLimited(body: () => unknown): Promise<void> {
  const greenlet = spawn(async () => {
    using timeout = Timeout.start(5);
    assertStrictEquals(await assertRejects(async () => void await body()), timeout);
    return timeout;
  });
  assertInstanceOf(await greenlet.get(), Timeout);
}
