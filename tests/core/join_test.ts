import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { Greenlet } from "../../core/greenlet.ts";
import { joinAll, killAll } from "../../core/join.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn, spawnLater } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { collectReports } from "../helpers/reports.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

function fail(ms: number, text: string): Promise<never> {
  return sleep(ms).then(() => Promise.reject(new Error(text)));
}

virtualTest("joinAll() gives the greenlets in the order in which they end", async () => {
  const greenlets = [30, 10, 20].map((ms) => spawn(sleep, ms));
  assertEquals(await joinAll(greenlets), [greenlets[1], greenlets[2], greenlets[0]]);
  assertEquals(now(), 30);
});

virtualTest(
  "joinAll() gives those that have ended before first, and takes any iterable",
  async () => {
    const slow = spawn(sleep, 5);
    const dead = [spawn(() => 1), spawn(() => 2)];
    await turns();
    assertEquals(await joinAll(new Set([slow, ...dead])), [...dead, slow]);
    assertEquals(await joinAll([]), []);
  },
);

virtualTest("joinAll() gives a greenlet as often as it was given", async () => {
  const greenlet = spawn(sleep, 5);
  const dead = spawn(() => {});
  await turns();
  assertEquals(await joinAll([greenlet, dead, greenlet, dead]), [dead, dead, greenlet, greenlet]);
});

virtualTest("joinAll() stops when as many have ended as it was asked for", async () => {
  const greenlets = [30, 10, 20, 10].map((ms) => spawn(sleep, ms));
  assertEquals(await joinAll(greenlets, { count: 0 }), []);
  assertEquals(await joinAll(greenlets, { count: 1 }), [greenlets[1]]);
  assertEquals(await joinAll(greenlets, { count: 3 }), [greenlets[1], greenlets[3], greenlets[2]]);
  assertEquals((await joinAll(greenlets, { count: 9 })).length, 4);
});

virtualTest("joinAll() gives those that made it when its timeout comes first", async () => {
  const greenlets = [30, 10, 20].map((ms) => spawn(sleep, ms));
  assertEquals(await joinAll(greenlets, { timeout: 15 }), [greenlets[1]]);
  assertEquals(now(), 15);
  await joinAll(greenlets);
});

virtualTest("joinAll() ignores errors when it was not told to raise them", async () => {
  using _ = collectReports();
  const failing = spawn(fail, 1, "broken");
  assertEquals(await joinAll([failing]), [failing]);
});

virtualTest(
  "joinAll() raises the first error in time when told to, and leaves the others alone",
  async () => {
    using _ = collectReports();
    const greenlets = [spawn(fail, 20, "later"), spawn(fail, 10, "first"), spawn(sleep, 30)];
    const error = await assertRejects(() => joinAll(greenlets, { raiseError: true }));
    assertStrictEquals(error, greenlets[1]!.exception);
    assertEquals([now(), greenlets[2]!.ready], [10, false]);
    await joinAll(greenlets);
  },
);

virtualTest("joinAll() raises an error at once when told to and it is there already", async () => {
  using _ = collectReports();
  const failed = spawn(() => Promise.reject(new Error("broken")));
  const slow = spawn(sleep, 10);
  await turns();
  await assertRejects(() => joinAll([slow, failed], { raiseError: true }), Error, "broken");
  assertEquals(now(), 0);
  await slow.join();
});

virtualTest("joinAll() takes a greenlet that was killed for a success", async () => {
  const greenlet = spawn(sleep, 1000);
  await turns();
  greenlet.throw();
  assertEquals(await joinAll([greenlet], { raiseError: true }), [greenlet]);
});

virtualTest("joinAll() and killAll() refuse what is not a greenlet", async () => {
  const greenlet = spawn(sleep, 1);
  for (const nonsense of [undefined, 5, Promise.resolve()]) {
    const list = [greenlet, nonsense as never];
    await assertRejects(() => joinAll(list), TypeError, "must be a Greenlet");
    await assertRejects(() => killAll(list), TypeError, "must be a Greenlet");
  }
  assertEquals(greenlet.dead, false);
  await greenlet.join();
});

virtualTest(
  "killAll() ends greenlets in any state, given twice or not, and waits for all",
  async () => {
    let ran = 0;
    const dead = spawn(() => {});
    const parked = spawn(async () => {
      try {
        await sleep(1000);
      } finally {
        await sleep(5);
      }
    });
    await turns();
    const scheduled = spawn(() => ran++);
    const later = spawnLater(10, () => ran++);
    const unstarted = new Greenlet(() => ran++);
    const all = [dead, parked, scheduled, later, unstarted, dead, scheduled, unstarted];
    await killAll(all);
    assertEquals([all.every((g) => g.dead), ran, now()], [true, 0, 5]);
    await killAll([]);
    await sleep(20);
    assertEquals(ran, 0);
  },
);

virtualTest("killAll() raises once in a greenlet that is given twice", async () => {
  const order: unknown[] = [];
  const greenlet = spawn(async () => {
    try {
      await sleep(1000);
    } finally {
      await sleep(5).catch((error) => order.push(error));
      order.push("cleaned up");
    }
  });
  await turns();
  await killAll([greenlet, greenlet, greenlet]);
  assertEquals([order, now()], [["cleaned up"], 5]);
});

virtualTest("killAll() has raised in all of them before any goes on", async () => {
  const order: string[] = [];
  const greenlets: Greenlet<unknown>[] = Array.from({ length: 50 }, (_, i) =>
    spawn(async () => {
      try {
        await sleep(1000);
      } catch {
        order.push(`${i}`);
        await sleep();
        order.push("again");
      }
    }));
  await turns();
  await killAll(greenlets);
  assertEquals(order.slice(0, 50), [...Array(50).keys()].map(String));
});

virtualTest("killAll() raises what it is given", async () => {
  using _ = collectReports();
  const greenlets = [spawn(sleep, 1000), new Greenlet()];
  await turns();
  const error = new Error("stop");
  await killAll(greenlets, error);
  assertEquals(greenlets.map((greenlet) => greenlet.exception), [error, error]);
});

virtualTest("killAll() does not wait when told so", async () => {
  const greenlet = spawn(sleep, 1000);
  await turns();
  await killAll([greenlet], undefined, { block: false });
  assertEquals(greenlet.dead, false);
  await turns();
  assert(greenlet.dead);
});

virtualTest(
  "killAll() throws a Timeout and leaves the survivors alive when they do not die in time",
  async () => {
    const survivor = spawn(async () => {
      for (const ms of [1000, 1000, 50]) await sleep(ms).catch(() => {});
    });
    const mortal = spawn(sleep, 1000);
    await turns();
    await assertRejects(
      () => killAll([survivor, mortal], undefined, { timeout: 5 }),
      Timeout,
      "5 ms",
    );
    assertEquals([survivor.dead, mortal.dead], [false, true]);
    const timeout = new Timeout(5);
    const error = await assertRejects(() => killAll([survivor], undefined, { timeout }));
    assertStrictEquals(error, timeout);
    await survivor.join();
  },
);

virtualTest("killAll() kills the others when the caller is among them", async () => {
  const other = spawn(sleep, 1000);
  const greenlet = spawn(async () => {
    await sleep(1);
    await killAll([getCurrent(), other]);
  });
  await greenlet.join();
  await turns();
  assert(greenlet.value instanceof GreenletExit);
  assert(other.dead);
});

Deno.test("killAll() rejects when the main greenlet is among them", async () => {
  await assertRejects(() => killAll([getCurrent()]), TypeError, "main greenlet");
});
