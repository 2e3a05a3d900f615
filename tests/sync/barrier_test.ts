import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { BlockingSwitchOutError, GreenletExit } from "../../core/errors.ts";
import type { Greenlet } from "../../core/greenlet.ts";
import { joinAll } from "../../core/join.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
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
    assertThrows(() => new Barrier(parties as number), RangeError, `received ${parties}`);
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
