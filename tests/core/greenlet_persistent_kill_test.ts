import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import type { Greenlet } from "../../core/greenlet.ts";
import { Group } from "../../core/group.ts";
import { joinAll, killAll } from "../../core/join.ts";
import { Pool } from "../../core/pool.ts";
import { shield } from "../../core/shield.ts";
import { idle, sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { withTimeout } from "../../core/timeout.ts";
import { until } from "../../core/until.ts";
import { Event } from "../../sync/event.ts";
import { Queue } from "../../sync/queue.ts";
import { Semaphore } from "../../sync/semaphore.ts";
import { collectReports } from "../helpers/reports.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

class Stop extends Error {}

const PERSISTENT = { persistent: true } as const;

/** Goes on after every kill, and tries to wait so many times; notes what was raised. */
function stubborn(seen: unknown[], times: number): () => Promise<string> {
  return async () => {
    for (let i = 0; i < times; i++) await sleep(1000).catch((error) => seen.push(error));
    return "ended by itself";
  };
}

/** Ways to wait, or to do without as all is ready. */
const WAYS: Readonly<Record<string, () => Promise<unknown>>> = {
  "sleep()": () => sleep(1),
  "sleep(0)": () => sleep(),
  "idle()": () => idle(),
  "Event.wait()": () => new Event().wait(),
  "Event.wait() on one that is set": () => {
    const event = new Event();
    event.set();
    return event.wait();
  },
  "Queue.get() with an item": () => new Queue({ items: [1] }).get(),
  "Semaphore.acquire() with a permit": () => new Semaphore().acquire(),
  "Greenlet.join()": () => spawn(sleep, 1).join(),
  "joinAll()": () => joinAll([spawn(sleep, 1)]),
  "until()": () => until(new Promise(() => {})),
  "withTimeout()": () => withTimeout(5, () => sleep(1)),
};

for (const [name, way] of Object.entries(WAYS)) {
  virtualTest(`Greenlet.kill() that is persistent is raised by ${name}`, async () => {
    const seen: unknown[] = [];
    const greenlet = spawn(async () => {
      await sleep(1000).catch((error) => seen.push(error));
      for (let i = 0; i < 2; i++) await way().catch((error) => seen.push(error));
    });
    await turns();
    const stop = new Stop();
    await greenlet.kill(stop, PERSISTENT);
    assertEquals(seen, [stop, stop, stop]);
    assertEquals([greenlet.successful, now()], [true, 0]);
    await sleep(5); // ends what the ways have started
  });
}

virtualTest("Greenlet.kill() that is not persistent is raised once", async () => {
  const seen: unknown[] = [];
  const greenlet = spawn(stubborn(seen, 2));
  await turns();
  await greenlet.kill();
  assertEquals([seen.length, greenlet.value as unknown, now()], [1, "ended by itself", 1000]);
});

virtualTest(
  "Greenlet.kill() that is persistent leaves finally blocks nothing to wait for",
  async () => {
    const log: string[] = [];
    const greenlet = spawn(async () => {
      try {
        await sleep(1000);
      } finally {
        try {
          await sleep(10);
          log.push("never");
        } finally {
          log.push("synchronous");
          await shield(() => sleep(10));
          log.push(`shielded until ${now()}`);
        }
      }
    });
    await turns();
    await greenlet.kill(undefined, PERSISTENT);
    assertEquals(log, ["synchronous", "shielded until 10"]);
    assertInstanceOf(greenlet.value, GreenletExit);
  },
);

virtualTest("Greenlet.kill() that is persistent hits all that runs side by side", async () => {
  const seen: unknown[] = [];
  const greenlet = spawn(() =>
    Promise.all([stubborn(seen, 2)(), withTimeout(null, stubborn(seen, 3)), stubborn(seen, 1)()])
  );
  await turns();
  const exit = new GreenletExit();
  await greenlet.kill(exit, PERSISTENT);
  assertEquals(seen, Array(6).fill(exit));
});

virtualTest("Greenlet.kill() after a persistent one is raised in between", async () => {
  const seen: unknown[] = [];
  const greenlet = spawn(async () => {
    await sleep(1000).catch((error) => seen.push(error));
    await shield(() => sleep(10));
    for (let i = 0; i < 3; i++) await sleep(1000).catch((error) => seen.push(error));
  });
  await turns();
  const [first, second] = [new Stop("first"), new Stop("second")];
  void greenlet.kill(first, { ...PERSISTENT, block: false });
  await sleep(5);
  greenlet.throw(second);
  await greenlet.join();
  assertEquals(seen, [first, second, first, first]);
});

virtualTest("Greenlet.kill() that is persistent is raised at once when it is running", async () => {
  const seen: unknown[] = [];
  const greenlet = spawn(async () => {
    await stubborn(seen, 3)();
    return seen.length;
  });
  // Between two waits: it has been woken and has not run yet.
  await turns();
  const stop = new Stop();
  greenlet.throw(new Stop("wake up"));
  void greenlet.kill(stop, { ...PERSISTENT, block: false });
  assertEquals(await greenlet.get(), 3);
  assertEquals(seen.slice(1), [stop, stop]);
});

virtualTest(
  "Greenlet.kill() that is persistent does not reach those that it has started",
  async () => {
    let other: Greenlet<string> | undefined;
    const greenlet = spawn(async () => {
      other = spawn(() => sleep(10).then(() => "untouched"));
      await sleep(1000);
    });
    await turns();
    await greenlet.kill(undefined, PERSISTENT);
    assertEquals(await other!.get(), "untouched");
  },
);

virtualTest("Greenlet.signal is aborted by a persistent kill, once", async () => {
  const seen: unknown[] = [];
  const greenlet = spawn(stubborn(seen, 3));
  await turns();
  let aborted = 0;
  greenlet.signal.addEventListener("abort", () => aborted++);
  const stop = new Stop();
  await greenlet.kill(stop, PERSISTENT);
  assertEquals([aborted, seen.length], [1, 3]);
  assertStrictEquals(greenlet.signal.reason, stop);
});

// Several at once.

const MANY: Readonly<Record<string, () => Promise<unknown[]>>> = {
  async "killAll()"() {
    const seen: unknown[] = [];
    const greenlets = [spawn(stubborn(seen, 2)), spawn(stubborn(seen, 3))];
    await turns();
    await killAll(greenlets, new Stop(), PERSISTENT);
    return seen;
  },
  async "Group.kill()"() {
    const seen: unknown[] = [];
    const group = new Group();
    for (const times of [2, 3]) await group.spawn(stubborn(seen, times));
    await turns();
    await group.kill(new Stop(), PERSISTENT);
    return seen;
  },
  async "Pool.kill()"() {
    const seen: unknown[] = [];
    const pool = new Pool(2);
    for (const times of [2, 3]) await pool.spawn(stubborn(seen, times));
    await turns();
    await pool.kill(new Stop(), PERSISTENT);
    return seen;
  },
};

for (const [name, kill] of Object.entries(MANY)) {
  virtualTest(`${name} that is persistent leaves nobody waiting`, async () => {
    using reports = collectReports();
    const seen = await kill();
    assertEquals([seen.length, now(), reports.list], [5, 0, []]);
    assert(seen.every((error) => error instanceof Stop));
  });
}
