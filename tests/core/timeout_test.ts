import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Interrupt } from "../../core/errors.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { suspend } from "../../core/suspend.ts";
import { limited, Timeout, withTimeout } from "../../core/timeout.ts";
import { AsyncResult } from "../../sync/async_result.ts";
import { Event } from "../../sync/event.ts";
import { Queue } from "../../sync/queue.ts";
import { collectReports } from "../helpers/reports.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

class TooSlow extends Error {}

Deno.test("Timeout refuses a time that is not a number", () => {
  for (const ms of [NaN, "5", {}]) {
    assertThrows(() => new Timeout(ms as number), TypeError, `received ${Deno.inspect(ms)}`);
  }
});

Deno.test("Timeout says how long it is, and what for", () => {
  assertEquals(new Timeout(50).message, "50 ms");
  assertEquals(new Timeout(-5).message, "-5 ms");
  assertEquals(new Timeout(50, "no answer").message, "50 ms: no answer");
  assertEquals(new Timeout().message, "");
  assertEquals(String(new Timeout(null)), "<Timeout never>");
  assertEquals([new Timeout(7).ms, new Timeout(undefined).ms], [7, null]);
});

virtualTest(
  "Timeout raises itself in the greenlet that started it when its time is over",
  async () => {
    const timeout = new Timeout(5);
    assert(!timeout.pending);
    const bystander = spawn(sleep, 10);
    const greenlet = spawn(async () => {
      timeout.start();
      assert(timeout.pending);
      assertEquals(String(timeout), "<Timeout 5 ms pending>");
      return await sleep(10).catch((error) => error);
    });
    assertStrictEquals(await greenlet.get(), timeout);
    assertEquals([timeout.pending, now()], [false, 5]);
    await bystander.get();
  },
);

virtualTest(
  "Timeout raises what it was given: an error, a class, a text for its message",
  async () => {
    const error = new Error("mine");
    const raised = async (timeout: Timeout): Promise<unknown> => {
      timeout.start();
      return await sleep(10).catch((error) => error);
    };
    assertStrictEquals(await raised(new Timeout(1, error)), error);
    assertInstanceOf(await raised(new Timeout(1, TooSlow)), TooSlow);
    const text = new Timeout(1, "text");
    assertStrictEquals(await raised(text), text);
    const plain = new Timeout(1, null);
    assertStrictEquals(await raised(plain), plain);
    assertInstanceOf(plain, Interrupt);
  },
);

virtualTest("Timeout.raised is the same object each time", () => {
  const timeout = new Timeout(1, TooSlow);
  assertStrictEquals(timeout.raised, timeout.raised);
});

virtualTest("Timeout without a time never expires and holds no timer", async () => {
  for (const ms of [null, undefined, Infinity]) {
    using timeout = Timeout.start(ms);
    assertEquals([timeout.pending, hub.timers.size], [false, 0]);
    await sleep(1e9);
  }
});

virtualTest("Timeout of 0 or less is raised by the next wait that takes time", async () => {
  for (const ms of [0, -10]) {
    using timeout = Timeout.start(ms);
    await sleep();
    const error = await assertRejects(() => sleep(1));
    assertStrictEquals(error, timeout);
  }
  assertEquals(now(), 0);
});

virtualTest("Timeout.start() refuses when it is counting already, or was closed", () => {
  using timeout = Timeout.start(5);
  assertThrows(() => timeout.start(), TypeError, "to restart it, cancel it first");
  timeout.close();
  assertThrows(() => timeout.start(), TypeError, "as it was closed");
});

virtualTest("Timeout.cancel() stops it, and it can be started again", async () => {
  const timeout = Timeout.start(5);
  timeout.cancel();
  timeout.cancel();
  await sleep(10);
  timeout.start();
  assertStrictEquals(await assertRejects(() => sleep(10)), timeout);
  assertEquals(now(), 15);
  timeout.start();
  assertStrictEquals(await assertRejects(() => sleep(10)), timeout);
});

