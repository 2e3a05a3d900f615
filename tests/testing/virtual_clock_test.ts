import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { nextTurn } from "../../core/clock.ts";
import { GreenletExit, LoopExit } from "../../core/errors.ts";
import { hub } from "../../core/scheduler.ts";
import { idle, sleep } from "../../core/sleep.ts";
import { getCurrent, spawn, spawnLater } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { until } from "../../core/until.ts";
import { Event } from "../../sync/event.ts";
import { Queue } from "../../sync/queue.ts";
import { runVirtual } from "../../testing/virtual_clock.ts";
import { collectReports } from "../helpers/reports.ts";
import { atEachSpeed } from "../helpers/speed.ts";
import { now } from "../helpers/virtual_test.ts";

Deno.test("runVirtual() gives what the function returns", async () => {
  assertEquals(await runVirtual(() => "sync"), "sync");
  assertEquals(await runVirtual(() => sleep(5).then(() => "async")), "async");
});

Deno.test("runVirtual() throws the very error that the function throws, and does not report it", async () => {
  using reports = collectReports();
  const error = new Error("broken");
  assertStrictEquals(await assertRejects(() => runVirtual(() => Promise.reject(error))), error);
  assertEquals(reports.list, []);
});

Deno.test("runVirtual() reports the errors of other greenlets", async () => {
  using reports = collectReports();
  const error = new Error("broken");
  await runVirtual(async () => {
    spawn(() => Promise.reject(error));
    await sleep(1);
  });
  assertEquals(reports.list.map((report) => report.error), [error]);
});

Deno.test("runVirtual() lets time jump to the next deadline when all are parked", async () => {
  const ends: number[] = [];
  await runVirtual(async () => {
    assertEquals(now(), 0);
    for (const ms of [1e9, 0.5, 86_400_000]) spawn(() => sleep(ms)).rawlink(() => ends.push(now()));
    await sleep(2e9);
    assertEquals(now(), 2e9);
  });
  assertEquals(ends, [0.5, 86_400_000, 1e9]);
});

Deno.test("runVirtual() runs in a greenlet of its own", async () => {
  const greenlet = await runVirtual(() => getCurrent());
  assertEquals([greenlet.name, greenlet.dead], ["runVirtual", true]);
});

Deno.test("runVirtual() puts the real clock and its timers back", async () => {
  const { clock } = hub;
  const order: string[] = [];
  const real = spawn(async () => {
    await sleep(5);
    order.push("real");
  });
  await sleep(); // it has begun to sleep
  await runVirtual(async () => {
    await sleep(1000);
    order.push("virtual");
  });
  assertStrictEquals(hub.clock, clock);
  await real.join();
  assertEquals(order, ["virtual", "real"]);
});

Deno.test("runVirtual() puts the real clock back when the function fails", async () => {
  const { clock, onError } = hub;
  await assertRejects(() => runVirtual(() => Promise.reject(new Error("x"))));
  assertStrictEquals(hub.clock, clock);
  assertStrictEquals(hub.onError, onError);
});

Deno.test("runVirtual() refuses to run within itself, and what cannot be called", async () => {
  await runVirtual(async () => {
    await assertRejects(() => runVirtual(() => {}), TypeError, "running already");
  });
  await assertRejects(() => runVirtual(5 as never), TypeError, "must be a function");
});

Deno.test("runVirtual() raises a LoopExit that says who waits for what when nobody can go on", async () => {
  const error = await assertRejects(
    () =>
      runVirtual(async () => {
        spawn(() => new Queue().get()).name = "worker";
        await new Event().wait();
      }),
    LoopExit,
  );
  assertEquals(error.blocked, [
    '<Greenlet "runVirtual"> waits for Event.wait',
    '<Greenlet "worker"> waits for Queue.get',
  ]);
});

Deno.test("runVirtual() raises LoopExit each time when the function catches it", async () => {
  const caught = await runVirtual(async () => {
    let caught = 0;
    for (let i = 0; i < 3; i++) {
      await new Event().wait().catch((error) => {
        if (error instanceof LoopExit) caught++;
      });
      await sleep(1);
    }
    return caught;
  });
  assertEquals(caught, 3);
});

Deno.test("runVirtual() ends greenlets that are left, and gives their finally blocks virtual time", async () => {
  const ended: [string, number][] = [];
  await runVirtual(async () => {
    spawn(async () => {
      try {
        await sleep(1000);
      } finally {
        await sleep(50);
        ended.push(["parked", now()]);
        spawn(async () => {
          try {
            await sleep(1000);
          } finally {
            ended.push(["spawned meanwhile", now()]);
          }
        });
      }
    });
    spawnLater(500, () => ended.push(["started later", now()]));
    await sleep(1);
  });
  assertEquals(ended[0], ["parked", 51]);
  assert(ended.every(([name]) => name !== "started later"));
  assertEquals(hub.live.size, 0);
});

