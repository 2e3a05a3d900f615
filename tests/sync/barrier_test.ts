import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { BlockingSwitchOutError, GreenletExit } from "../../core/errors.ts";
import type { Greenlet } from "../../core/greenlet.ts";
import { joinAll } from "../../core/join.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import type { WaitOptions } from "../../core/suspend.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { Barrier, BrokenBarrierError } from "../../sync/barrier.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

async function come(barrier: Barrier, count: number): Promise<Greenlet<unknown>[]> {
  const greenlets = Array.from(
    { length: count },
    () => spawn(() => barrier.wait().catch((error) => error)),
  );
  await turns();
  return greenlets;
}

Deno.test("Barrier refuses what makes no sense", () => {
  for (const parties of [0, -1, 1.5, NaN, "2"]) {
    assertThrows(
      () => new Barrier(parties as number),
      RangeError,
      `received ${Deno.inspect(parties)}`,
    );
  }
  assertThrows(() => new Barrier(1, 5 as never), TypeError, "must be a function");
});

virtualTest(
  "Barrier lets nobody pass until all have come, each with a number, again and again",
  async () => {
    let actions = 0;
    const barrier = new Barrier(3, () => actions++);
    for (let round = 1; round <= 3; round++) {
      const greenlets = await come(barrier, 2);
      assertEquals([barrier.waiting, greenlets[0]!.ready, String(barrier)], [
        2,
        false,
        "<Barrier 2 of 3>",
      ]);
      await sleep(10);
      assertEquals(await barrier.wait(), 0);
      await joinAll(greenlets);
      assertEquals([greenlets.map((g) => g.value), actions], [[2, 1], round]);
    }
    assertEquals([barrier.broken, barrier.waiting, now()], [false, 0, 30]);
  },
);

virtualTest("Barrier for one lets everybody pass", async () => {
  assertEquals(await new Barrier(1).wait(), 0);
});

virtualTest("Barrier breaks for all when one of those who wait gives up", async () => {
  const ways: ((barrier: Barrier) => unknown)[] = [
    (barrier) => assertRejects(() => barrier.wait({ timeout: 5 }), BrokenBarrierError, "in time"),
    (barrier) => assertRejects(() => withTimeout(5, () => barrier.wait()), Timeout),
    async (barrier) => {
      const victim = spawn(() => barrier.wait());
      await turns();
      await victim.kill();
      assertInstanceOf(victim.value, GreenletExit);
    },
    (barrier) => barrier.abort(),
  ];
  for (const way of ways) {
    const barrier = new Barrier(4);
    const greenlets = await come(barrier, 2);
    await way(barrier);
    await joinAll(greenlets);
    for (const greenlet of greenlets) assertInstanceOf(greenlet.value, BrokenBarrierError);
    assertEquals([barrier.broken, barrier.waiting], [true, 0]);
    assertEquals(String(barrier), "<Barrier 0 of 4 broken>");
    await assertRejects(() => barrier.wait(), BrokenBarrierError, "is broken");
  }
});

virtualTest("Barrier breaks when its action fails, which the last to come is told", async () => {
  const barrier = new Barrier(2, () => {
    throw new RangeError("broken action");
  });
  const [greenlet] = await come(barrier, 1);
  await assertRejects(() => barrier.wait(), RangeError, "broken action");
  assertInstanceOf(await greenlet!.get(), BrokenBarrierError);
});

virtualTest("Barrier.reset() sends those away who wait, and makes it whole", async () => {
  const barrier = new Barrier(2);
  const [greenlet] = await come(barrier, 1);
  barrier.reset();
  assertInstanceOf(await greenlet!.get(), BrokenBarrierError);
  barrier.abort();
  barrier.reset();
  const [next] = await come(barrier, 1);
  assertEquals([await barrier.wait(), await next!.get(), barrier.broken], [0, 1, false]);
});

virtualTest("Barrier.wait() does not break it when it was refused before", async () => {
  const barrier = new Barrier(2);
  let refused: unknown;
  hub.enqueueCallback(() => void barrier.wait().catch((error) => refused = error));
  await assertRejects(
    () => barrier.wait({ signal: AbortSignal.abort(new Error("no")) }),
    Error,
    "no",
  );
  await turns();
  assertInstanceOf(refused, BlockingSwitchOutError);
  assertEquals([barrier.broken, barrier.waiting], [false, 0]);
});

virtualTest("Barrier lets all pass when one is killed after the last has come", async () => {
  const barrier = new Barrier(3);
  const greenlets = await come(barrier, 2);
  const last = barrier.wait();
  greenlets[0]!.throw();
  assertEquals(await last, 0);
  await joinAll(greenlets);
  assertEquals([greenlets.map((g) => g.value), barrier.broken], [[2, 1], false]);
});

// Actions that wait.

