import { assert, assertEquals } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Greenlet } from "../../core/greenlet.ts";
import { joinAll, killAll } from "../../core/join.ts";
import { Pool } from "../../core/pool.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn, spawnLater } from "../../core/spawn.ts";
import { TaskGroup } from "../../core/task_group.ts";
import { withTimeout } from "../../core/timeout.ts";
import { Event } from "../../sync/event.ts";
import { Queue } from "../../sync/queue.ts";
import { virtualTest } from "../helpers/virtual_test.ts";

const BATCHES = 20;
/** Of each kind in a batch; there are ten kinds. */
const EACH = 5000;

function many<T>(make: (n: number) => T): T[] {
  return Array.from({ length: EACH }, (_, n) => make(n));
}

/** What greenlets do, `EACH` of them at a time, and how many of them have done it. */
const KINDS: Readonly<Record<string, () => Promise<number>>> = {
  async "run to their end"() {
    let ran = 0;
    await joinAll(many(() => spawn(() => ran++)));
    return ran;
  },
  async "are killed before they run"() {
    const greenlets = many(() => spawn(() => assert(false, "It ran")));
    await killAll(greenlets);
    return greenlets.length;
  },
  async "are killed before their time comes"() {
    const greenlets = many((n) => spawnLater(1000 + n, () => assert(false, "It ran")));
    await killAll(greenlets);
    return greenlets.length;
  },
  async "are parked and woken"() {
    const event = new Event();
    const greenlets = many(() => spawn(() => event.wait()));
    while (event.waiting < EACH) await sleep();
    event.set();
    await joinAll(greenlets);
    return greenlets.filter((greenlet) => greenlet.value === true).length;
  },
  async "are parked and killed"() {
    const event = new Event();
    let cleanedUp = 0;
    const greenlets = many(() =>
      spawn(async () => {
        try {
          await event.wait({ timeout: 60_000 });
        } finally {
          await sleep(1);
          cleanedUp++;
        }
      })
    );
    while (event.waiting < EACH) await sleep();
    await killAll(greenlets);
    assertEquals(event.waiting, 0);
    return cleanedUp;
  },
  async "time out"() {
    const event = new Event();
    const greenlets = many((n) =>
      spawn(() => withTimeout(n % 100, () => event.wait(), { timeoutValue: "late" }))
    );
    await joinAll(greenlets);
    return greenlets.filter((greenlet) => greenlet.value === "late").length;
  },
  async "sleep"() {
    return (await joinAll(many((n) => spawn(sleep, n % 100)))).length;
  },
  async "go through a pool"() {
    const pool = new Pool(100);
    const greenlets: Greenlet<void>[] = [];
    for (let n = 0; n < EACH; n++) greenlets.push(await pool.spawn(sleep, n % 3));
    await pool.join();
    assertEquals([pool.size, pool.freeCount], [0, 100]);
    return greenlets.filter((greenlet) => greenlet.successful).length;
  },
  async "hand items on"() {
    const queue = new Queue<number>({ maxsize: 10 });
    const getters = many(() => spawn(() => queue.get()));
    for (let n = 0; n < EACH; n++) await queue.put(n);
    await joinAll(getters);
    return new Set(getters.map((getter) => getter.value)).size;
  },
  async "are in a task group that fails"() {
    let ended = 0;
    await TaskGroup.run(async (group) => {
      for (let n = 1; n < EACH; n++) {
        group.spawn(() => sleep(60_000).finally(() => ended++));
      }
      await sleep(1);
      group.spawn(() => Promise.reject(new Error("broken")));
      await sleep(60_000);
    }).catch((error) => assertEquals(error.message, "broken"));
    return ended + 1;
  },
};

/** The heap in use when all garbage has been collected. */
function settledHeap(): number {
  setFlagsFromString("--expose-gc");
  const gc: () => void = runInNewContext("gc");
  for (let round = 0; round < 5; round++) gc();
  return Deno.memoryUsage().heapUsed;
}

virtualTest("A million greenlets of all kinds leave nothing behind", async () => {
  const counts = new Map<string, number>();
  let heapBefore = 0;
  for (let batch = 0; batch < BATCHES; batch++) {
    for (const [kind, run] of Object.entries(KINDS)) {
      counts.set(kind, (counts.get(kind) ?? 0) + await run());
      await sleep(); // the turns of those that never ran pass
      assertEquals([hub.live.size, hub.timers.size, hub.queued], [1, 0, 0], kind);
    }
    // The first batch is needed for what is made once, such as optimised code and large tables.
    if (batch === 0) heapBefore = settledHeap();
  }
  for (const [kind, count] of counts) assertEquals(count, EACH * BATCHES, kind);
  assertEquals(counts.size * EACH * BATCHES, 1_000_000);
  const grown = settledHeap() - heapBefore;
  assert(grown < 20e6, `The heap has grown by ${grown} bytes`); // 20 for each greenlet
});
