import { assert, assertEquals, assertRejects } from "@std/assert";
import { joinAll } from "../../core/join.ts";
import { hub } from "../../core/scheduler.ts";
import { idle, sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

virtualTest(
  "sleep() ends at its time, and in the order of the times when there are several",
  async () => {
    const order: number[] = [];
    await joinAll([30, 10, 20].map((ms) =>
      spawn(async () => {
        await sleep(ms);
        order.push(ms, now());
      })
    ));
    assertEquals(order, [10, 10, 20, 20, 30, 30]);
  },
);

virtualTest(
  "sleep() goes to the end of the run queue when it has no time, or one that is over",
  async () => {
    for (const ms of [undefined, 0, -1, -Infinity]) {
      const order: string[] = [];
      const other = spawn(async () => {
        order.push("other");
        await sleep();
        order.push("other again");
      });
      await sleep(ms);
      order.push("back");
      await other.join();
      assertEquals([order, now()], [["other", "back", "other again"], 0]);
    }
  },
);

virtualTest("sleep() waits for ever when its time is Infinity", async () => {
  const sleeper = spawn(sleep, Infinity);
  await sleep(1e12);
  assertEquals([sleeper.ready, hub.timers.size], [false, 0]);
  await sleeper.kill();
});

virtualTest("sleep() is not shortened by the time that was spent computing", async () => {
  await sleep(10);
  const begun = now();
  await sleep(10);
  assertEquals(now() - begun, 10);
});

virtualTest("sleep() refuses what is not a number", async () => {
  for (const ms of [NaN, "5", null, {}]) {
    await assertRejects(() => sleep(ms as number), TypeError, `received ${Deno.inspect(ms)}`);
  }
});

virtualTest("sleep() raises the reason when its signal is aborted while it gives way", async () => {
  const error = await assertRejects(
    () => sleep(0, { signal: AbortSignal.abort(new Error("stop")) }),
    Error,
    "stop",
  );
  assert(!(error instanceof Timeout));
});

virtualTest(
  "sleep(0) is not broken by a Timeout of 0 when nothing else is to be waited for",
  async () => {
    using timeout = Timeout.start(0);
    await sleep();
    assert(timeout.pending);
    await assertRejects(() => sleep(1), Timeout, "0 ms");
  },
);

virtualTest("idle() goes on when everybody else is parked or has ended", async () => {
  const order: string[] = [];
  spawn(async () => {
    for (let i = 0; i < 300; i++) await sleep();
    order.push("busy");
  });
  const sleeper = spawn(async () => {
    await sleep(1);
    order.push("slept");
  });
  await idle();
  order.push("idle");
  await sleeper.join();
  assertEquals(order, ["busy", "idle", "slept"]);
});

virtualTest("idle() lets all go on together when several wait for it", async () => {
  const order: string[] = [];
  await joinAll(["A", "B"].map((name) =>
    spawn(async () => {
      await idle();
      order.push(name);
    })
  ));
  assertEquals(order, ["A", "B"]);
});

virtualTest("idle() waits again when I/O made somebody ready in the meantime", async () => {
  const order: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const other = spawn(async () => {
    await promise;
    await sleep();
    order.push("other");
  });
  await turns();
  const idler = spawn(async () => {
    await idle();
    order.push("idle");
  });
  await sleep();
  hub.idlers.add({
    resume(): boolean {
      return true;
    },
  });
  resolve();
  await joinAll([other, idler]);
  assertEquals(order, ["other", "idle"]);
});

Deno.test({
  name: "idle() gives up when its timeout comes while others are busy",
  timeout: 30_000,
  async fn() {
    let over = false;
    const busy = spawn(async () => {
      while (!over) await sleep();
    });
    const idler = spawn(async () => {
      await assertRejects(() => idle({ timeout: 5 }), Timeout);
      await assertRejects(() => withTimeout(5, () => idle()), Timeout);
    });
    await idler.get();
    assertEquals(hub.idlers.size, 0);
    over = true;
    await busy.join();
  },
});

Deno.test("sleep() takes its whole time when the greenlet has computed for long before", async () => {
  await spawn(async () => {
    await sleep(1);
    const computed = performance.now() + 20;
    while (performance.now() < computed);
    const begun = performance.now();
    await sleep(10);
    // A runtime timer of whole milliseconds may be a fraction early.
    assert(performance.now() - begun >= 9);
  }).get();
});