virtualTest("Barrier waits for an asynchronous action before it lets anybody pass", async () => {
  const order: string[] = [];
  const barrier: Barrier = new Barrier(3, async () => {
    order.push(`action of ${barrier.waiting + 1}, in ${getCurrent().name}`);
    await sleep(10);
    order.push("action over");
  });
  for (let round = 1; round <= 2; round++) {
    const greenlets = [1, 2, 3].map((n) =>
      spawn(async () => {
        getCurrent().name = `greenlet ${n}`;
        const index = await barrier.wait();
        order.push(`${n} passes with ${index} at ${now()}`);
      })
    );
    await joinAll(greenlets);
    assertEquals(order.splice(0), [
      "action of 3, in greenlet 3",
      "action over",
      `3 passes with 0 at ${round * 10}`, // who is running already
      `1 passes with 2 at ${round * 10}`,
      `2 passes with 1 at ${round * 10}`,
    ]);
  }
});

virtualTest("Barrier breaks when its asynchronous action fails or is interrupted", async () => {
  const broken = new RangeError("broken action");
  const failing = new Barrier(2, () => sleep(5).then(() => Promise.reject(broken)));
  const [first] = await come(failing, 1);
  assertStrictEquals(await assertRejects(() => failing.wait()), broken);
  assertInstanceOf(await first!.get(), BrokenBarrierError);
  assertEquals([failing.broken, failing.waiting], [true, 0]);

  const slow = new Barrier(2, () => sleep(1000));
  const [second] = await come(slow, 1);
  const last = spawn(() => slow.wait());
  await turns();
  await last.kill();
  assertInstanceOf(last.value, GreenletExit);
  assertInstanceOf(await second!.get(), BrokenBarrierError);
  assertEquals([slow.broken, now()], [true, 5]);
});

virtualTest(
  "Barrier.wait() limits the asynchronous action by the options of the last",
  async () => {
    const reason = new RangeError("aborted");
    const timeout = new Timeout(5);
    const cases: [() => WaitOptions, (error: unknown) => void][] = [
      [() => ({ timeout: 5 }), (error) => assertInstanceOf(error, BrokenBarrierError)],
      [() => ({ timeout }), (error) => assertStrictEquals(error, timeout)],
      [() => {
        const controller = new AbortController();
        hub.addTimer(5, { fire: () => controller.abort(reason) });
        return { signal: controller.signal };
      }, (error) => assertStrictEquals(error, reason)],
    ];
    for (const [options, check] of cases) {
      const began = now();
      const barrier = new Barrier(2, () => sleep(1000));
      const [other] = await come(barrier, 1);
      check(await assertRejects(() => barrier.wait(options())));
      assertInstanceOf(await other!.get(), BrokenBarrierError);
      assertEquals([barrier.broken, now() - began], [true, 5]);
    }
    assertEquals([timeout.pending, hub.timers.size], [false, 0]);
  },
);

virtualTest(
  "Barrier breaks when one gives up while its asynchronous action is under way",
  async () => {
    let finished = false;
    const barrier = new Barrier(3, async () => {
      await sleep(10);
      finished = true;
    });
    const [first] = await come(barrier, 1);
    const late = barrier.wait({ timeout: 5 });
    const last = spawn(() => barrier.wait().catch((error) => error));
    await assertRejects(() => late, BrokenBarrierError, "in time");
    assertInstanceOf(await last.get(), BrokenBarrierError);
    assertInstanceOf(await first!.get(), BrokenBarrierError);
    await sleep(10);
    assertEquals([barrier.broken, finished], [true, true]);
  },
);

virtualTest(
  "Barrier has those who come during its asynchronous action wait for the next round",
  async () => {
    let actions = 0;
    const barrier = new Barrier(2, async () => {
      assertEquals(++actions, 1, "Two at once");
      await sleep(10);
      actions--;
    });
    const outcomes: unknown[] = [];
    for (const n of [1, 2, 3, 4, 5]) {
      spawn(async () => {
        const index = await barrier.wait({ timeout: 25 }).catch((error) => error.name);
        outcomes.push([n, index, now()]);
      });
    }
    await sleep(5);
    assertEquals([barrier.waiting, String(barrier)], [1, "<Barrier 1 of 2>"]);
    await sleep(100);
    assertEquals(outcomes.slice(0, 4).toSorted(), [[1, 1, 10], [2, 0, 10], [3, 1, 20], [4, 0, 20]]);
    assertEquals(outcomes.slice(4), [[5, "BrokenBarrierError", 25]]);
  },
);

virtualTest(
  "Barrier.reset() and Barrier.abort() end a round whose action is under way",
  async () => {
    for (const end of ["reset", "abort"] as const) {
      const barrier = new Barrier(2, () => sleep(10));
      const waiting = await come(barrier, 3); // two of this round, one of the next
      barrier[end]();
      const [first, last] = waiting;
      for (const greenlet of [first!, last!]) {
        assertInstanceOf(await greenlet.get(), BrokenBarrierError);
      }
      if (end === "abort") {
        assertInstanceOf(await waiting[2]!.get(), BrokenBarrierError);
        barrier.reset();
        waiting.push(...await come(barrier, 1));
      }
      assertEquals([await barrier.wait(), await waiting.at(-1)!.get()], [0, 1]);
      assertEquals(barrier.broken, false);
    }
  },
);
