import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { Greenlet } from "../../core/greenlet.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn, spawnLater } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { Event } from "../../sync/event.ts";
import { collectReports } from "../helpers/reports.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

class Stop extends Error {}

const NOT_RUN: Record<string, (fn: () => void) => Greenlet<void>> = {
  "not started": (fn) => new Greenlet(fn),
  scheduled: (fn) => spawn(fn),
  "to be started later": (fn) => spawnLater(5, fn),
};

for (const [what, make] of Object.entries(NOT_RUN)) {
  virtualTest(`Greenlet.kill() keeps the function from running when it is ${what}`, async () => {
    let ran = false;
    const linked: unknown[] = [];
    const greenlet = make(() => void (ran = true));
    greenlet.rawlink((g) => linked.push(g));
    await greenlet.kill();
    greenlet.start();
    await sleep(10);
    assert(!ran);
    assertEquals([greenlet.dead, greenlet.successful], [true, true]);
    assertInstanceOf(greenlet.value, GreenletExit);
    assertEquals(linked, [greenlet], "Links were not called, or twice");
  });

  virtualTest(`Greenlet.kill() stores another exception when it is ${what}`, async () => {
    using reports = collectReports();
    const stop = new Stop();
    const greenlet = make(() => {});
    await greenlet.kill(stop);
    await sleep(10);
    assertEquals([greenlet.successful, greenlet.exception, greenlet.value], [
      false,
      stop,
      undefined,
    ]);
    assertEquals(reports.list, [{ context: greenlet, error: stop }]);
    assertStrictEquals(await assertRejects(() => greenlet.get()), stop);
  });
}

virtualTest(
  "Greenlet.kill() keeps the function from running when it comes between two microtasks before",
  async () => {
    for (let delay = 0; delay < 30; delay++) {
      let ran = false;
      const greenlet = spawn(() => {
        ran = true;
        return sleep(1000);
      });
      let ranBeforeKill = false;
      const killer = (async () => {
        for (let i = 0; i < delay; i++) await undefined;
        ranBeforeKill = ran;
        greenlet.throw();
      })();
      await sleep(5);
      await killer;
      assertEquals(ran, ranBeforeKill, `after ${delay} microtasks`);
      assert(greenlet.dead, `after ${delay} microtasks`);
    }
  },
);

virtualTest(
  "Greenlet.kill() raises at the place where the greenlet waits, and waits for its end",
  async () => {
    const order: string[] = [];
    const greenlet = spawn(async () => {
      try {
        await sleep(1000);
      } catch (error) {
        order.push((error as Error).name);
        throw error;
      } finally {
        await sleep(7);
        order.push("finally");
      }
    });
    await turns();
    await greenlet.kill();
    order.push("dead");
    assertEquals([order, now()], [["GreenletExit", "finally", "dead"], 7]);
  },
);

virtualTest("Greenlet.kill() does nothing when the greenlet has ended", async () => {
  const greenlet = spawn(() => 1);
  await greenlet.join();
  await greenlet.kill(new Stop());
  greenlet.throw();
  assertEquals([greenlet.value, greenlet.successful], [1, true]);
});

virtualTest("Greenlet.kill() returns at once when told not to block", async () => {
  const greenlet = spawn(sleep, 1000);
  await turns();
  await greenlet.kill(undefined, { block: false });
  assert(!greenlet.dead);
  await turns();
  assert(greenlet.dead);
});

virtualTest("Greenlet.kill() gives up quietly when the greenlet does not die in time", async () => {
  const stubborn = spawn(async () => {
    await sleep(1000).catch(() => {});
    await sleep(50);
    return "lived on";
  });
  await turns();
  await stubborn.kill(undefined, { timeout: 10 });
  assertEquals([stubborn.dead, now()], [false, 10]);
  assertEquals(await stubborn.get(), "lived on");
  assert(stubborn.successful);
});

virtualTest(
  "Greenlet.kill() has no effect when the greenlet ends before its next wait",
  async () => {
    const greenlet = spawn(async () => {
      await sleep();
      return "done";
    });
    await sleep();
    greenlet.throw(); // it has been resumed from sleep(0) and is about to run
    assertEquals(await greenlet.get(), "done");
  },
);

