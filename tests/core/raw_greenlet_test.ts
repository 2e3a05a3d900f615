import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import type { Greenlet } from "../../core/greenlet.ts";
import { RawGreenlet } from "../../core/raw_greenlet.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { collectReports } from "../helpers/reports.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

class Broken extends Error {}

virtualTest("RawGreenlet.switch() passes values both ways", async () => {
  const seen: unknown[] = [];
  const main = RawGreenlet.getCurrent();
  const echo = new RawGreenlet(async (first: string) => {
    seen.push(first);
    seen.push(await main.switch("one"));
    seen.push(await main.switch("two"));
    return "result";
  });
  seen.push(await echo.switch("first"));
  seen.push(await echo.switch("second"));
  assertEquals([echo.started, echo.dead], [true, false]);
  seen.push(await echo.switch("third"));
  assertEquals(seen, ["first", "one", "second", "two", "third", "result"]);
  assertEquals([echo.started, echo.dead], [false, true]);
});

virtualTest("RawGreenlet.switch() hands control over, from one to the other", async () => {
  const log: string[] = [];
  const first: RawGreenlet = new RawGreenlet(async () => {
    log.push("first 1");
    await second.switch();
    log.push("first 2");
    await second.switch();
    log.push("first 3");
  });
  const second = new RawGreenlet(async () => {
    log.push("second 1");
    await first.switch();
    log.push("second 2");
    await first.switch();
    log.push("never");
  });
  await first.switch();
  assertEquals(log, ["first 1", "second 1", "first 2", "second 2", "first 3"]);
  assertEquals([first.dead, second.dead, second.started], [true, false, true]);
  await second.throw();
});

virtualTest("RawGreenlet.switch() runs a function that waits for nothing", async () => {
  const greenlet = new RawGreenlet((n: number) => n * 2);
  assertEquals([greenlet.started, greenlet.dead], [false, false]);
  assertEquals(await greenlet.switch(21), 42);
  assertEquals(greenlet.dead, true);
});

virtualTest("RawGreenlet.switch() lets the function wait as every other", async () => {
  const greenlet = new RawGreenlet(async () => {
    await sleep(10);
    return await withTimeout(10, () => sleep(1000), { timeoutValue: "late" });
  });
  assertEquals([await greenlet.switch(), now()], ["late", 20]);
});

virtualTest("RawGreenlet.switch() to itself gives the value back", async () => {
  assertEquals(await RawGreenlet.getCurrent().switch("self"), "self");
  const greenlet = new RawGreenlet(() => RawGreenlet.getCurrent().switch("inside"));
  assertEquals(await greenlet.switch(), "inside");
});

virtualTest("RawGreenlet.switch() to one that has ended goes to its parent", async () => {
  const greenlet = new RawGreenlet(() => "done");
  await greenlet.switch();
  assertEquals(await greenlet.switch("back to me"), "back to me");
  const grandchild = new RawGreenlet(() => {}, greenlet);
  assertEquals(await grandchild.switch(), undefined);
  assertEquals(await grandchild.switch("up twice"), "up twice");
});

virtualTest("RawGreenlet.switch() serves a generator", async () => {
  const parent = RawGreenlet.getCurrent();
  const numbers = new RawGreenlet(async () => {
    for (let i = 0; i < 5; i++) await parent.switch(i);
    return "end";
  });
  const seen: unknown[] = [];
  while (!numbers.dead) seen.push(await numbers.switch());
  assertEquals(seen, [0, 1, 2, 3, 4, "end"]);
});

virtualTest("RawGreenlet.switch() goes between ordinary greenlets", async () => {
  const seen: unknown[] = [];
  let [rawA, rawB]: RawGreenlet[] = [];
  const b = spawn(async () => {
    rawB = RawGreenlet.getCurrent();
    seen.push(await new RawGreenlet(() => sleep(20)).switch());
    seen.push(await rawA!.switch("from b"));
  });
  const a = spawn(async () => {
    rawA = RawGreenlet.getCurrent();
    await sleep(1);
    seen.push(await rawB!.switch("from a"));
  });
  await a.join();
  assertEquals([seen, b.ready], [["from a", "from b"], false]);
  await sleep(20); // what b switched to at first ends, and finds that b waits for somebody else
  assertEquals([seen, b.ready], [["from a", "from b", undefined], true]);
});

