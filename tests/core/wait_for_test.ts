import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Greenlet } from "../../core/greenlet.ts";
import { joinAll } from "../../core/join.ts";
import type { Linkable } from "../../core/links.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { iwait, wait } from "../../core/wait_for.ts";
import { AsyncResult } from "../../sync/async_result.ts";
import { Event } from "../../sync/event.ts";
import { Semaphore } from "../../sync/semaphore.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

/** Notes how many links it has. */
class Counted implements Linkable {
  readonly links: unknown[] = [];

  rawlink(callback: unknown): void {
    this.links.push(callback);
  }

  unlink(callback: unknown): void {
    const at = this.links.indexOf(callback);
    if (at !== -1) this.links.splice(at, 1);
  }

  makeReady(): void {
    for (const call of this.links.splice(0) as ((source: Counted) => void)[]) call(this);
  }
}

virtualTest(
  "iwait() gives objects as they become ready, those that are already first",
  async () => {
    const slow = spawn(sleep, 20);
    const quick = spawn(sleep, 10);
    const ready = new Event();
    ready.set();
    const order: unknown[] = [];
    for await (const object of iwait<Linkable>([slow, quick, ready])) order.push([object, now()]);
    assertEquals(order, [[ready, 0], [quick, 10], [slow, 20]]);
  },
);

virtualTest("iwait() loses nothing when its consumer waits between the objects", async () => {
  const greenlets = [1, 2, 3, 4].map((ms) => spawn(sleep, ms));
  const order: unknown[] = [];
  for await (const greenlet of iwait(greenlets)) {
    order.push(greenlet);
    await sleep(10);
  }
  assertEquals(order, greenlets);
});

virtualTest("iwait() gives an object as often as it was given", async () => {
  const event = new Event();
  spawn(() => event.set());
  const seen: unknown[] = [];
  for await (const object of iwait([event, event])) seen.push(object);
  assertEquals(seen, [event, event]);
});

virtualTest("iwait() ends quietly when its timeout has passed in all", async () => {
  for (const timeout of [25, new Timeout(25)]) {
    const greenlets = [10, 20, 30, 40].map((ms) => spawn(sleep, ms));
    const begun = now();
    let seen = 0;
    for await (const _ of iwait(greenlets, { timeout })) seen++;
    assertEquals([seen, now() - begun], [2, 25]);
    await joinAll(greenlets);
  }
});

virtualTest("iwait() takes its links back when left early, interrupted or timed out", async () => {
  const leave: ((objects: Counted[]) => unknown)[] = [
    async (objects) => {
      for await (const _ of iwait(objects)) break;
    },
    async (objects) => {
      for await (const _ of iwait(objects, { count: 1 })) continue;
    },
    async (objects) => {
      await assertRejects(async () => {
        for await (const _ of iwait(objects)) throw new Error("broken loop");
      });
    },
  ];
  for (const way of leave) {
    const objects = [new Counted(), new Counted()];
    const greenlet = spawn(() => way(objects));
    await turns();
    assertEquals(objects.map((object) => object.links.length), [1, 1]);
    objects[0]!.makeReady();
    await greenlet.get();
    assertEquals(objects.map((object) => object.links.length), [0, 0]);
  }
  const objects = [new Counted(), new Counted()];
  const killed = spawn(() => wait(objects));
  await turns();
  await killed.kill();
  await wait(objects, { timeout: 5 });
  assertEquals(objects.map((object) => object.links.length), [0, 0]);
});

virtualTest("iwait() raises a kill even when the next object is ready", async () => {
  const objects = [new Counted(), new Counted()];
  const seen: unknown[] = [];
  const greenlet = spawn(async () => {
    for await (const object of iwait(objects)) {
      seen.push(object);
      greenlet.throw();
    }
  });
  await turns();
  for (const object of objects) object.makeReady();
  await greenlet.join();
  assertEquals(seen, [objects[0]]);
});

virtualTest("wait() gives the objects in the order in which they become ready", async () => {
  const result = new AsyncResult<number>();
  const event = new Event();
  const semaphore = new Semaphore(0);
  spawn(async () => {
    await sleep(1);
    semaphore.release();
    await sleep(1);
    event.set();
    await sleep(1);
    result.setException(new Error("counts as ready"));
  });
  assertEquals(await wait<Linkable>([result, event, semaphore]), [semaphore, event, result]);
});

virtualTest("wait() stops when as many are ready as it was asked for", async () => {
  const greenlets = [10, 20, 30].map((ms) => spawn(sleep, ms));
  assertEquals(await wait(greenlets, { count: 2 }), greenlets.slice(0, 2));
  assertEquals(now(), 20);
  assertEquals(await wait(greenlets, { count: 0 }), []);
  assertEquals(await wait([]), []);
  await joinAll(greenlets);
});

virtualTest("wait() gives an event or semaphore again and again while it is ready", async () => {
  const event = new Event();
  event.set();
  const semaphore = new Semaphore(1);
  for (let i = 0; i < 3; i++) {
    assertEquals(await wait([event], { timeout: 1 }), [event]);
    assertEquals(await wait([semaphore], { timeout: 1 }), [semaphore]);
  }
  assertEquals(now(), 0);
});

virtualTest("wait() refuses what cannot be linked", async () => {
  for (const nonsense of [undefined, null, 5, {}, Promise.resolve()]) {
    await assertRejects(() => wait([nonsense as never]), TypeError, "no 'rawlink' and 'unlink'");
  }
});

virtualTest("wait() without objects waits until no other greenlet is left alive", async () => {
  const ends: number[] = [];
  spawn(async () => {
    await sleep(10);
    spawn(() => sleep(20)).rawlink(() => ends.push(now()));
  });
  assertEquals(await wait(), true);
  assertEquals([ends, now()], [[30], 30]);
  assertEquals(await wait(), true);
});

virtualTest("wait() without objects says so when its timeout comes first", async () => {
  const greenlets: Greenlet<unknown>[] = [];
  const chain = async (): Promise<void> => {
    await sleep(10);
    if (greenlets.length < 9) greenlets.push(spawn(chain));
  };
  spawn(chain);
  for (const timeout of [25, new Timeout(25)]) {
    const begun = now();
    assertEquals(await wait(undefined, { timeout }), false);
    assertEquals(now() - begun, 25);
  }
  assertEquals(await wait(undefined, { timeout: 0 }), false);
  using foreign = Timeout.start(5);
  await assertRejects(() => wait(), Timeout, "5 ms");
  assert(!foreign.pending);
  assertEquals(await wait(), true);
});
