/**
 * What every call that waits has in common, as a suite of tests that each of them goes through.
 *
 * A primitive says how to make the call and how to wake it; the cells of the contract do the rest. A cell that a
 * primitive cannot fill is listed with it, with the reason.
 *
 * @module
 */

import { clearImmediate, setImmediate } from "node:timers";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { BlockingSwitchOutError, GreenletExit } from "../../core/errors.ts";
import { describeBlocked } from "../../core/inspect.ts";
import { hub } from "../../core/scheduler.ts";
import { idle, sleep } from "../../core/sleep.ts";
import { getCurrent, kill, spawn } from "../../core/spawn.ts";
import type { WaitOptions } from "../../core/suspend.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { collectUnhandled } from "../helpers/reports.ts";
import { now, parkedIn, turns, virtualTest } from "../helpers/virtual_test.ts";
import { Caller } from "./caller.ts";

/** A call that waits, set up for one test: not ready, until it is woken. */
export interface Fixture {
  /** Makes the call. */
  call(options?: WaitOptions): Promise<unknown>;
  /** What a call that was woken gives. */
  readonly value: unknown;
  /** What the call gives after its own timeout: a value, a class of errors, or the timeout itself. */
  readonly expired?: { value: unknown } | { error: new () => Error } | "timeout";
  /** Makes one call ready, or all. Never blocks; may be called in the hub. */
  wake(): void;
  /** Does something right after the parked call was resumed and before it goes on; by default after `wake()`. */
  wakeThen?(action: () => void): void;
  /** Fails when a call that was given up has left a trace. */
  untouched?(): void;
  /** Ends what the fixture still has running. */
  cleanUp?(): unknown;
}

/** Names of cells, and why they cannot be filled. */
export type Except = Readonly<Record<string, string>>;

/** The same reason for several cells. */
export function except(reason: string, ...cells: string[]): Except {
  return Object.fromEntries(cells.map((cell) => [cell, reason]));
}

/** A call that has to keep the contract. */
export interface Primitive {
  /** For example `Queue.get()`. */
  readonly name: string;
  /** What a greenlet that is blocked in it is said to wait for. */
  readonly waitsFor: string;
  /** Sets it up. */
  make(): Fixture | Promise<Fixture>;
  /** Whether the wake-up is told by a link, which takes an entry of the run queue of its own. */
  readonly linked?: boolean;
  /** Cells that it cannot fill, and why. */
  readonly except?: Except;
}

function assertWoken(caller: Caller, fixture: Fixture, at?: number): void {
  assertEquals(caller.outcome, { value: fixture.value });
  assertEquals(caller.next, undefined, "There was a second outcome");
  if (at !== undefined) assertEquals(caller.at, at);
}

function assertExpired(caller: Caller, fixture: Fixture, at: number, timeout?: Timeout): void {
  const { expired } = fixture;
  assert(expired !== undefined, "The fixture must say what the timeout does");
  if (expired === "timeout") {
    if (timeout === undefined) assertInstanceOf(caller.error, Timeout);
    else assertStrictEquals(caller.error, timeout);
  } else if ("error" in expired) {
    // An error of its own stands for a time in ms only: a Timeout that was passed is raised itself.
    if (timeout === undefined) assertInstanceOf(caller.error, expired.error);
    else assertStrictEquals(caller.error, timeout);
  } else {
    assertEquals(caller.outcome, expired);
  }
  assertEquals(caller.next, undefined, "There was a second outcome");
  assertEquals(caller.at, at);
}

/** After a call was given up: it has left no trace, and a wake-up is there for the next call. */
async function assertNothingLost(fixture: Fixture): Promise<void> {
  await turns();
  assertEquals(hub.timers.size, 0, "The call has left a timer");
  fixture.untouched?.();
  fixture.wake();
  await assertReady(fixture);
}

/** The wake-up that has happened is there for the next call. */
async function assertReady(fixture: Fixture): Promise<void> {
  await turns();
  const caller = new Caller(() => fixture.call());
  await caller.greenlet.join();
  assertWoken(caller, fixture);
}

/** Calls it in a hub callback. */
async function callInHub(fixture: Fixture): Promise<unknown> {
  let outcome: Promise<unknown> | undefined;
  hub.enqueueCallback(() => {
    outcome = fixture.call().catch((error) => error);
  });
  await turns();
  return await outcome;
}

