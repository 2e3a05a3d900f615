import { assertEquals } from "@std/assert";
import type { Greenlet } from "../../core/greenlet.ts";
import { Group } from "../../core/group.ts";
import { joinAll, killAll } from "../../core/join.ts";
import { Pool } from "../../core/pool.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn, spawnLater } from "../../core/spawn.ts";
import { withTimeout } from "../../core/timeout.ts";
import { Event } from "../../sync/event.ts";
import { Queue } from "../../sync/queue.ts";
import { Semaphore } from "../../sync/semaphore.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

/** Numbers that are the same in each run: a linear congruential generator. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

virtualTest(
  "100 000 greenlets that are parked, killed and timed out leave nothing behind",
  async () => {
    const random = randomNumbers(1);
    const event = new Event();
    const queue = new Queue<number>({ maxsize: 10 });
    const semaphore = new Semaphore(5);
    const held = async (): Promise<void> => {
      using _ = await semaphore.hold();
      await sleep(random(3));
    };
    const nested = async (): Promise<unknown> =>
      await withTimeout(
        random(40),
        () => withTimeout(random(40), () => Promise.all([sleep(20), event.wait()])),
        { timeoutValue: null },
      ).catch(() => null);
    const ways: (() => Greenlet<unknown>)[] = [
      () => spawn(() => event.wait({ timeout: random(50) })),
      () => spawn(() => queue.put(1, { timeout: random(50) }).catch(() => {})),
      () => spawn(() => queue.get({ timeout: random(50) }).catch(() => {})),
      () => spawn(held),
      () => spawn(nested),
      () => spawnLater(random(50), () => {}),
      () => spawn(sleep, random(50)),
      () => spawn(() => {}),
    ];
    for (let round = 0; round < 20; round++) {
      const greenlets = Array.from({ length: 5000 }, () => ways[random(ways.length)]!());
      await sleep(random(20));
      for (const greenlet of greenlets) if (random(3) === 0) greenlet.throw();
      event.set();
      event.clear();
      await joinAll(greenlets, { count: 2500 });
      await killAll(greenlets);
    }
    assertEquals([hub.live.size, hub.timers.size, hub.queued], [1, 0, 0]);
    assertEquals([event.waiting, queue.waiting, semaphore.counter], [
      0,
      { getters: 0, putters: 0 },
      5,
    ]);
  },
);

virtualTest("20 000 greenlets in pools and groups leave no slot taken and no member", async () => {
  const random = randomNumbers(2);
  const pool = new Pool(50);
  const group = new Group();
  let finished = 0;
  const work = async (): Promise<void> => {
    await sleep(random(5));
    finished++;
  };
  const spawners = Array.from({ length: 100 }, () =>
    spawn(async () => {
      for (let i = 0; i < 100; i++) {
        await withTimeout(random(200) + 1, () => pool.spawn(work), { timeoutValue: undefined });
      }
    }));
  for (let i = 0; i < 10_000; i++) {
    const member = await group.spawn(work);
    if (random(2) === 0) member.throw();
    if (random(100) === 0) spawners[random(spawners.length)]!.throw();
  }
  await joinAll(spawners);
  await group.join();
  await pool.join();
  await turns();
  assertEquals([pool.size, pool.freeCount, group.size, hub.live.size], [0, 50, 0, 1]);
  assertEquals(finished > 5000, true);
});

virtualTest(
  "A chain of 10 000 greenlets that wait for each other ends, by itself or killed",
  async () => {
    for (const killed of [false, true]) {
      const event = new Event();
      let last: Greenlet<unknown> = spawn(() => event.wait());
      const all = [last];
      for (let i = 0; i < 10_000; i++) {
        const previous: Greenlet<unknown> = last;
        last = spawn(() => previous.get());
        all.push(last);
      }
      await turns();
      if (killed) await killAll(all);
      event.set();
      await last.join();
      assertEquals(all.every((greenlet) => greenlet.dead), true);
    }
  },
);

virtualTest("100 000 timers fire in order and leave the heap empty", async () => {
  const random = randomNumbers(3);
  let previous = -1;
  let fired = 0;
  for (let i = 0; i < 100_000; i++) {
    const ms = random(1000);
    hub.addTimer(ms, {
      fire(): void {
        if (ms < previous) throw new Error(`${ms} came after ${previous}`);
        previous = ms;
        fired++;
      },
    });
  }
  await sleep(1000);
  assertEquals([fired, hub.timers.size], [100_000, 0]);
});
