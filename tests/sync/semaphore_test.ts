import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { LoopExit } from "../../core/errors.ts";
import { joinAll } from "../../core/join.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { wait } from "../../core/wait_for.ts";
import { Lock } from "../../sync/lock.ts";
import { BoundedSemaphore, DummySemaphore, Semaphore } from "../../sync/semaphore.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

Deno.test("Semaphore refuses what is no count of permits", () => {
  for (const value of [-1, 1.5, NaN, Infinity, "1"]) {
    for (const Class of [Semaphore, BoundedSemaphore]) {
      assertThrows(() => new Class(value as number), RangeError, `received ${Deno.inspect(value)}`);
    }
  }
});

virtualTest("Semaphore.acquire() takes a permit as long as there is one", async () => {
  const semaphore = new Semaphore(2);
  assertEquals([semaphore.counter, semaphore.locked, semaphore.ready], [2, false, true]);
  assertEquals([await semaphore.acquire(), await semaphore.acquire()], [true, true]);
  assertEquals([semaphore.counter, semaphore.locked, semaphore.ready], [0, true, false]);
  assertEquals(await semaphore.acquire({ blocking: false }), false);
  assertEquals(await semaphore.acquire({ timeout: 5 }), false);
  assertEquals([semaphore.release(), semaphore.release(), semaphore.release()], [1, 2, 3]);
});

virtualTest(
  "Semaphore.release() gives its permit to who has waited longest, and to nobody else",
  async () => {
    const semaphore = new Semaphore(0);
    const order: string[] = [];
    const acquire = (name: string) =>
      spawn(async () => {
        await semaphore.acquire();
        order.push(name);
      });
    const waiting = ["a", "b", "c"].map(acquire);
    await turns();
    assertEquals([semaphore.release(), semaphore.counter], [0, 0]);
    // The permit is promised to the first, who has not run yet.
    assertEquals(await semaphore.acquire({ blocking: false }), false);
    await turns();
    assertEquals(order, ["a"]);
    semaphore.release();
    semaphore.release();
    await turns();
    assertEquals([order, semaphore.counter], [["a", "b", "c"], 0]);
    await joinAll(waiting);
  },
);

virtualTest(
  "Semaphore does not starve a third greenlet when two others hand it to each other",
  async () => {
    const semaphore = new Semaphore(1);
    const turnsTaken = { first: 0, second: 0, third: 0 };
    const take = (name: keyof typeof turnsTaken) => async () => {
      for (let i = 0; i < 20; i++) {
        await semaphore.acquire();
        turnsTaken[name]++;
        const { first, second, third } = turnsTaken;
        assert(Math.max(first, second, third) - Math.min(first, second, third) <= 1);
        await sleep();
        semaphore.release();
      }
    };
    const takers = [spawn(take("first")), spawn(take("second")), spawn(take("third"))];
    await joinAll(takers, { raiseError: true });
  },
);

virtualTest("Semaphore.release() wakes exactly as many as there are permits", async () => {
  const semaphore = new Semaphore(0);
  const acquirers = Array.from({ length: 5 }, () => spawn(() => semaphore.acquire()));
  await turns();
  for (let i = 0; i < 3; i++) semaphore.release();
  await turns();
  assertEquals(acquirers.map((acquirer) => acquirer.ready), [true, true, true, false, false]);
  for (let i = 0; i < 3; i++) semaphore.release();
  await joinAll(acquirers);
  assertEquals(semaphore.counter, 1);
});

virtualTest("Semaphore.release() may be called in the hub", async () => {
  const semaphore = new Semaphore(0);
  hub.addTimer(5, { fire: () => void semaphore.release() });
  assertEquals([await semaphore.acquire(), now()], [true, 5]);
});

virtualTest("Semaphore.hold() gives the permit back once, at the end of the block", async () => {
  const semaphore = new Semaphore(1);
  {
    using held = await semaphore.hold();
    assertEquals(semaphore.counter, 0);
    held[Symbol.dispose]();
    assertEquals(semaphore.counter, 1);
  }
  assertEquals(semaphore.counter, 1);
  await assertRejects(async () => {
    using _ = await semaphore.hold();
    throw new Error("in the block");
  });
  assertEquals(semaphore.counter, 1);
});

virtualTest(
  "Semaphore.hold() gives the permit back when its greenlet is killed in the block",
  async () => {
    const semaphore = new Semaphore(1);
    const holder = spawn(async () => {
      using _ = await semaphore.hold();
      await sleep(1000);
    });
    const next = spawn(async () => {
      using _ = await semaphore.hold();
      return now();
    });
    await turns();
    await holder.kill();
    assertEquals([await next.get(), semaphore.counter], [0, 1]);
    await semaphore.acquire();
    await assertRejects(() => semaphore.hold({ timeout: 5 }), Timeout, "5 ms");
  },
);