Deno.test("runVirtual() raises a LoopExit when a greenlet that is left refuses to die", async () => {
  using _ = collectReports();
  const event = new Event();
  await assertRejects(
    () =>
      runVirtual(async () => {
        spawn(async () => {
          for (let i = 0; i < 2; i++) await event.wait().catch(() => {});
        }).name = "stubborn";
        await sleep(1);
      }),
    LoopExit,
    '<Greenlet "stubborn"> waits for Event.wait',
  );
  event.set();
  await sleep();
  assertEquals(hub.live.size, 0);
});

Deno.test("runVirtual() leaves greenlets from before alone", async () => {
  const event = new Event();
  const before = spawn(() => event.wait());
  await sleep();
  await runVirtual(() => sleep(10));
  assertEquals(before.dead, false);
  event.set();
  assertEquals(await before.get(), true);
});

Deno.test("runVirtual() lets no time pass while somebody is ready, however long that takes", async () => {
  await runVirtual(async () => {
    spawn(sleep, 1000);
    // Wakes the hub after it has gone to sleep, and begun to think of jumping.
    await until((async () => {
      for (let i = 0; i < 100; i++) await undefined;
    })());
    const end = performance.now() + 20;
    while (performance.now() < end) await sleep();
    assertEquals(now(), 0);
    const queue = new Queue<number>();
    const later = performance.now() + 20;
    while (performance.now() < later) {
      await queue.put(1);
      await queue.get();
    }
    assertEquals(now(), 0);
    await idle();
    assertEquals(now(), 0);
  });
});

Deno.test("runVirtual() gives promises from elsewhere a turn before it jumps", async () => {
  await runVirtual(async () => {
    spawn(sleep, 1000);
    const chain = (async () => {
      for (let i = 0; i < 1000; i++) await undefined;
    })();
    await until(chain);
    assertEquals(now(), 0);
    await until(nextTurn());
  });
});

Deno.test("runVirtual() runs everything in the same order each time", async () => {
  const run = (): Promise<string[]> =>
    runVirtual(async () => {
      const order: string[] = [];
      const queue = new Queue<number>({ maxsize: 3 });
      for (const name of ["a", "b", "c"]) {
        spawn(async () => {
          for (let i = 0; i < 300; i++) {
            const n = await withTimeout(5, () => queue.get(), { timeoutValue: -1 });
            order.push(`${name}${n}`);
            if (n % 7 === 0) await sleep(n % 3);
          }
        });
      }
      for (let i = 0; i < 800; i++) await queue.put(i);
      await sleep(100);
      return order;
    });
  const first = await run();
  for (let i = 0; i < 5; i++) assertEquals(await run(), first);
});

Deno.test("runVirtual() runs everything in the same order however fast the machine is", async () => {
  // Timers that are due at once meet a run queue that is never empty, blocking calls that need not wait give way now and
  // then, and promises from elsewhere come to their end when the event loop turns.
  const run = (): Promise<string[]> =>
    runVirtual(async () => {
      const order: string[] = [];
      let steps = 0;
      let over = false;
      const busy = [1, 2].map(() =>
        spawn(async () => {
          while (!over && steps < 1e6) {
            steps++;
            await sleep();
          }
        })
      );
      const queue = new Queue<number>();
      const greedy = spawn(async () => {
        for (let i = 0; i < 2000; i++) {
          await queue.put(i);
          await queue.get();
        }
        order.push(`greedy after ${steps}`);
      });
      const foreign = spawn(async () => {
        await until((async () => {
          for (let i = 0; i < 100_000; i++) await undefined;
        })());
        order.push(`foreign after ${steps}`);
      });
      for (let i = 0; i < 3; i++) {
        await withTimeout(0, () => new Event().wait(), { timeoutValue: false });
        order.push(`timer after ${steps}`);
      }
      await greedy.join();
      await foreign.join();
      over = true;
      for (const greenlet of busy) await greenlet.join();
      return order;
    });
  const orders = await atEachSpeed(run);
  assertEquals(orders[0]!.length, 5);
  for (const order of orders) assertEquals(order, orders[0]);
});

Deno.test("runVirtual() runs in the same order whatever is in the run queue before", async () => {
  const stepsUntilTimer = (): Promise<number> =>
    runVirtual(async () => {
      let fired = false;
      let steps = 0;
      spawnLater(0, () => fired = true);
      for (; !fired && steps < 1e6; steps++) await sleep();
      return steps;
    });
  const first = await stepsUntilTimer();
  for (let i = 0; i < 1000; i++) hub.enqueueCallback(() => {});
  assertEquals(await stepsUntilTimer(), first);
});

Deno.test("runVirtual() goes on to its end when the function takes back all links", async () => {
  assertEquals(
    await runVirtual(async () => {
      getCurrent().unlinkAll();
      await sleep(5);
      return now();
    }),
    5,
  );
});

Deno.test("runVirtual() kills nobody when the function dies of GreenletExit or a Timeout", async () => {
  const exit = new GreenletExit();
  assertStrictEquals(
    await runVirtual(() => {
      throw exit;
    }) as unknown,
    exit,
  );
  const timeout = new Timeout(5);
  const error = await assertRejects(() =>
    runVirtual(async () => {
      timeout.start();
      await sleep(10);
    })
  );
  assertStrictEquals(error, timeout);
});