virtualTest("RawGreenlet.switch() refuses one that does not wait to be switched to", async () => {
  const parent = RawGreenlet.getCurrent();
  const asleep = new RawGreenlet(async () => {
    await parent.switch();
    await sleep(10);
    return "slept";
  });
  await asleep.switch();
  const switcher = spawn(() => asleep.switch());
  await turns();
  const message = "does not wait to be switched to";
  await assertRejects(() => asleep.switch(), TypeError, message);
  const broken = new Broken();
  const refused = await assertRejects(() => asleep.throw(broken), TypeError, message);
  assertStrictEquals(refused.cause, broken);
  const gone = await spawn(() => RawGreenlet.getCurrent()).get();
  await assertRejects(() => gone.switch(), TypeError, message);
  await sleep(20);
  assertEquals([asleep.dead, switcher.ready], [true, false]);
  await switcher.kill();
});

virtualTest("RawGreenlet gives its result to the parent, whoever switched to it", async () => {
  const parent = RawGreenlet.getCurrent();
  const inner = new RawGreenlet(() => "for main");
  assertStrictEquals(inner.parent, parent);
  let reached = false;
  const outer = new RawGreenlet(async () => {
    await inner.switch();
    reached = true;
  });
  assertEquals(await outer.switch(), "for main");
  assertEquals([inner.dead, outer.dead, reached], [true, false, false]);
  assertEquals(await outer.switch(), undefined);
  assert(reached);
});

virtualTest("RawGreenlet gives its result to another parent when that is set", async () => {
  const seen: unknown[] = [];
  const collector: RawGreenlet = new RawGreenlet(async (first: unknown) => {
    for (let value = first; value !== "stop"; value = await helper.switch()) seen.push(value);
    return "collected";
  });
  const helper = new RawGreenlet(() => "result", collector);
  assertStrictEquals(helper.parent, collector);
  const other = new RawGreenlet(() => "other");
  other.parent = collector;
  assertStrictEquals(other.parent, collector);
  helper.parent = RawGreenlet.getCurrent();
  assertEquals([await collector.switch("first"), seen], ["result", ["first"]]);
  assertEquals(await collector.switch("stop"), "collected");
  assertEquals(await other.switch(), "other", "A parent that has ended was not passed over");
});

Deno.test("RawGreenlet.parent cannot be a descendant", () => {
  const first = new RawGreenlet(() => {});
  const second = new RawGreenlet(() => {}, first);
  const third = new RawGreenlet(() => {}, second);
  for (const parent of [first, second, third]) {
    assertThrows(() => first.parent = parent, TypeError, "its own ancestor");
  }
  assertStrictEquals(first.parent, RawGreenlet.getCurrent());
});

Deno.test("RawGreenlet refuses what is not a function, and a parent that is none", () => {
  assertThrows(() => new RawGreenlet(null as never), TypeError, "received null");
  assertThrows(() => new RawGreenlet(() => {}, "up" as never), TypeError, 'received "up"');
  const greenlet = new RawGreenlet(() => {});
  assertThrows(() => greenlet.parent = {} as never, TypeError, "received {}");
});

virtualTest("RawGreenlet.getCurrent() is the same as long as the greenlet runs", async () => {
  const inside: RawGreenlet = new RawGreenlet(async () => {
    assertStrictEquals(RawGreenlet.getCurrent(), inside);
    await sleep(1);
    assertStrictEquals(RawGreenlet.getCurrent(), inside);
  });
  const me = RawGreenlet.getCurrent();
  assertEquals([me.started, me.dead, me.parent], [true, false, undefined]);
  await inside.switch();
  assertStrictEquals(RawGreenlet.getCurrent(), me);
  const other = await spawn(() => RawGreenlet.getCurrent()).get();
  assert(other !== me && other !== inside);
});

// Errors.

virtualTest("RawGreenlet raises its error in the parent", async () => {
  using reports = collectReports();
  const broken = new Broken();
  for (const ms of [0, 1]) {
    const greenlet = new RawGreenlet(async () => {
      if (ms > 0) await sleep(ms);
      throw broken;
    });
    assertStrictEquals(await assertRejects(() => greenlet.switch()), broken);
    assert(greenlet.dead);
  }
  const synchronous = new RawGreenlet(() => {
    throw broken;
  });
  assertStrictEquals(await assertRejects(() => synchronous.switch()), broken);
  assertEquals(reports.list, []);
});

virtualTest("RawGreenlet raises its error in the parent's parent when that has ended", async () => {
  const broken = new Broken();
  const parent = new RawGreenlet(() => {});
  const child = new RawGreenlet(() => {
    throw broken;
  }, parent);
  await parent.switch();
  assertStrictEquals(await assertRejects(() => child.switch()), broken);
});

virtualTest("RawGreenlet gives a GreenletExit to the parent as a value", async () => {
  const exit = new GreenletExit();
  const greenlet = new RawGreenlet(() => {
    throw exit;
  });
  assertStrictEquals(await greenlet.switch(), exit);
});

