import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { scopeOf } from "../../core/greenlet.ts";
import { hub } from "../../core/scheduler.ts";
import { shield } from "../../core/shield.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, kill, spawn } from "../../core/spawn.ts";
import { TaskGroup } from "../../core/task_group.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { Event } from "../../sync/event.ts";
import { collectReports } from "../helpers/reports.ts";
import { now, parkedIn, turns, virtualTest } from "../helpers/virtual_test.ts";

class Stop extends Error {}

Deno.test("shield() refuses what is not a function", async () => {
  await assertRejects(() => shield("fn" as never), TypeError, '"fn"');
});

virtualTest("shield() keeps several kills, each for a wait of its own", async () => {
  const errors = [new Stop("first"), new Stop("second")];
  const seen: unknown[] = [];
  const greenlet = spawn(async () => {
    await shield(() => sleep(10));
    for (let i = 0; i < 2; i++) await sleep(1).catch((error) => seen.push(error));
    await sleep(1);
    return "went on";
  });
  await turns();
  for (const error of errors) greenlet.throw(error);
  assertEquals(await greenlet.get(), "went on");
  assertEquals(seen, errors);
});

virtualTest("shield() does not raise a kill that was outstanding before it", async () => {
  const greenlet = spawn(async () => {
    kill(getCurrent());
    await shield(() => sleep(10));
    return await sleep(1).catch(() => now());
  });
  assertEquals(await greenlet.get(), 10);
});

virtualTest("shield() lets a greenlet end that does not wait after it", async () => {
  const greenlet = spawn(async () => {
    await shield(() => sleep(10));
    return "finished";
  });
  await turns();
  await greenlet.kill();
  assertEquals([greenlet.value, now()], ["finished", 10]);
});

virtualTest("shield() lets a running Timeout wait", async () => {
  const greenlet = spawn(async () => {
    using timeout = Timeout.start(5);
    await shield(() => sleep(10));
    return [await sleep(1000).catch((error) => error), timeout, now()];
  });
  const [error, timeout, at] = await greenlet.get();
  assertStrictEquals(error, timeout);
  assertEquals(at, 10);
});

virtualTest(
  "shield() leaves timeouts that are started inside alone, after a kill as well",
  async () => {
    const timeout = new Timeout(5);
    const greenlet = spawn(() =>
      shield(async () => {
        const first = await withTimeout(timeout, () => sleep(1000)).catch((error) => error);
        const second = await withTimeout(5, () => sleep(1000), { timeoutValue: "late" });
        using third = Timeout.start(5);
        assertStrictEquals(await sleep(1000).catch((error) => error), third);
        assertEquals(await new Event().wait({ timeout: 5 }), false);
        return [first === timeout, second, now()];
      })
    );
    await turns();
    greenlet.throw();
    assertEquals(await greenlet.get(), [true, "late", 20]);
  },
);

virtualTest("shield() leaves abort signals that are given inside alone", async () => {
  using reports = collectReports();
  const controller = new AbortController();
  const reason = new Stop();
  const greenlet = spawn(() => shield(() => sleep(1000, { signal: controller.signal })));
  await turns();
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => greenlet.get()), reason);
  assertEquals(reports.list.length, 1);
});

virtualTest("shield() can be nested; the outermost one counts", async () => {
  const seen: number[] = [];
  const greenlet = spawn(async () => {
    await shield(async () => {
      await shield(() => sleep(10));
      await sleep(10);
      seen.push(now());
      await shield(() => withTimeout(1000, () => sleep(10)));
      seen.push(now());
    });
    await sleep(1000);
  });
  await turns();
  await greenlet.kill();
  assertEquals([seen, now()], [[20, 30], 30]);
});

virtualTest(
  "shield() holds against a persistent kill each time, which goes on after it",
  async () => {
    const seen: unknown[] = [];
    const greenlet = spawn(async () => {
      for (let i = 0; i < 3; i++) {
        await sleep(1000).catch((error) => seen.push(error));
        await shield(() => sleep(10)).then(() => seen.push(now()));
      }
    });
    await turns();
    const exit = new GreenletExit();
    await greenlet.kill(exit, { persistent: true });
    assertEquals(seen, [exit, 10, exit, 20, exit, 30]);
  },
);

virtualTest("shield() holds against a persistent kill for scopes inside it", async () => {
  const event = new Event();
  const greenlet = spawn(() =>
    shield(async () => {
      const late = await withTimeout(10, () => event.wait(), { timeoutValue: "late" });
      const all = await Promise.all([sleep(10), event.wait({ timeout: 20 })]);
      const grouped = await TaskGroup.run((group) => group.spawn(sleep, 10).get());
      return [late, all, grouped, now()];
    })
  );
  await turns();
  await greenlet.kill(undefined, { persistent: true });
  assertEquals(greenlet.value as unknown, ["late", [undefined, false], undefined, 40]);
});

virtualTest("shield() protects what is left behind no longer than its function runs", async () => {
  const event = new Event();
  const seen: unknown[] = [];
  const greenlet = spawn(async () => {
    await shield(() => {
      void event.wait().catch((error) => seen.push(error));
      void withTimeout(null, () => event.wait()).catch((error) => seen.push(error));
    });
    await sleep(1000);
  });
  await turns();
  assertEquals(parkedIn(greenlet), 3);
  const exit = new GreenletExit();
  await greenlet.kill(exit);
  assertEquals([seen, event.waiting], [[exit, exit], 0]);
});

virtualTest("shield() keeps an outer TaskGroup from interrupting it", async () => {
  const seen: string[] = [];
  const broken = new Stop();
  const error = await assertRejects(() =>
    TaskGroup.run(async (group) => {
      group.spawn(() => Promise.reject(broken));
      await shield(() => sleep(10));
      seen.push(`shielded until ${now()}`);
      await sleep(1000);
      seen.push("never");
    })
  );
  assertStrictEquals(error, broken);
  assertEquals([seen, now()], [["shielded until 10"], 10]);
});

virtualTest("shield() leaves nothing of itself in a greenlet that goes on", async () => {
  for (let i = 0; i < 3; i++) {
    await shield(() => sleep(1));
    await shield(() => Promise.reject(new Stop())).catch(() => {});
  }
  assertEquals(scopeOf(getCurrent())!.children?.size, 0);
});

Deno.test("shield() outside all greenlets lets a Timeout wait", async () => {
  using timeout = Timeout.start(1);
  await shield(() => sleep(5));
  assert(!timeout.pending);
  assertStrictEquals(await sleep(60_000).catch((error) => error), timeout);
  assertEquals(hub.timers.size, 0);
});
