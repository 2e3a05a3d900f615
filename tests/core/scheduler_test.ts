import { assert, assertEquals, assertThrows } from "@std/assert";
import { Greenlet } from "../../core/greenlet.ts";
import { joinAll } from "../../core/join.ts";
import { hub } from "../../core/scheduler.ts";
import { idle, sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { suspend } from "../../core/suspend.ts";
import { until } from "../../core/until.ts";
import { withTimeout } from "../../core/timeout.ts";
import { Event } from "../../sync/event.ts";
import { Queue } from "../../sync/queue.ts";
import { collectReports, collectUnhandled } from "../helpers/reports.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

virtualTest("Scheduler runs greenlets in turn when each gives way after each step", async () => {
  const order: string[] = [];
  const step = (name: string) => async () => {
    for (const n of [1, 2, 3]) {
      order.push(`${n}${name}`);
      await sleep();
    }
  };
  await joinAll([spawn(step("A")), spawn(step("B")), spawn(step("C"))]);
  assertEquals(order.join(" "), "1A 1B 1C 2A 2B 2C 3A 3B 3C");
});

virtualTest(
  "Scheduler keeps the order of the run queue when wake-ups, links and kills are mixed",
  async () => {
    const order: string[] = [];
    const event = new Event();
    const waiter = spawn(async () => {
      await event.wait();
      order.push("woken");
    });
    const victim = spawn(async () => {
      try {
        await sleep(1000);
      } finally {
        order.push("killed");
      }
    });
    await turns();
    spawn(() => void order.push("spawned first"));
    event.set();
    victim.throw();
    spawn(() => void order.push("spawned last"));
    await joinAll([waiter, victim]);
    assertEquals(order, ["spawned first", "woken", "killed", "spawned last"]);
  },
);

virtualTest("Scheduler lets nobody else run between calls that do not wait", async () => {
  const event = new Event();
  const queue = new Queue<number>();
  let others = 0;
  const woken = [spawn(() => event.wait()), spawn(() => queue.get())];
  await turns();
  for (const greenlet of woken) greenlet.rawlink(() => others++);
  spawn(() => others++);
  event.set();
  queue.putNowait(1);
  woken[0]!.throw();
  spawn(() => others++).throw();
  assertEquals(others, 0);
  await turns();
  assertEquals(others, 3);
});

virtualTest(
  "Scheduler lets a greenlet come to its next wait before the next one when it awaits in between",
  async () => {
    const order: string[] = [];
    const deep = async (levels: number): Promise<void> => {
      if (levels > 0) await deep(levels - 1);
      else await sleep();
    };
    const run = (name: string) => async () => {
      await deep(10);
      order.push(`${name} back`);
      for (let i = 0; i < 3; i++) await undefined;
      order.push(`${name} parks`);
      await sleep();
    };
    await joinAll([spawn(run("A")), spawn(run("B"))]);
    assertEquals(order, ["A back", "A parks", "B back", "B parks"]);
  },
);

virtualTest(
  "Scheduler lets a greenlet come to its next wait when it gave way without need, too",
  async () => {
    const order: string[] = [];
    const event = new Event();
    event.set();
    const late = (): void => {
      spawn(() => void order.push("late"));
    };
    const busy = spawn(async () => {
      for (let i = 1; i <= 256; i++) {
        if (i === 256) spawn(late); // runs while this one gives way, and starts another behind it
        await event.wait();
      }
      for (let i = 0; i < 3; i++) await undefined;
      order.push("busy parks");
      await sleep();
    });
    await busy.join();
    assertEquals(order, ["busy parks", "late"]);
  },
);

virtualTest(
  "Scheduler does not wait for a greenlet when that awaits a promise from elsewhere",
  async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stuck = spawn(async () => await promise);
    await turns();
    resolve();
    await stuck.join();
  },
);

virtualTest(
  "Scheduler fires timers that are due together in the order of their creation",
  async () => {
    const order: number[] = [];
    const sleepers = [5, 5, 1, 5].map((ms, i) =>
      spawn(async () => {
        await sleep(ms);
        order.push(i);
      })
    );
    await joinAll(sleepers);
    assertEquals(order, [2, 0, 1, 3]);
  },
);

virtualTest("Scheduler fires a Timeout before a sleep when both are due together", async () => {
  const sleeper = spawn(() => withTimeout(10, () => sleep(10), { timeoutValue: "timed out" }));
  const second = spawn(() =>
    withTimeout(null, async () => {
      await sleep(10);
      return "slept";
    })
  );
  assertEquals([await sleeper.get(), await second.get()], ["timed out", "slept"]);
});

virtualTest("Scheduler leaves timers started by a timer for the next round", async () => {
  const order: string[] = [];
  hub.addTimer(5, {
    fire(): void {
      order.push("first");
      hub.enqueueCallback(() => order.push("queued by the first"));
      hub.addTimer(0, { fire: () => order.push("started by the first") });
    },
  });
  hub.addTimer(5, { fire: () => order.push("second") });
  await sleep(10);
  assertEquals(order, [
    "first",
    "second",
    "queued by the first",
    "started by the first",
  ]);
});

virtualTest("Scheduler.runCallback() reports what a callback throws and goes on", async () => {
  using reports = collectReports();
  const error = new Error("broken callback");
  const broken = (): void => {
    throw error;
  };
  let ran = false;
  hub.enqueueCallback(broken);
  hub.enqueueCallback(() => ran = true);
  await turns();
  assertEquals(reports.list, [{ context: broken, error }]);
  assert(ran);
  assert(!hub.inCallback);
});