virtualTest("RawGreenlet reports its error when the parent does not wait for it", async () => {
  using reports = collectReports();
  const broken = new Broken();
  const greenlet = new RawGreenlet(async () => {
    await sleep(10);
    throw broken;
  });
  assertEquals(await withTimeout(5, () => greenlet.switch(), { timeoutValue: "late" }), "late");
  await sleep(10);
  assertEquals(reports.list, [{ context: greenlet, error: broken }]);
  assertEquals(String(greenlet), "<RawGreenlet dead>");
});

virtualTest("RawGreenlet.throw() keeps the function of a new one from running", async () => {
  const broken = new Broken();
  const never = (): void => assert(false, "It ran");
  const greenlet = new RawGreenlet(never);
  assertStrictEquals(await assertRejects(() => greenlet.throw(broken)), broken);
  assert(greenlet.dead);
  assertEquals(await greenlet.switch("back"), "back");
  const exit = new GreenletExit();
  const other = new RawGreenlet(never);
  assertStrictEquals(await other.throw(exit), exit);
  assertInstanceOf(await new RawGreenlet(never).throw(), GreenletExit);
});

virtualTest("RawGreenlet.throw() raises where one that has begun was left", async () => {
  const broken = new Broken();
  const parent = RawGreenlet.getCurrent();
  const seen: unknown[] = [];
  const greenlet = new RawGreenlet(async () => {
    await parent.switch("waiting").catch((error) => seen.push(error));
    return "went on";
  });
  assertEquals(await greenlet.switch(), "waiting");
  assertEquals(await greenlet.throw(broken), "went on");
  assertEquals(seen, [broken]);
});

virtualTest("RawGreenlet.throw() ends one that does not catch, with its clean-up", async () => {
  for (const error of [new Broken(), new GreenletExit()]) {
    const parent = RawGreenlet.getCurrent();
    const began = now();
    let cleanedUp = 0;
    const greenlet = new RawGreenlet(async () => {
      try {
        await parent.switch();
      } finally {
        await sleep(5);
        cleanedUp = now();
      }
    });
    await greenlet.switch();
    const outcome = greenlet.throw(error);
    if (error instanceof GreenletExit) assertStrictEquals(await outcome, error);
    else assertStrictEquals(await assertRejects(() => outcome), error);
    assertEquals([cleanedUp, greenlet.dead], [began + 5, true]);
  }
});

virtualTest("RawGreenlet.throw() into one that has ended raises in the parent", async () => {
  const broken = new Broken();
  const greenlet = new RawGreenlet(() => {});
  await greenlet.switch();
  assertStrictEquals(await assertRejects(() => greenlet.throw(broken)), broken);
  const exit = new GreenletExit();
  assertStrictEquals(await greenlet.throw(exit), exit);
});

// Interrupts.

virtualTest("RawGreenlet.switch() raises a kill of the one who switched", async () => {
  using reports = collectReports();
  const parent = RawGreenlet.getCurrent();
  const target = new RawGreenlet(async () => {
    await sleep(10);
    return "lost";
  });
  let seen: unknown;
  const switcher = spawn(async () => {
    target.parent = RawGreenlet.getCurrent();
    await target.switch().catch((error) => seen = error);
    assertEquals(await new RawGreenlet(() => "still works").switch(), "still works");
  });
  await sleep(5);
  await switcher.kill();
  assertInstanceOf(seen, GreenletExit);
  assertEquals(switcher.exception, undefined);
  await sleep(10);
  assertEquals([target.dead, reports.list], [true, []]);
  assert(parent.started);
});

virtualTest("RawGreenlet.switch() raises a Timeout of the one who switched", async () => {
  const target = new RawGreenlet(() => sleep(10));
  const timeout = new Timeout(5);
  assertStrictEquals(
    await assertRejects(() => withTimeout(timeout, () => target.switch())),
    timeout,
  );
  await sleep(10);
  assert(target.dead);
});

virtualTest("RawGreenlet ends when it is killed while it is switched out", async () => {
  using reports = collectReports();
  const parent = RawGreenlet.getCurrent();
  let inner: Greenlet | undefined;
  let cleanedUp = false;
  const make = (): RawGreenlet =>
    new RawGreenlet(async () => {
      inner = getCurrent();
      try {
        await parent.switch("out");
      } finally {
        cleanedUp = true;
      }
    });
  const greenlet = make();
  assertEquals(await greenlet.switch(), "out");
  await inner!.kill();
  assertEquals([cleanedUp, greenlet.dead, inner!.dead], [true, true, true]);
  assertEquals(await greenlet.switch("passed on"), "passed on");

  assertEquals(reports.list, []);
  const broken = new Broken();
  const other = make();
  await other.switch();
  await inner!.kill(broken);
  assertEquals(reports.list, [{ context: other, error: broken }]);
  assert(other.dead);
});