virtualTest(
  "Semaphore.hold() gives the permit back when killed right after the wake-up",
  async () => {
    const semaphore = new Semaphore(0);
    const holder = spawn(async () => {
      using _ = await semaphore.hold();
      await sleep(1000);
    });
    await turns();
    semaphore.release();
    holder.throw();
    await holder.join();
    assertEquals(semaphore.counter, 1);
  },
);

virtualTest("Semaphore.wait() tells how many permits there are, and takes none", async () => {
  const semaphore = new Semaphore(2);
  assertEquals([await semaphore.wait(), semaphore.counter], [2, 2]);
  const empty = new Semaphore(0);
  const watcher = spawn(() => empty.wait());
  const acquirer = spawn(() => empty.acquire());
  await turns();
  empty.release();
  await turns();
  assertEquals([acquirer.ready, watcher.ready], [true, false]);
  empty.release();
  assertEquals([await watcher.get(), empty.counter], [1, 1]);
});

virtualTest("Semaphore.rawlink() calls once there is a permit that nobody waits for", async () => {
  const semaphore = new Semaphore(0);
  let calls = 0;
  const call = (): void => void calls++;
  semaphore.unlink(call);
  semaphore.rawlink(call);
  const acquirer = spawn(() => semaphore.acquire());
  await turns();
  semaphore.release();
  await turns();
  assertEquals([acquirer.ready, calls], [true, 0]);
  semaphore.release();
  await turns();
  assertEquals(calls, 1);
  semaphore.rawlink(call);
  await turns();
  assertEquals(calls, 2);
  semaphore.rawlink(call);
  semaphore.unlink(call);
  await turns();
  assertEquals(calls, 2);
  assertThrows(() => semaphore.rawlink(1 as never), TypeError, "must be a function");
  assertEquals(await wait([semaphore]), [semaphore]);
});

virtualTest("BoundedSemaphore.release() refuses more permits than there were", async () => {
  const semaphore = new BoundedSemaphore(2);
  assertThrows(() => semaphore.release(), RangeError, "released too many times");
  await semaphore.acquire();
  assertEquals(semaphore.release(), 2);
  assertThrows(() => semaphore.release(), RangeError);
  assertEquals(semaphore.counter, 2);
});

virtualTest("BoundedSemaphore.release() hands over when somebody waits", async () => {
  const semaphore = new BoundedSemaphore(1);
  await semaphore.acquire();
  const acquirer = spawn(() => semaphore.acquire());
  await turns();
  assertEquals(semaphore.release(), 0);
  await acquirer.join();
  assertEquals(semaphore.release(), 1);
  assertThrows(() => semaphore.release(), RangeError);
});

virtualTest("Lock is held by one at a time, and not twice by the same", async () => {
  const lock = new Lock();
  const order: string[] = [];
  const enter = (name: string) =>
    spawn(async () => {
      using _ = await lock.hold();
      order.push(`${name} in`);
      await sleep(5);
      order.push(`${name} out`);
    });
  await joinAll([enter("a"), enter("b")]);
  assertEquals(order, ["a in", "a out", "b in", "b out"]);
  await lock.acquire();
  assertEquals([await lock.acquire({ timeout: 5 }), lock.locked], [false, true]);
  const error = await lock.acquire().catch((error) => error);
  assert(error instanceof LoopExit);
});

virtualTest("Semaphore and Lock say how they stand", async () => {
  const semaphore = new Semaphore(2);
  assertEquals(String(semaphore), "<Semaphore counter=2 waiting=0>");
  const lock = new Lock();
  await lock.acquire();
  const waiter = spawn(() => lock.acquire());
  await turns();
  assertEquals([String(lock), lock.waiting], ["<Lock counter=0 waiting=1>", 1]);
  await waiter.kill();
});

virtualTest("DummySemaphore never runs out", async () => {
  const semaphore = new DummySemaphore();
  for (let i = 0; i < 5; i++) assertEquals(await semaphore.acquire({ blocking: false }), true);
  {
    using _ = await semaphore.hold();
    assertEquals([semaphore.locked, semaphore.ready], [false, true]);
  }
  assertEquals([semaphore.release(), semaphore.release(), await semaphore.wait()], [1, 1, 1]);
  await assertRejects(
    () => semaphore.acquire({ signal: AbortSignal.abort(new Error("no")) }),
    Error,
    "no",
  );
});