/** Ways to have an asynchronous function called by the hub, which nobody waits for. */
const CALLERS: Readonly<Record<string, (fn: () => Promise<void>) => unknown>> = {
  "a callback": (fn) => hub.enqueueCallback(fn),
  "a timer": (fn) => hub.addTimer(1, { fire: fn }),
  "a raw link": (fn) => spawn(() => {}).rawlink(fn),
  "a link of an event": (fn) => {
    const event = new Event();
    event.rawlink(fn);
    event.set();
  },
  "a spawn callback": (fn) => {
    Greenlet.addSpawnCallback(fn);
    spawn(() => {});
    Greenlet.removeSpawnCallback(fn);
  },
  "an undo function": (fn) => {
    const waiting = spawn(() => suspend(() => fn as () => void));
    waiting.start();
    return sleep().then(() => waiting.throw());
  },
  "the end hook of a greenlet": (fn) => {
    new class extends Greenlet {
      protected override ended(): Promise<void> {
        return fn();
      }
    }().start();
  },
  "the report of a greenlet": (fn) => {
    new class extends Greenlet {
      override run(): never {
        throw new Error();
      }
      protected override report(): Promise<void> {
        return fn();
      }
    }().start();
  },
};

for (const [what, call] of Object.entries(CALLERS)) {
  virtualTest(
    `Scheduler reports the error of an asynchronous function that is ${what}`,
    async () => {
      using reports = collectReports();
      using unhandled = collectUnhandled();
      const error = new Error("broken callback");
      await call(async () => {
        await Promise.resolve();
        throw error;
      });
      await sleep(5);
      await idle(); // lets the runtime look for unhandled rejections
      assertEquals([reports.list.map((report) => report.error), unhandled.list], [[error], []]);
    },
  );
}

virtualTest("Scheduler asks nothing of what a callback returns that is no promise", async () => {
  let asked = false;
  hub.enqueueCallback(() => ({
    then(): void {
      asked = true; // which would send a query, for example
    },
  }));
  await turns();
  assertEquals(asked, false);
});

virtualTest(
  "Scheduler reports a blocking call in a callback whose promise is dropped",
  async () => {
    using reports = collectReports();
    using unhandled = collectUnhandled();
    const event = new Event();
    hub.enqueueCallback(() => void event.wait());
    await turns();
    await idle(); // lets the runtime look for unhandled rejections
    assertEquals(reports.list.map(({ error }) => (error as Error).name), [
      "BlockingSwitchOutError",
    ]);
    assertEquals([unhandled.list, event.waiting], [[], 0]);
  },
);

virtualTest("Scheduler reports what a timer throws and fires the others", async () => {
  using reports = collectReports();
  const fired: number[] = [];
  hub.addTimer(1, {
    fire(): void {
      throw new Error("broken timer");
    },
  });
  hub.addTimer(1, { fire: () => fired.push(now()) });
  await sleep(5);
  assertEquals([reports.list.length, fired], [1, [1]]);
});

virtualTest("Scheduler.acquireId() lends the smallest number that is free", () => {
  const ids = [hub.acquireId(), hub.acquireId(), hub.acquireId()];
  hub.releaseId(ids[2]!);
  hub.releaseId(ids[0]!);
  assertEquals(hub.acquireId(), ids[0]);
  assertEquals(hub.acquireId(), ids[2]);
  for (const id of ids) hub.releaseId(id);
});

Deno.test("Scheduler.switchInterval refuses what is not positive", () => {
  for (const ms of [0, -1, NaN]) {
    assertThrows(() => hub.switchInterval = ms, RangeError, `received ${ms}`);
  }
  assertEquals(hub.switchInterval, 5);
  hub.switchInterval = 2;
  assertEquals(hub.switchInterval, 2);
  hub.switchInterval = 5;
});

Deno.test({
  name: "Scheduler lets timers in when greenlets give way without end",
  timeout: 30_000,
  async fn() {
    let storm = true;
    const busy = [1, 2, 3].map(() =>
      spawn(async () => {
        while (storm) await sleep();
      })
    );
    await sleep(1);
    await withTimeout(5, () => sleep(60_000), { timeoutValue: undefined });
    const native = Promise.withResolvers<void>();
    setTimeout(native.resolve, 1);
    await until(native.promise);
    storm = false;
    await joinAll(busy);
  },
});

Deno.test({
  name: "Scheduler breaks an endless loop of sleep(0) when its Timeout expires",
  timeout: 30_000,
  async fn() {
    const stormed = spawn(() =>
      withTimeout(10, async () => {
        for (;;) await sleep();
      }, { timeoutValue: "broken" })
    );
    assertEquals(await stormed.get(), "broken");
  },
});

Deno.test({
  name: "Scheduler lets I/O in when greenlets give way without end",
  timeout: 30_000,
  async fn() {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    let storm = true;
    const busy = spawn(async () => {
      while (storm) await sleep();
    });
    const accepting = listener.accept();
    using here = await until(Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }));
    using there = await until(accepting);
    const buffer = new Uint8Array(4);
    for (let i = 0; i < 20; i++) {
      const reading = until(there.read(buffer));
      await until(here.write(Uint8Array.of(i)));
      assertEquals([await reading, buffer[0]], [1, i]);
    }
    storm = false;
    await busy.join();
  },
});

Deno.test({
  name: "Scheduler lets timers and I/O in when blocking calls never need to wait",
  timeout: 30_000,
  async fn() {
    const queue = new Queue<number>();
    let over = false;
    const runaway = spawn(async () => {
      for (let i = 0; !over; i++) {
        await queue.put(i);
        await queue.get();
      }
    });
    const file = until(Deno.readTextFile(new URL(import.meta.url)));
    await sleep(5);
    assert((await file).length > 0);
    over = true;
    await runaway.join();
  },
});