virtualTest("RawGreenlet goes on when it catches the kill while it is switched out", async () => {
  const parent = RawGreenlet.getCurrent();
  let inner: Greenlet | undefined;
  const seen: string[] = [];
  const greenlet = new RawGreenlet(async () => {
    inner = getCurrent();
    for (const what of ["a", "b"]) {
      await parent.switch(what).catch((error) => seen.push(error.name));
    }
  });
  assertEquals(await greenlet.switch(), "a");
  await inner!.kill();
  assertEquals(seen, ["GreenletExit", "TypeError"], "Its switch back found somebody who waited");
  assert(greenlet.dead);
});

virtualTest(
  "RawGreenlet gives the kill to its parent when it is killed before it runs",
  async () => {
    using reports = collectReports();
    for (const error of [new GreenletExit(), new Broken()]) {
      const greenlet = new RawGreenlet(() => assert(false, "It ran"));
      const outcome = greenlet.switch().catch((error) => error);
      const [inner] = ([...hub.live] as Greenlet[]).filter((g) => g.parent === getCurrent());
      inner!.throw(error);
      assertStrictEquals(await outcome, error);
      assert(greenlet.dead);
    }
    assertEquals(reports.list, []);
  },
);

virtualTest("RawGreenlet leaves nothing behind when everybody is killed", async () => {
  const program = spawn(async () => {
    const parent = RawGreenlet.getCurrent();
    const others = [1, 2, 3].map((n) => new RawGreenlet(() => parent.switch(n)));
    for (const other of others) await other.switch();
    await sleep(1000);
  });
  await turns();
  const others = ([...hub.live] as Greenlet[]).filter((greenlet) => greenlet !== getCurrent());
  assertEquals(others.length, 4);
  for (const other of others) other.throw();
  await program.join();
});

virtualTest("RawGreenlet.switch() hands over without waiting in a hub callback", async () => {
  using reports = collectReports();
  const seen: unknown[] = [];
  const greenlet = new RawGreenlet(async (value: unknown) => {
    seen.push(value);
    await sleep(10);
  });
  const handOver = async (value: string): Promise<void> => {
    seen.push(await greenlet.switch(value));
  };
  hub.enqueueCallback(() => void handOver("from the hub"));
  await turns();
  assertEquals([seen, reports.list], [[undefined, "from the hub"], []]);
  hub.enqueueCallback(() => void handOver("it is asleep"));
  await sleep(20);
  assertEquals([seen.length, greenlet.dead], [3, true]);
  assertEquals(reports.list.map(({ error }) => (error as Error).name), ["TypeError"]);
});

virtualTest("RawGreenlet.switch() refuses a second one side by side with the first", async () => {
  const main = RawGreenlet.getCurrent();
  const echo = new RawGreenlet(async (value: unknown) => {
    for (let i = 0; i < 3; i++) value = await main.switch(value);
    return "result";
  });
  const others = [echo, new RawGreenlet(() => assert(false, "It ran"))];
  for (const [round, other] of others.entries()) { // first one that is new, then one that waits
    const first = echo.switch(`value ${round}`);
    const error = await assertRejects(() => other.switch("lost"), TypeError);
    assertEquals(error.message.includes("waits in another switch already"), true);
    assertEquals(await first, `value ${round}`);
  }
  const broken = new Broken();
  const third = echo.switch("value 2");
  const refused = await assertRejects(() => echo.throw(broken), TypeError);
  assertStrictEquals(refused.cause, broken);
  assertEquals([await third, await echo.switch()], ["value 2", "result"]);
  await others[1]!.throw();
});

virtualTest(
  "RawGreenlet.switch() refuses the second of two greenlets that want the same",
  async () => {
    const served: unknown[] = [];
    const target: RawGreenlet = new RawGreenlet(async (value: unknown) => {
      served.push(value);
      await sleep(5);
      return "done";
    }, RawGreenlet.getCurrent());
    const callers = ["a", "b"].map((name) =>
      spawn(() => target.switch(name).catch((error) => error.message))
    );
    await turns();
    assertEquals(served, ["a"]);
    assertEquals(String(await callers[1]!.get()).includes("does not wait to be switched to"), true);
    for (const caller of callers) await caller.kill();
    await sleep(10);
  },
);
