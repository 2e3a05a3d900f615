import { assertEquals, assertThrows } from "@std/assert";
import { joinAll } from "../../core/join.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { wait } from "../../core/wait_for.ts";
import { Event } from "../../sync/event.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

virtualTest("Event.set() wakes all who wait, in the order in which they came", async () => {
  const event = new Event();
  const order: number[] = [];
  const waiters = [1, 2, 3].map((n) =>
    spawn(async () => {
      await event.wait();
      order.push(n);
    })
  );
  await turns();
  assertEquals([event.waiting, event.isSet, event.ready], [3, false, false]);
  event.set();
  assertEquals([event.waiting, event.isSet, event.ready, order], [0, true, true, []]);
  await joinAll(waiters);
  assertEquals(order, [1, 2, 3]);
});

virtualTest(
  "Event.set() wakes who waits even when the flag is cleared before they run",
  async () => {
    const event = new Event();
    const waiters = Array.from({ length: 100 }, () => spawn(() => event.wait()));
    await turns();
    event.set();
    event.clear();
    const late = spawn(() => event.wait({ timeout: 5 }));
    await joinAll(waiters);
    assertEquals(waiters.every((waiter) => waiter.value === true), true);
    assertEquals([await late.get(), event.isSet], [false, false]);
  },
);

virtualTest(
  "Event.wait() gives false without a wait for others when its timeout is over",
  async () => {
    const event = new Event();
    assertEquals(await event.wait({ timeout: 0 }), false);
    assertEquals(await event.wait({ timeout: -1 }), false);
    event.set();
    assertEquals(await event.wait({ timeout: 0 }), true);
    assertEquals(now(), 0);
  },
);

virtualTest("Event.clear() lets others wait again", async () => {
  const event = new Event();
  for (let round = 0; round < 3; round++) {
    const waiter = spawn(() => event.wait());
    await sleep(1);
    assertEquals(waiter.ready, false);
    event.set();
    await waiter.join();
    event.clear();
  }
});

virtualTest(
  "Event.rawlink() calls once, the next time the flag is set, or soon when it is",
  async () => {
    const event = new Event();
    let calls = 0;
    const call = (): void => void calls++;
    event.rawlink(call);
    await turns();
    assertEquals(calls, 0);
    event.set();
    event.set();
    await turns();
    assertEquals(calls, 1);
    event.set();
    await turns();
    assertEquals(calls, 1);
    event.rawlink(call);
    await turns();
    assertEquals(calls, 2);
  },
);

virtualTest("Event.unlink() takes a function back", async () => {
  const event = new Event();
  let calls = 0;
  const call = (): void => void calls++;
  event.unlink(call);
  event.rawlink(call);
  event.unlink(call);
  event.set();
  await turns();
  assertEquals(calls, 0);
  assertThrows(() => event.rawlink(5 as never), TypeError, "must be a function");
});

virtualTest("wait() gives a set Event each time it is asked", async () => {
  const event = new Event();
  event.set();
  for (let i = 0; i < 2; i++) assertEquals(await wait([event]), [event]);
});

virtualTest("Event says how it stands", async () => {
  const event = new Event();
  assertEquals(String(event), "<Event clear waiting=0>");
  const waiter = spawn(() => event.wait());
  await turns();
  assertEquals(String(event), "<Event clear waiting=1>");
  event.set();
  assertEquals(String(event), "<Event set waiting=0>");
  await waiter.join();
});
