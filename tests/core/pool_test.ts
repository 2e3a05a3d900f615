import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { PoolFull } from "../../core/errors.ts";
import { Greenlet } from "../../core/greenlet.ts";
import { joinAll } from "../../core/join.ts";
import { Pool } from "../../core/pool.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { Event } from "../../sync/event.ts";
import { collectReports, collectStderr } from "../helpers/reports.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

Deno.test("Pool refuses a size that is no count", () => {
  for (const size of [-1, 1.5, NaN, "2"]) {
    assertThrows(() => new Pool(size as number), RangeError, `received ${Deno.inspect(size)}`);
  }
});

virtualTest(
  "Pool runs no more greenlets at once than its size, in the order of arrival",
  async () => {
    const pool = new Pool(2);
    let atOnce = 0;
    let most = 0;
    const order: number[] = [];
    const work = async (n: number): Promise<void> => {
      order.push(n);
      most = Math.max(most, ++atOnce);
      await sleep(10);
      atOnce--;
    };
    for (let n = 0; n < 5; n++) await pool.spawn(work, n);
    assertEquals([now(), pool.size, pool.freeCount], [20, 1, 1]);
    await pool.join();
    assertEquals([most, order, now()], [2, [0, 1, 2, 3, 4], 30]);
  },
);

virtualTest("Pool tells how many slots are free", async () => {
  const pool = new Pool(2);
  assertEquals([pool.full, pool.freeCount, pool.limit], [false, 2, 2]);
  const greenlet = await pool.spawn(sleep, 5);
  await pool.spawn(sleep, 5);
  assertEquals([pool.full, pool.freeCount], [true, 0]);
  pool.discard(greenlet);
  pool.discard(greenlet);
  pool.discard(new Greenlet());
  assertEquals([pool.full, pool.freeCount, pool.size], [false, 1, 1]);
  await sleep(10);
  assertEquals([pool.full, pool.freeCount], [false, 2]);
});

virtualTest("Pool without a size is never full", async () => {
  for (const size of [undefined, null, Infinity]) {
    const pool = new Pool(size);
    for (let i = 0; i < 100; i++) await pool.spawn(sleep, 1);
    assertEquals([pool.full, pool.freeCount, pool.size], [false, Infinity, 100]);
    assertEquals(await pool.waitAvailable(), Infinity);
    await pool.join();
  }
});

virtualTest("Pool of size 0 never runs anything", async () => {
  const pool = new Pool(0);
  const spawner = spawn(() => pool.spawn(() => {}));
  assertEquals(await pool.waitAvailable({ timeout: 10 }), 0);
  assertEquals([spawner.ready, pool.full, pool.freeCount], [false, true, 0]);
  await spawner.kill();
});

virtualTest("Pool.add() throws PoolFull at once when told not to block", async () => {
  const pool = new Pool(1);
  await pool.spawn(sleep, 5);
  const greenlet = new Greenlet();
  await assertRejects(() => pool.add(greenlet, { block: false }), PoolFull);
  await assertRejects(() => pool.start(greenlet, { block: false }), PoolFull);
  assertEquals([now(), pool.has(greenlet), greenlet.started], [0, false, false]);
  await pool.join();
  await pool.add(greenlet, { block: false });
  assert(pool.full);
});

virtualTest(
  "Pool.add() takes no slot when the greenlet is a member, even of a full pool",
  async () => {
    const pool = new Pool(1);
    const member = await pool.spawn(sleep, 5);
    await pool.add(member);
    await pool.add(member, { block: false });
    await pool.join();
    assertEquals(pool.freeCount, 1);
  },
);

virtualTest("Pool.add() refuses at once what is not a greenlet, even when full", async () => {
  const pool = new Pool(1);
  await pool.spawn(sleep, 5);
  await assertRejects(() => pool.add("x" as never), TypeError, "must be a Greenlet");
  assertEquals(now(), 0);
  await pool.join();
  await assertRejects(() => pool.add("x" as never), TypeError, "must be a Greenlet");
  assertEquals(pool.freeCount, 1);
});

virtualTest(
  "Pool.add() hands its slot on when the greenlet has become a member in the meantime",
  async () => {
    const pool = new Pool(2);
    await pool.spawn(sleep, 10);
    await pool.spawn(sleep, 10);
    const twice = new Greenlet(sleep, 5);
    const next = new Greenlet(sleep, 5);
    const adders = [twice, twice, next].map((greenlet) => spawn(() => pool.add(greenlet)));
    await joinAll(adders);
    assertEquals([now(), pool.size, pool.freeCount], [10, 2, 0]);
    pool.discard(twice);
    pool.discard(next);
    assertEquals(pool.freeCount, 2);
  },
);

virtualTest(
  "Pool.add() gives the slot back when the greenlet has ended while it waited",
  async () => {
    const pool = new Pool(1);
    await pool.spawn(sleep, 5);
    const greenlet = new Greenlet();
    const adder = spawn(() => pool.add(greenlet));
    await turns();
    greenlet.throw();
    await adder.get();
    await turns();
    assertEquals([pool.size, pool.freeCount], [0, 1]);
  },
);