virtualTest(
  "Timeout.cancel() takes it back when it has expired and found nothing to hit",
  async () => {
    const greenlet = spawn(async () => {
      using timeout = Timeout.start(5);
      await suspend<void>((waiter) => {
        // Resumed in the same turn in which the timeout expires, right before it.
        hub.addTimer(5, { fire: () => waiter.resume() }, -2);
      });
      assert(!timeout.pending);
      timeout.cancel();
      await sleep(10);
    });
    await greenlet.get();
    assertEquals(now(), 15);
  },
);

virtualTest(
  "Timeout is raised at the next wait when it expired while its greenlet was not parked",
  async () => {
    using _ = collectReports();
    const { promise, resolve } = Promise.withResolvers<void>();
    const greenlet = spawn(async () => {
      using _ = Timeout.start(5);
      await promise;
      await sleep(1000);
    });
    greenlet.rawlink(() => {});
    await sleep(10);
    resolve();
    await assertRejects(() => greenlet.get(), Timeout);
    assertEquals(now(), 10);
  },
);

virtualTest("Timeout.start() starts and returns what it is given when that is a Timeout", () => {
  const timeout = new Timeout(5, "first");
  assertStrictEquals(Timeout.start(timeout, "ignored"), timeout);
  assert(timeout.pending);
  assertStrictEquals(Timeout.start(timeout), timeout);
  assertEquals(timeout.message, "5 ms: first");
  timeout.close();
});

virtualTest("Timeout is stopped for good at the end of its using block", async () => {
  let kept: Timeout;
  {
    using timeout = Timeout.start(5);
    kept = timeout;
  }
  await sleep(10);
  assert(!kept.pending);
  assertThrows(() => kept.start(), TypeError, "closed");
});

virtualTest("Timeout strikes whatever the greenlet does then when it is left running", async () => {
  using _ = collectReports();
  const greenlet = spawn(async () => {
    Timeout.start(5, "stray");
    await sleep(1);
    await sleep(100);
  });
  await assertRejects(() => greenlet.get(), Timeout, "stray");
});

virtualTest("Timeout disturbs nobody when its greenlet has ended", async () => {
  await spawn(() => void Timeout.start(5)).join();
  await spawn(async () => await sleep(20)).get();
});

virtualTest("Timeout of the outer and the inner level each arrive where they belong", async () => {
  const outcome = await withTimeout(20, async () => {
    try {
      await withTimeout(10, () => sleep(100));
    } catch (error) {
      assertEquals([(error as Timeout).ms, now()], [10, 10]);
    }
    return await withTimeout(100, () => sleep(100));
  }).catch((error) => error);
  assertEquals([outcome.ms, now()], [20, 20]);
});

virtualTest(
  "Timeouts that are due together strike one after the other when both are left running",
  async () => {
    const greenlet = spawn(async () => {
      using first = Timeout.start(5, "first");
      using second = Timeout.start(5, "second");
      const errors = [];
      for (let i = 0; i < 2; i++) errors.push(await sleep(10).catch((error) => error));
      assertEquals(errors, [first, second]);
      await sleep(10);
    });
    await greenlet.get();
  },
);

virtualTest(
  "Timeouts that are due together raise the outer when both blocks are left",
  async () => {
    const [outer, inner] = [new Timeout(5, "outer"), new Timeout(5, "inner")];
    const error = await assertRejects(async () => {
      using _ = Timeout.start(outer);
      {
        using _ = Timeout.start(inner);
        await sleep(10);
      }
    });
    assertStrictEquals(error, outer);
    await sleep(10);
  },
);

virtualTest("withTimeout() gives what the function gives, and leaves no timer", async () => {
  assertEquals(await withTimeout(50, () => "sync"), "sync");
  assertEquals(await withTimeout(50, () => sleep(5).then(() => "async")), "async");
  assertEquals(await withTimeout(null, () => sleep(5).then(() => "no limit")), "no limit");
  assertEquals(hub.timers.size, 0);
  await assertRejects(() => withTimeout(50, () => Promise.reject(new TooSlow())), TooSlow);
  await assertRejects(
    () =>
      withTimeout(50, () => {
        throw new TooSlow();
      }),
    TooSlow,
  );
  assertEquals(hub.timers.size, 0);
});

