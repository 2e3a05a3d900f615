/**
 * Tests in virtual time that must leave nothing behind: no timer, no parked wait, no greenlet.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type Greenlet, scopeOf } from "../../core/greenlet.ts";
import { describeBlocked } from "../../core/inspect.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent } from "../../core/spawn.ts";
import { runVirtual } from "../../testing/virtual_clock.ts";

/** Registers a test that runs in a greenlet of its own, in virtual time that starts at 0. */
export function virtualTest(name: string, fn: () => unknown): void {
  Deno.test(name, async () => {
    let finished = false; // a GreenletExit that escapes would be a good end
    await runVirtual(async () => {
      await fn();
      await turns();
      assertNothingLeft();
      finished = true;
    });
    assert(finished, "The test was killed");
    assertEquals(hub.live.size, 0, "A greenlet refused to die");
  });
}

/** Lets everybody who is ready run, many times over, without letting time pass. */
export async function turns(count = 10): Promise<void> {
  for (let i = 0; i < count; i++) await sleep();
}

/** The time that the hub's clock shows. */
export function now(): number {
  return hub.clock.now();
}

/** Checks that the current greenlet is the only one, and that it has left nothing parked and no timer. */
export function assertNothingLeft(): void {
  const self = getCurrent();
  assertEquals(
    describeBlocked().filter((line) => !line.startsWith(String(self))),
    [],
    "Greenlets are left",
  );
  assertEquals(hub.timers.size, 0, "Timers are left");
  assertEquals(hub.queued, 0, "Entries of the run queue are left");
  assertEquals(parkedIn(self), 0, "Waits are left parked");
  assertEquals(scopeOf(self)?.pending, null, "An interrupt is outstanding");
}

/** How many waits of a greenlet are parked. */
export function parkedIn(greenlet: Greenlet): number {
  return [...scopeOf(greenlet)?.parked() ?? []].length;
}
