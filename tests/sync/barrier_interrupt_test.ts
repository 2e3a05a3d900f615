import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import type { Greenlet } from "../../core/greenlet.ts";
import { joinAll } from "../../core/join.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, kill, spawn } from "../../core/spawn.ts";
import type { WaitOptions } from "../../core/suspend.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { Barrier, BrokenBarrierError } from "../../sync/barrier.ts";
import { exploreSchedules } from "../../testing/explore_schedules.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

/** Starts greenlets that come to the barrier; what they get is a number, or the name of an error. */
async function come(
  barrier: Barrier,
  count: number,
  options?: WaitOptions,
): Promise<Greenlet<number | string>[]> {
  const greenlets = Array.from(
    { length: count },
    () => spawn(() => barrier.wait(options).catch((error) => error.name as string)),
  );
  await turns();
  return greenlets;
}

async function outcomes(greenlets: Greenlet<number | string>[]): Promise<unknown[]> {
  await joinAll(greenlets);
  return greenlets.map((greenlet) => greenlet.value);
}

virtualTest(
  "Barrier.wait() raises the kill in who is killed, and breaks for the others",
  async () => {
    const barrier = new Barrier(4);
    const greenlets = await come(barrier, 3);
    greenlets[1]!.throw();
    assertEquals([barrier.broken, barrier.waiting], [true, 0]);
    assertEquals(await outcomes(greenlets), [
      "BrokenBarrierError",
      "GreenletExit",
      "BrokenBarrierError",
    ]);
  },
);

virtualTest(
  "Barrier.wait() is broken for the last when one is killed in the turn before it",
  async () => {
    const barrier = new Barrier(3);
    const greenlets = await come(barrier, 2);
    greenlets[0]!.throw();
    await assertRejects(() => barrier.wait(), BrokenBarrierError);
    assertEquals(await outcomes(greenlets), ["GreenletExit", "BrokenBarrierError"]);
  },
);

virtualTest(
  "Barrier.wait() lets pass who is killed in the turn after the last has come",
  async () => {
    const barrier = new Barrier(3);
    const seen: unknown[] = [];
    const killed = spawn(async () => {
      seen.push(await barrier.wait());
      await sleep(1).catch((error) => seen.push(error.name));
    });
    const [other] = await come(barrier, 1);
    const last = barrier.wait();
    killed.throw();
    assertEquals([await last, await other!.get()], [0, 1]);
    await killed.join();
    assertEquals([seen, barrier.broken], [[2, "GreenletExit"], false]);
  },
);

virtualTest(
  "Barrier.wait() has one outcome when its timeout is due as the last comes",
  async () => {
    for (const priority of [-5, 5]) {
      const barrier = new Barrier(2);
      const greenlets = [
        spawn(() => barrier.wait({ timeout: 10 }).catch((error) => error.name as string)),
        spawn(async () => {
          await new Promise<void>((resolve) => hub.addTimer(10, { fire: resolve }, priority));
          return await barrier.wait().catch((error) => error.name as string);
        }),
      ];
      const values = await outcomes(greenlets);
      assert(
        String(values) === "1,0" || String(values) === "BrokenBarrierError,BrokenBarrierError",
        String(values),
      );
      assertEquals(barrier.broken, values[0] !== 1);
    }
  },
);

virtualTest(
  "Barrier.wait() passes its own Timeout on, and the others get that it is broken",
  async () => {
    const barrier = new Barrier(3);
    const [other] = await come(barrier, 1);
    const own = new Timeout(5);
    assertStrictEquals(await assertRejects(() => barrier.wait({ timeout: own })), own);
    assertEquals([await other!.get(), now(), own.pending], ["BrokenBarrierError", 5, false]);
    barrier.reset();
    const [next] = await come(barrier, 1);
    const foreign = new Timeout(5);
    const error = await assertRejects(() => withTimeout(foreign, () => barrier.wait()));
    assertStrictEquals(error, foreign);
    assertEquals([await next!.get(), now()], ["BrokenBarrierError", 10]);
  },
);

virtualTest("Barrier.wait() does not break it for who was killed before he came", async () => {
  const barrier = new Barrier(2);
  const [first] = await come(barrier, 1);
  const killed = spawn(async () => {
    kill(getCurrent());
    return await barrier.wait();
  });
  await killed.join();
  assertInstanceOf(killed.value, GreenletExit);
  assertEquals([barrier.broken, barrier.waiting], [false, 1]);
  assertEquals([await barrier.wait(), await first!.get()], [0, 1]);
});

virtualTest(
  "Barrier.reset() in the turn after the last has come keeps nobody from passing",
  async () => {
    const barrier = new Barrier(3);
    const greenlets = await come(barrier, 2);
    const last = barrier.wait();
    barrier.reset();
    assertEquals([await last, await outcomes(greenlets)], [0, [2, 1]]);
    const again = await come(barrier, 2);
    barrier.abort();
    barrier.reset();
    assertEquals(await outcomes(again), ["BrokenBarrierError", "BrokenBarrierError"]);
    assertEquals([barrier.broken, barrier.waiting], [false, 0]);
  },
);

virtualTest("Barrier has those who come early wait for the next round", async () => {
  const barrier = new Barrier(2);
  const rounds: string[] = [];
  const runner = (name: string): Greenlet<void> =>
    spawn(async () => {
      for (let round = 0; round < 3; round++) {
        await barrier.wait();
        rounds.push(`${name}${round}`);
      }
    });
  await joinAll([runner("a"), runner("b")]);
  for (let round = 0; round < 3; round++) {
    assertEquals(
      rounds.slice(2 * round, 2 * round + 2).toSorted(),
      [`a${round}`, `b${round}`],
    );
  }
});

virtualTest("Barrier calls its action before anybody goes on, in the last to come", async () => {
  const order: string[] = [];
  const barrier: Barrier = new Barrier(2, () => {
    order.push(`action for ${getCurrent().name}, ${barrier.waiting} waiting`);
  });
  const first = spawn(async () => {
    await barrier.wait();
    order.push("first");
  });
  await turns();
  getCurrent().name = "last";
  await barrier.wait();
  await first.join();
  assertEquals(order, ["action for last, 1 waiting", "first"]);
});

Deno.test("Barrier lets all pass or none, in every order, whoever is killed", async () => {
  const { failure } = await exploreSchedules(async () => {
    const barrier = new Barrier(3);
    const greenlets = [1, 2, 3].map(() =>
      spawn(() => barrier.wait().catch((error) => error.name as string))
    );
    while (!greenlets[1]!.ready && barrier.waiting === 0) await sleep();
    greenlets[1]!.throw();
    // Killed before its first turn it never comes, and the others wait in vain.
    await joinAll(greenlets, { timeout: 10 });
    const values = greenlets.map((greenlet) => greenlet.value);
    if (barrier.broken) {
      assertEquals(values, ["BrokenBarrierError", "GreenletExit", "BrokenBarrierError"]);
    } else if (barrier.waiting > 0) {
      assertEquals([barrier.waiting, values[0], values[2]], [2, undefined, undefined]);
    } else {
      assertEquals(values.toSorted(), [0, 1, 2]);
    }
  }, { seeds: 300 });
  assertEquals(failure, undefined);
});