virtualTest("withTimeout() gives its timeoutValue when its own time is over", async () => {
  for (const value of ["late", undefined, null]) {
    const options = { timeoutValue: value };
    assertEquals(await withTimeout(5, () => sleep(10), options), value);
  }
  await assertRejects(() => withTimeout(5, () => sleep(10), {}), Timeout, "5 ms");
});

virtualTest(
  "withTimeout() lets the timeout of another pass when it has a timeoutValue",
  async () => {
    const error = await assertRejects(() =>
      withTimeout(5, () => withTimeout(10, () => sleep(20), { timeoutValue: "inner" }))
    );
    assertEquals((error as Timeout).ms, 5);
  },
);

virtualTest("withTimeout() takes a Timeout, running or not, and closes it", async () => {
  for (const running of [false, true]) {
    const timeout = new Timeout(5, TooSlow);
    if (running) timeout.start();
    assertEquals(await withTimeout(timeout, () => sleep(10), { timeoutValue: "late" }), "late");
    assertThrows(() => timeout.start(), TypeError, "closed");
  }
});

virtualTest(
  "withTimeout() gives what the function makes of it when that catches the timeout",
  async () => {
    assertEquals(await withTimeout(5, () => sleep(10).catch(() => "caught")), "caught");
  },
);

virtualTest("withTimeout() runs the finally blocks of the function before it throws", async () => {
  let cleaned = NaN;
  await assertRejects(() =>
    withTimeout(5, async () => {
      try {
        await sleep(100);
      } finally {
        await sleep(3);
        cleaned = now();
      }
    })
  );
  assertEquals(cleaned, 8);
});

virtualTest("withTimeout() refuses a time that is not a number", async () => {
  await assertRejects(() => withTimeout(NaN, () => {}), TypeError, "received NaN");
});

virtualTest(
  "limited() limits several waits together by a number or a Timeout, which it gives back",
  async () => {
    const twice = async (): Promise<string> => {
      await sleep(10);
      await sleep(10);
      return "done";
    };
    for (const timeout of [null, undefined, 25, Infinity]) {
      assertEquals(await limited(timeout, twice), "done");
    }
    await assertRejects(() => limited(15, twice), Timeout, "15 ms");
    const borrowed = new Timeout(15);
    for (let i = 0; i < 2; i++) {
      assertStrictEquals(await assertRejects(() => limited(borrowed, twice)), borrowed);
      assert(!borrowed.pending);
    }
    borrowed.start();
    assertStrictEquals(await assertRejects(() => limited(borrowed, twice)), borrowed);
    using running = Timeout.start(100);
    await limited(running, twice);
    assert(running.pending, "It belongs to somebody else");
  },
);

// Given to a call as its timeout.

virtualTest("Timeout given to a call hits that call only, not what runs side by side", async () => {
  const timeout = new Timeout(5);
  const queue = new Queue<string>();
  const event = new Event();
  const beside = Promise.all([queue.get(), sleep(10), withTimeout(20, () => event.wait())]);
  assertEquals(await event.wait({ timeout }), false);
  assertEquals([now(), timeout.pending], [5, false]);
  queue.putNowait("item");
  event.set();
  assertEquals(await beside, ["item", undefined, true]);
});

virtualTest("Timeout given to a call outside all others is raised in it as it is", async () => {
  for (const exception of [null, new TooSlow(), TooSlow, "text"]) {
    const timeout = new Timeout(5, exception);
    const beside = sleep(10);
    const error = await assertRejects(() => new AsyncResult().get({ timeout }));
    assertStrictEquals(error, timeout.raised);
    await beside;
  }
});