virtualTest(
  "Greenlet.kill() takes an error, a class of errors, or wraps what is neither",
  async () => {
    using reports = collectReports();
    const kill = async (exception: unknown): Promise<Greenlet<void>> => {
      const greenlet = spawn(sleep, 1000);
      await turns();
      await greenlet.kill(exception);
      return greenlet;
    };
    const stop = new Stop();
    assertStrictEquals((await kill(stop)).exception, stop);
    assertInstanceOf((await kill(Stop)).exception, Stop);
    assertInstanceOf((await kill(GreenletExit)).value, GreenletExit);
    for (const nonsense of [42, null, "stop", () => {}, { name: "Error" }]) {
      const { exception } = await kill(nonsense);
      assertInstanceOf(exception, Error);
      assertEquals(exception.cause, nonsense);
      assert(
        exception.message.endsWith(`received ${Deno.inspect(nonsense)}`) ||
          exception.message.endsWith(Deno.inspect(nonsense)),
      );
    }
    assertEquals(reports.list.length, 7, "Errors were reported twice, or not at all");
  },
);

virtualTest("Greenlet.kill() prints nothing when the greenlet dies of GreenletExit", async () => {
  using reports = collectReports();
  const greenlet = spawn(sleep, 1000);
  await turns();
  await greenlet.kill();
  assertEquals(reports.list, []);
});

virtualTest(
  "Greenlet.kill() lets the greenlet catch the exception and return a value",
  async () => {
    const greenlet = spawn(() => sleep(1000).then(() => "slept", () => "caught"));
    await turns();
    await greenlet.kill();
    assertEquals([greenlet.value, greenlet.successful], ["caught", true]);
  },
);

virtualTest("Greenlet.kill() raises in the caller when a greenlet kills itself", async () => {
  const order: string[] = [];
  const greenlet = spawn(async () => {
    try {
      await getCurrent().kill();
      order.push("not reached");
    } finally {
      order.push("finally");
    }
  });
  await greenlet.join();
  assertEquals(order, ["finally"]);
  assertInstanceOf(greenlet.value, GreenletExit);
});

virtualTest(
  "Greenlet.throw() raises at the next wait when a greenlet kills itself without waiting",
  async () => {
    const order: string[] = [];
    const greenlet = spawn(async () => {
      getCurrent().throw();
      order.push("still here");
      await sleep(1000);
      order.push("not reached");
    });
    await greenlet.join();
    assertEquals([order, now()], [["still here"], 0]);
  },
);

virtualTest(
  "Greenlet.kill() in a finally block may wait for another that is killed as well",
  async () => {
    const other = spawn(sleep, 1000);
    const greenlet = spawn(async () => {
      try {
        await sleep(1000);
      } finally {
        await other.kill();
      }
    });
    await turns();
    await greenlet.kill();
    assertEquals([greenlet.dead, other.dead], [true, true]);
  },
);

virtualTest("Greenlet.kill() raises again when called again", async () => {
  const exits: unknown[] = [];
  const greenlet = spawn(async () => {
    for (;;) {
      try {
        await sleep(1000);
        return;
      } catch (error) {
        exits.push(error);
      }
    }
  });
  const given = [new GreenletExit("1"), new GreenletExit("2")];
  for (const exit of given) {
    await turns();
    await greenlet.kill(exit, { timeout: 0 });
  }
  assertEquals(exits, given);
  await greenlet.join();
});

virtualTest("Greenlet.kill() wakes everybody who waits for the greenlet", async () => {
  const event = new Event();
  const greenlet = spawn(() => event.wait());
  const joiner = spawn(() => greenlet.join());
  const getter = spawn(() => greenlet.get());
  await turns();
  await greenlet.kill();
  await joiner.get();
  assertInstanceOf(await getter.get() as unknown, GreenletExit);
  assertEquals(event.waiting, 0);
});

virtualTest("Greenlet that dies of a Timeout has failed", async () => {
  using reports = collectReports();
  const greenlet = spawn(async () => {
    using _ = Timeout.start(5);
    await sleep(10);
  });
  await greenlet.join();
  assertInstanceOf(greenlet.exception, Timeout);
  assertEquals(reports.list.length, 1);
  assertEquals(greenlet.signal.aborted, true);
});

virtualTest("Greenlet.kill() leaves no timer behind when the start was to be later", async () => {
  const greenlet = spawnLater(1000, () => {});
  assertEquals(hub.timers.size, 1);
  await greenlet.kill();
  assertEquals(hub.timers.size, 0);
});