virtualTest("Pool.spawn() starts nothing when it is interrupted while it waits", async () => {
  const pool = new Pool(1);
  const event = new Event();
  await pool.spawn(() => event.wait());
  let ran = 0;
  const spawner = spawn(() => pool.spawn(() => void ran++));
  await turns();
  await spawner.kill();
  await assertRejects(() => withTimeout(5, () => pool.spawn(() => void ran++)), Timeout);
  event.set();
  await pool.join();
  assertEquals([ran, pool.freeCount], [0, 1]);
});

virtualTest(
  "Pool.spawn() starts the function when its caller is killed after the slot was given",
  async () => {
    const pool = new Pool(1);
    const event = new Event();
    const blocker = await pool.spawn(() => event.wait());
    let ran = 0;
    const spawner = spawn(async () => {
      await pool.spawn(() => void ran++);
      await sleep(100);
    });
    await turns();
    blocker.rawlink(() => spawner.throw());
    event.set();
    await spawner.join();
    await pool.join();
    assertEquals([ran, now(), pool.freeCount], [1, 0, 1]);
  },
);

virtualTest("Pool frees the slot of a greenlet however that ends", async () => {
  using _ = collectReports();
  const pool = new Pool(1);
  await pool.spawn(() => {
    throw new Error("failed at once");
  });
  await pool.spawn(() => sleep(1).then(() => Promise.reject(new Error("failed later"))));
  const killed = await pool.spawn(sleep, 1000);
  await turns();
  killed.throw();
  const neverRan = await pool.spawn(() => {});
  neverRan.throw();
  const unstarted = new Greenlet();
  await pool.add(unstarted);
  unstarted.throw();
  await pool.join();
  assertEquals([pool.freeCount, pool.size], [1, 0]);
});

virtualTest("Pool frees the slot when even printing the error fails", async () => {
  using stderr = collectStderr();
  const pool = new Pool(1);
  const error = new Error("broken");
  Object.defineProperty(error, "stack", {
    get(): never {
      throw new Error("not even a stack");
    },
  });
  await pool.spawn(() => Promise.reject(error));
  await pool.spawn(() => {});
  await pool.join();
  assertEquals(pool.freeCount, 1);
  assertEquals(stderr.list.length, 1, "The failure to print was not printed");
});

virtualTest("Pool.apply() cannot block itself when a member of a full pool calls it", async () => {
  const pool = new Pool(1);
  assertEquals(await pool.apply(() => pool.apply(() => "inner")), "inner");
});

virtualTest(
  "Pool.apply() leaves the call running when its caller is killed after it began",
  async () => {
    const pool = new Pool(1);
    let finished = 0;
    const caller = spawn(() => pool.apply(() => sleep(10).then(() => finished++)));
    await turns();
    await caller.kill();
    await pool.join();
    assertEquals([finished, now(), pool.freeCount], [1, 10, 1]);
  },
);

virtualTest(
  "Pool.applyAsync() never blocks, and runs the function once there is a slot",
  async () => {
    const pool = new Pool(1);
    await pool.spawn(sleep, 10);
    const results = [1, 2].map((n) => pool.applyAsync((n) => sleep(10).then(() => n * 2), n));
    assertEquals([now(), pool.size], [0, 1]);
    assertEquals([await results[0]!.get(), await results[1]!.get()], [2, 4]);
    assertEquals(now(), 30);
  },
);

virtualTest("Pool.tryStart() says so when there is no slot", async () => {
  const pool = new Pool(1);
  const [first, second] = [new Greenlet(sleep, 5), new Greenlet(sleep, 5)];
  assertEquals([pool.tryStart(first), pool.tryStart(second)], [true, false]);
  assertEquals([pool.has(second), second.started], [false, false]);
  await pool.join();
  assertEquals([pool.tryStart(second), pool.freeCount], [true, 0]);
  await pool.join();
});

virtualTest("Pool.waitAvailable() tells how many slots are free, and takes none", async () => {
  const pool = new Pool(2);
  assertEquals(await pool.waitAvailable(), 2);
  await pool.spawn(sleep, 5);
  await pool.spawn(sleep, 10);
  const watchers = [1, 2].map(() => spawn(() => pool.waitAvailable()));
  assertEquals(await joinAll(watchers), watchers);
  assertEquals([watchers.map((w) => w.value), now(), pool.freeCount], [[1, 1], 5, 1]);
  await pool.join();
});

virtualTest("Pool.waitAvailable() comes after those who want to join", async () => {
  const pool = new Pool(1);
  await pool.spawn(sleep, 5);
  const watcher = spawn(() => pool.waitAvailable());
  await turns();
  await pool.spawn(sleep, 5);
  assertEquals([await watcher.get(), now()], [1, 10]);
});

virtualTest(
  "Pool.map() never has more running than its size, and blocks nobody for good",
  async () => {
    const pool = new Pool(3);
    let atOnce = 0;
    let most = 0;
    const items = [...Array(20).keys()];
    const results = await pool.map(async (n) => {
      most = Math.max(most, ++atOnce);
      await sleep(n % 4);
      atOnce--;
      return n * n;
    }, items);
    assertEquals([results, most], [items.map((n) => n * n), 3]);
    assertEquals(pool.freeCount, 3);
  },
);
