import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import type { Greenlet } from "../../core/greenlet.ts";
import { joinAll } from "../../core/join.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { Condition } from "../../sync/condition.ts";
import { Lock } from "../../sync/lock.ts";
import { RLock } from "../../sync/rlock.ts";
import { collectReports } from "../helpers/reports.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

const LOCKS = { Lock: () => new Lock(), RLock: () => new RLock() };

/** Greenlets that wait for news, in this order. */
async function waiters(condition: Condition, count: number): Promise<Greenlet<boolean>[]> {
  const greenlets = Array.from({ length: count }, () =>
    spawn(async () => {
      using _ = await condition.hold();
      return await condition.wait();
    }));
  await turns();
  assertEquals(condition.waiting, count);
  return greenlets;
}

for (const [kind, makeLock] of Object.entries(LOCKS)) {
  virtualTest(
    `Condition.notify() wakes those who have waited longest when its lock is a ${kind}`,
    async () => {
      const condition = new Condition(makeLock());
      const greenlets = await waiters(condition, 4);
      await condition.acquire();
      condition.notify();
      condition.notify(2);
      await turns();
      assertEquals(greenlets.map((g) => g.ready), [false, false, false, false], "without the lock");
      condition.release();
      await turns();
      assertEquals(greenlets.map((g) => g.ready), [true, true, true, false]);
      using _ = await condition.hold();
      condition.notifyAll();
      condition.notify(5);
      assertEquals(String(condition), "<Condition waiting=0>");
      condition.release();
      await joinAll(greenlets);
      await condition.acquire();
    },
  );

  virtualTest(
    `Condition.wait() lets go of its ${kind}, and holds it again whatever ends the wait`,
    async () => {
      using _ = collectReports();
      const lock = makeLock();
      const condition = new Condition(lock);
      const ways: Record<string, (call: () => Promise<boolean>) => unknown> = {
        killed(call) {
          spawn(() => void greenlet.throw());
          return call();
        },
        "own timeout": () => condition.wait({ timeout: 5 }),
        "foreign timeout": (call) => withTimeout(5, call),
        aborted() {
          const controller = new AbortController();
          spawn(() => controller.abort(new Error("aborted")));
          return condition.wait({ signal: controller.signal });
        },
      };
      let greenlet!: Greenlet;
      for (const [name, way] of Object.entries(ways)) {
        greenlet = spawn(async () => {
          using _ = await lock.hold();
          try {
            await way(() => condition.wait());
          } finally {
            assert(lock.locked, name);
          }
        });
        const other = spawn(async () => {
          await sleep(1);
          using _ = await lock.hold();
          return now();
        });
        await joinAll([greenlet, other]);
        assertEquals([lock.locked, condition.waiting], [false, 0], name);
      }
    },
  );

  virtualTest(`Condition.wait() raises a kill only once it has its ${kind} again`, async () => {
    const lock = makeLock();
    const condition = new Condition(lock);
    const order: string[] = [];
    const greenlet = spawn(async () => {
      using _ = await lock.hold();
      try {
        await condition.wait();
      } finally {
        order.push(`killed at ${now()}`);
      }
    });
    await turns();
    using _ = await lock.hold();
    greenlet.throw();
    greenlet.throw();
    await sleep(5);
    assertEquals(order, []);
    lock.release();
    await greenlet.join();
    assertEquals(order, ["killed at 5"]);
    assertInstanceOf(greenlet.value, GreenletExit);
    await lock.acquire();
  });
}

virtualTest("Condition.wait() takes the lock again as often as it was held", async () => {
  const lock = new RLock();
  const condition = new Condition(lock);
  const waiter = spawn(async () => {
    using _outer = await lock.hold();
    using _inner = await lock.hold();
    await condition.wait();
    return String(lock);
  });
  await turns();
  assertEquals(lock.locked, false);
  using _ = await condition.hold();
  condition.notify();
  lock.release();
  assert((await waiter.get()).endsWith("2 times>"));
  assertEquals(lock.locked, false);
  await lock.acquire();
});

virtualTest(
  "Condition.wait(), notify() and notifyAll() refuse who does not hold the lock",
  async () => {
    const condition = new Condition();
    await assertRejects(() => condition.wait(), TypeError, "Cannot wait");
    assertThrows(() => condition.notify(), TypeError, "Cannot notify");
    assertThrows(() => condition.notifyAll(), TypeError, "Cannot notify");
    assertThrows(() => condition.release(), TypeError);
  },
);

virtualTest(
  "Condition.wait() raises an outstanding kill without letting go of the lock",
  async () => {
    const lock = new Lock();
    const condition = new Condition(lock);
    const greenlet = spawn(async () => {
      await lock.acquire();
      getCurrent().throw();
      await condition.wait();
    });
    await greenlet.join();
    assertEquals([lock.locked, greenlet.value instanceof GreenletExit], [true, true]);
  },
);

virtualTest(
  "Condition.waitFor() asks each time it is notified, and says what came of it",
  async () => {
    const condition = new Condition();
    let count = 0;
    let asked = 0;
    const waiter = spawn(async () => {
      using _ = await condition.hold();
      return await condition.waitFor(() => {
        asked++;
        return count === 3;
      });
    });
    await turns();
    for (let i = 0; i < 3; i++) {
      using _ = await condition.hold();
      count++;
      condition.notifyAll();
    }
    assertEquals(await waiter.get(), true);
    assert(asked >= 2);
    using _ = await condition.hold();
    assertEquals(await condition.waitFor(() => true), true);
  },
);

virtualTest("Condition.waitFor() gives false when its timeout has passed in all", async () => {
  const condition = new Condition();
  const notifier = spawn(async () => {
    for (let i = 0; i < 10; i++) {
      await sleep(10);
      using _ = await condition.hold();
      condition.notifyAll();
    }
  });
  for (const timeout of [25, new Timeout(25)]) {
    const begun = now();
    using _ = await condition.hold();
    assertEquals(await condition.waitFor(() => false, { timeout }), false);
    assertEquals(now() - begun, 25);
  }
  await notifier.kill();
});

Deno.test("Condition refuses a lock that is none", () => {
  assertThrows(() => new Condition({} as never), TypeError, "must be a lock");
});