/** Calls it in a greenlet that was killed before, and gives what it raised. */
async function callKilled(fixture: Fixture): Promise<unknown> {
  const caller = new Caller(() => {
    kill(getCurrent());
    return fixture.call();
  });
  await caller.greenlet.join();
  assertEquals(caller.next, undefined, "The kill was raised twice");
  return caller.error;
}

const REASON = new Error("aborted");

/** Has something done by the hub's timer at a time; with priority -2 before timeouts that are due then. */
function at(time: number, action: () => void, priority = 0): void {
  hub.addTimer(time - now(), { fire: action }, priority);
}

/** One test of the contract. */
export type Cell = (fixture: Fixture, primitive: Primitive) => Promise<void>;

/** The contract: the end of a test's name, and the test. */
export const CELLS: Readonly<Record<string, Cell>> = {
  "gives its value at once when it is ready": async (fixture) => {
    fixture.wake();
    await assertReady(fixture);
    assertEquals(now(), 0);
  },
  "gives its value when it becomes ready": async (fixture) => {
    const caller = await Caller.parked(() => fixture.call());
    await sleep(10);
    fixture.wake();
    await caller.greenlet.join();
    assertWoken(caller, fixture, 10);
  },
  "serves callers in the order of their arrival": async (fixture) => {
    const order: string[] = [];
    const first = await Caller.parked(() => fixture.call().finally(() => order.push("first")));
    const second = await Caller.parked(() => fixture.call().finally(() => order.push("second")));
    fixture.wake();
    await first.greenlet.join();
    if (second.outcome === undefined) fixture.wake();
    await second.greenlet.join();
    assertEquals(order, ["first", "second"]);
  },
  "is named where blocked greenlets are listed": async (fixture, { waitsFor }) => {
    const caller = await Caller.parked(() => fixture.call());
    const line = describeBlocked().find((line) => line.startsWith(String(caller.greenlet)));
    assert(line?.endsWith(`waits for ${waitsFor}`), line);
    await caller.greenlet.kill();
  },

  // Its own timeout.
  "gives up when its timeout comes before it is ready": async (fixture) => {
    const caller = await Caller.parked(() => fixture.call({ timeout: 5 }));
    await sleep(10);
    assertExpired(caller, fixture, 5);
    await assertNothingLost(fixture);
  },
  "drops its timeout when it becomes ready before": async (fixture) => {
    const caller = await Caller.parked(() => fixture.call({ timeout: 20 }));
    await sleep(10);
    fixture.wake();
    await caller.greenlet.join();
    assertWoken(caller, fixture, 10);
    assertEquals(hub.timers.size, 0, "The timer is left");
  },
  "has one outcome when its timeout is due right after the wake-up": async (
    fixture,
    { linked },
  ) => {
    at(10, () => fixture.wake());
    const caller = new Caller(() => fixture.call({ timeout: 10 }));
    await sleep(20);
    // A link takes an entry of the run queue, so the timer is faster.
    if (!linked) return assertWoken(caller, fixture, 10);
    assertExpired(caller, fixture, 10);
    await assertReady(fixture);
  },
  "has one outcome when its timeout is due right before the wake-up": async (fixture) => {
    const caller = await Caller.parked(() => fixture.call({ timeout: 10 }));
    at(10, () => fixture.wake());
    await sleep(20);
    assertExpired(caller, fixture, 10);
    await assertReady(fixture);
  },
  "gives up when the Timeout given as its timeout expires": async (fixture) => {
    const timeout = new Timeout(5);
    const caller = await Caller.parked(() => fixture.call({ timeout }));
    await sleep(10);
    assertExpired(caller, fixture, 5, timeout);
    await assertNothingLost(fixture);
  },
  "gives up when a running Timeout given as its timeout expires": async (fixture) => {
    const timeout = new Timeout(5);
    const caller = await Caller.parked(async () => {
      using _ = Timeout.start(timeout);
      return await fixture.call({ timeout });
    });
    await sleep(10);
    assertExpired(caller, fixture, 5, timeout);
    await assertNothingLost(fixture);
  },
  "cancels the Timeout given as its timeout when it becomes ready": async (fixture) => {
    const timeout = new Timeout(20);
    const caller = await Caller.parked(() => fixture.call({ timeout }));
    fixture.wake();
    await caller.greenlet.join();
    assertWoken(caller, fixture);
    assert(!timeout.pending);
  },
  "waits on when the Timeout given as its timeout is cancelled": async (fixture) => {
    const timeout = new Timeout(5);
    const caller = await Caller.parked(() => fixture.call({ timeout }));
    assert(timeout.pending);
    timeout.cancel();
    await sleep(10);
    fixture.wake();
    await caller.greenlet.join();
    assertWoken(caller, fixture, 10);
  },
  "refuses a timeout that is not a number": async (fixture) => {
    for (const timeout of [NaN, "soon", {}]) {
      const caller = new Caller(() => fixture.call({ timeout: timeout as number }));
      await caller.greenlet.join();
      assertInstanceOf(caller.error, TypeError);
      assert(caller.error.message.includes(String(timeout)), caller.error.message);
    }
    await assertNothingLost(fixture);
  },

  "refuses options that are none, and a signal that is none": async (fixture) => {
    const signals = [new AbortController(), new EventTarget(), 5];
    for (const options of [5, null, true, ...signals.map((signal) => ({ signal }))]) {
      const caller = new Caller(() => fixture.call(options as never));
      await caller.greenlet.join();
      assertInstanceOf(caller.error, TypeError);
      const shown = Deno.inspect((options as { signal?: unknown } | null)?.signal ?? options);
      assert(caller.error.message.endsWith(`received ${shown}`), caller.error.message);
    }
    await assertNothingLost(fixture);
  },

  // The timeouts of others.
  "raises the Timeout of a withTimeout() around it": async (fixture) => {
    const timeout = new Timeout(5);
    const caller = await Caller.parked(() => withTimeout(timeout, () => fixture.call()));
    await sleep(10);
    assertStrictEquals(caller.error, timeout);
    assertEquals(caller.at, 5);
    await assertNothingLost(fixture);
  },
  "raises the Timeout of another when that comes before its own": async (fixture) => {
    const timeout = new Timeout(5);
    const caller = await Caller.parked(async () => {
      using _ = Timeout.start(timeout);
      return await fixture.call({ timeout: 20 });
    });
    await sleep(10);
    assertStrictEquals(caller.error, timeout);
    await assertNothingLost(fixture);
  },
  "drops the Timeout of another when that is due right after the wake-up": async (fixture, p) => {
    const timeout = new Timeout(10);
    at(10, () => fixture.wake(), -2);
    const caller = new Caller(async () => {
      const value = await withTimeout(timeout, () => fixture.call());
      await sleep(20); // where a stray timeout would strike
      return value;
    });
    await sleep(50);
    if (!p.linked) return assertWoken(caller, fixture, 30);
    assertStrictEquals(caller.error, timeout); // see above
    await assertReady(fixture);
  },
  "loses nothing when the Timeout of another is due right before the wake-up": async (fixture) => {
    const timeout = new Timeout(10);
    const caller = await Caller.parked(() => withTimeout(timeout, () => fixture.call()));
    at(10, () => fixture.wake());
    await sleep(20);
    assertStrictEquals(caller.error, timeout);
    await assertReady(fixture);
  },

  // Kill.
  "raises a kill when killed": async (fixture) => {
    const caller = await Caller.parked(() => fixture.call());
    const exit = new GreenletExit();
    caller.greenlet.throw(exit);
    await caller.greenlet.join();
    assertStrictEquals(caller.error, exit);
    await assertNothingLost(fixture);
  },
  "gives its value when killed after the wake-up": async (fixture) => {
    const caller = await Caller.parked(() => fixture.call());
    const exit = new GreenletExit();
    const both = (): void => caller.greenlet.throw(exit);
    if (fixture.wakeThen === undefined) {
      fixture.wake();
      both();
    } else {
      fixture.wakeThen(both);
    }
    await caller.greenlet.join();
    assertEquals(caller.outcome, { value: fixture.value });
    assertStrictEquals(caller.next, exit, "The kill was not raised at the next wait");
  },
  "leaves the wake-up to the next when killed before it": async (fixture) => {
    const first = await Caller.parked(() => fixture.call());
    const second = await Caller.parked(() => fixture.call());
    first.greenlet.throw();
    fixture.wake();
    await second.greenlet.join();
    assertInstanceOf(first.error, GreenletExit);
    assertWoken(second, fixture);
  },
  "leaves the wake-up to later calls when killed before it": async (fixture) => {
    const caller = await Caller.parked(() => fixture.call());
    caller.greenlet.throw();
    fixture.wake();
    await caller.greenlet.join();
    assertInstanceOf(caller.error, GreenletExit);
    await assertReady(fixture);
  },
  "raises an outstanding kill when it would wait": async (fixture) => {
    assertInstanceOf(await callKilled(fixture), GreenletExit);
    await assertNothingLost(fixture);
  },
  "raises an outstanding kill and takes nothing when it is ready": async (fixture) => {
    fixture.wake();
    await turns();
    assertInstanceOf(await callKilled(fixture), GreenletExit);
    await assertReady(fixture);
  },
  "causes no unhandled rejection when interrupted while nobody awaits it": async (fixture) => {
    using unhandled = collectUnhandled();
    const controller = new AbortController();
    const scattered = spawn(async () => {
      void fixture.call();
      void withTimeout(null, () => fixture.call());
      await sleep(1000, { signal: controller.signal });
    });
    await turns();
    assertEquals(parkedIn(scattered), 3);
    await scattered.kill();
    fixture.wake();
    await idle(); // lets the runtime look for unhandled rejections
    assertEquals(unhandled.list, []);
    await assertReady(fixture);
  },

  // Abort signals.
  "raises the reason when its signal is aborted already": async (fixture) => {
    const signal = AbortSignal.abort(REASON);
    const caller = new Caller(() => fixture.call({ signal }));
    await caller.greenlet.join();
    assertStrictEquals(caller.error, REASON);
    await assertNothingLost(fixture);
  },
  "takes nothing when its signal is aborted already": async (fixture) => {
    fixture.wake();
    await turns();
    const caller = new Caller(() => fixture.call({ signal: AbortSignal.abort(REASON) }));
    await caller.greenlet.join();
    assertStrictEquals(caller.error, REASON);
    await assertReady(fixture);
  },
  "raises the reason when its signal is aborted while it waits": async (fixture) => {
    const controller = new AbortController();
    const caller = await Caller.parked(() => fixture.call({ signal: controller.signal }));
    controller.abort(REASON);
    await caller.greenlet.join();
    assertStrictEquals(caller.error, REASON);
    await assertNothingLost(fixture);
  },
  "ignores its signal when that is aborted after the wake-up": async (fixture) => {
    const controller = new AbortController();
    const caller = await Caller.parked(() => fixture.call({ signal: controller.signal }));
    const abort = (): void => controller.abort(REASON);
    if (fixture.wakeThen === undefined) {
      fixture.wake();
      abort();
    } else {
      fixture.wakeThen(abort);
    }
    await caller.greenlet.join();
    assertWoken(caller, fixture);
  },

  // The hub.
  "throws BlockingSwitchOutError when called in a hub callback": async (fixture) => {
    assertInstanceOf(await callInHub(fixture), BlockingSwitchOutError);
    await assertNothingLost(fixture);
  },
  "takes nothing when called in a hub callback": async (fixture) => {
    fixture.wake();
    await turns();
    assertInstanceOf(await callInHub(fixture), BlockingSwitchOutError);
    await assertReady(fixture);
  },
};

/** Calls it over and over while it is ready until I/O has had a turn, which no virtual clock can show. */
async function letsIoHaveATurn(fixture: Fixture): Promise<void> {
  let turned = false;
  const immediate = setImmediate(() => turned = true);
  const loop = spawn(async () => {
    for (let calls = 0; calls < 2_000_000 && !turned; calls++) {
      fixture.wake();
      await fixture.call();
    }
  });
  await loop.get();
  clearImmediate(immediate);
  assert(turned, "The loop has kept I/O out");
}

/** Registers one test for each cell that is not excepted. */
export function testBlockingContract(primitive: Primitive): void {
  for (const [name, cell] of Object.entries(CELLS)) {
    if (primitive.except?.[name] !== undefined) continue;
    virtualTest(`${primitive.name} ${name}`, async () => {
      const fixture = await primitive.make();
      await cell(fixture, primitive);
      await fixture.cleanUp?.();
    });
  }
  Deno.test(`${primitive.name} lets I/O have a turn when called in a loop while it is ready`, async () => {
    const fixture = await primitive.make();
    await letsIoHaveATurn(fixture);
    await fixture.cleanUp?.();
  });
}