virtualTest("Timeout given to several calls side by side is for all of them", async () => {
  const timeout = new Timeout(10);
  const event = new Event();
  const early = event.wait({ timeout });
  await sleep(5);
  const late = new AsyncResult().get({ timeout }).catch((error) => error);
  event.set();
  assertEquals([await early, timeout.pending], [true, true]);
  assertEquals([await late, now(), timeout.pending], [timeout, 10, false]);
  event.clear();
  const again = Promise.all([event.wait({ timeout }), event.wait({ timeout })]);
  await sleep(5);
  event.set();
  assertEquals([await again, timeout.pending, hub.timers.size], [[true, true], false, 0]);
});

virtualTest(
  "Timeout given to a call may be cancelled meanwhile, and started for others",
  async () => {
    const timeout = new Timeout(5);
    const event = new Event();
    const unlimited = event.wait({ timeout });
    assertThrows(() => timeout.start(), TypeError, "already started");
    timeout.cancel();
    timeout.start();
    event.set();
    assertEquals([await unlimited, timeout.pending], [true, true]);
    assertStrictEquals(await assertRejects(() => sleep(10)), timeout);
    event.clear();
    const first = event.wait({ timeout });
    timeout.cancel();
    const second = new Event().wait({ timeout });
    event.set();
    assertEquals([await first, await second, now()], [true, false, 10]);
    timeout.close();
    event.clear();
    await assertRejects(() => event.wait({ timeout }), TypeError, "as it was closed");
    assertEquals(event.waiting, 0);
  },
);

virtualTest("Timeout that is running goes on as it is when it is given to a call", async () => {
  using timeout = Timeout.start(10);
  const event = new Event();
  event.set();
  assertEquals([await event.wait({ timeout }), timeout.pending], [true, true]);
  event.clear();
  const beside = sleep(20).catch((error) => error);
  assertEquals([await event.wait({ timeout }), now()], [false, 10]);
  assertStrictEquals(await beside, timeout, "It was started for the greenlet as a whole");
});

virtualTest(
  "withTimeout() limits its function by a Timeout that runs for a call only",
  async () => {
    const timeout = new Timeout(10);
    const call = new Event().wait({ timeout });
    await sleep(5);
    const value = withTimeout(timeout, () => sleep(100), { timeoutValue: "late" });
    assertEquals([await value, await call, now()], ["late", false, 10]);
  },
);

virtualTest("limited() hits what runs in it, and nothing beside it", async () => {
  for (const timeout of [5, new Timeout(5)]) {
    const beside = sleep(10);
    const inside: unknown[] = [];
    const error = await assertRejects(() =>
      limited(timeout, () =>
        Promise.all([1, 2].map(() =>
          sleep(1000).catch((error) => {
            inside.push(error);
            throw error;
          })
        )))
    );
    await beside;
    assertEquals(inside, [error, error]);
  }
  assertEquals(hub.timers.size, 0);
});

virtualTest("limited() ends with the reason of its signal, and lets go of that", async () => {
  const reason = new TooSlow();
  const controller = new AbortController();
  const { signal } = controller;
  assertEquals(await limited(undefined, () => sleep(5).then(() => "in time"), signal), "in time");
  hub.addTimer(5, { fire: () => controller.abort(reason) });
  const beside = sleep(10);
  assertStrictEquals(await assertRejects(() => limited(1000, () => sleep(1000), signal)), reason);
  assertEquals([now(), hub.timers.size], [10, 1]);
  await beside;
});

Deno.test("Timeout started outside all greenlets hits only waits begun after it", async () => {
  const before = sleep(20);
  using timeout = Timeout.start(5);
  assertStrictEquals(await assertRejects(() => sleep(15)), timeout);
  await before;
});

Deno.test("withTimeout() outside all greenlets hits only the waits inside", async () => {
  const beside = sleep(10);
  await assertRejects(() => withTimeout(2, () => sleep(5000)), Timeout, "2 ms");
  await beside;
  await turns();
});
