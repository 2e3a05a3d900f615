/**
 * Tests that do real I/O: limited in time, and they must leave no greenlet, no parked wait and no timer behind.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { ioTurn, nextTurn } from "../../core/clock.ts";
import { describeBlocked } from "../../core/inspect.ts";
import { hub } from "../../core/scheduler.ts";
import { mainScope } from "../../core/scope.ts";
import { idle, sleep } from "../../core/sleep.ts";

/** No test comes near to it, unless something hangs. */
const LIMIT = 60_000;

/** Registers a test that does I/O. */
export function ioTest(name: string, fn: () => unknown, options: { ignore?: boolean } = {}): void {
  Deno.test({
    name,
    timeout: LIMIT,
    ...options,
    async fn() {
      await fn();
      await idle();
      for (let turn = 0; turn < 3; turn++) await ioTurn(); // connections that are given up are let go of a little later
      assertEquals(describeBlocked(), [], "Greenlets are left");
      assertEquals([...mainScope.parked()].length, 0, "Waits of the main greenlet are left parked");
      assertEquals(hub.timers.size, 0, "Timers are left");
      // It gives the timer of the runtime back when it goes to sleep, on a busy machine not before some turns.
      while (!hub.asleep) await nextTurn();
    },
  });
}

/** Waits until something has happened that tells nobody about itself; the limit is that of the test. */
export async function eventually(happened: () => boolean | Promise<boolean>): Promise<void> {
  while (!await happened()) await sleep(1);
}
