import {
  assert,
  assertEquals,
  assertGreater,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { assertSwitches, FailedToSwitch } from "../../core/assert_switches.ts";
import { GreenletExit } from "../../core/errors.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { trace } from "../../core/trace.ts";
import { until } from "../../core/until.ts";
import { Event } from "../../sync/event.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

/** What `performance.now` tells in these tests: a machine that takes no time, save where it is said to. */
let time = 0;

function hog(ms: number): void {
  time += ms;
}

/** A test with nothing in it that takes real time. */
function timelessTest(name: string, fn: () => Promise<void>): void {
  virtualTest(name, async () => {
    time = Math.ceil(performance.now());
    Object.defineProperty(performance, "now", { value: () => time, configurable: true });
    try {
      await fn();
    } finally {
      delete (performance as Partial<Performance>).now; // that of the prototype again
    }
  });
}

timelessTest(
  "assertSwitches() gives the result of a function that gives way, however",
  async () => {
    const ways: (() => Promise<unknown>)[] = [
      () => sleep(),
      () => sleep(10),
      () => until(Promise.resolve()),
      () => new Event().wait({ timeout: 1 }),
      () => spawn(() => {}).join(),
    ];
    for (const way of ways) {
      assertEquals(await assertSwitches(() => way().then(() => "result")), "result");
      assertEquals(await assertSwitches(() => way().then(() => 1), { maxBlockingTime: 1 }), 1);
    }
  },
);

timelessTest("assertSwitches() throws when the function never gives way", async () => {
  const ways: (() => unknown)[] = [
    () => 1,
    () => Promise.resolve(1),
    async () => {
      for (let i = 0; i < 3; i++) await Promise.resolve();
    },
    () => void spawn(() => {}),
    () => new Event().wait({ signal: AbortSignal.abort() }).catch(() => {}),
  ];
  for (const way of ways) {
    const error = await assertRejects(() => assertSwitches(way), FailedToSwitch, "give way");
    assertEquals(error.blocked, []);
    await assertSwitches(way, { maxBlockingTime: 1 });
  }
});

timelessTest("assertSwitches() throws when anybody runs for too long, and names them", async () => {
  const other = spawn(async () => {
    await sleep(1);
    hog(10);
  });
  other.name = "hog";
  const error = await assertRejects(
    () => assertSwitches(() => sleep(5), { maxBlockingTime: 5 }),
    FailedToSwitch,
    "hog ran for ",
  );
  assertEquals(error.blocked, [{ name: "hog", ms: 10 }]);
});

timelessTest("assertSwitches() sees the first and the last stretch of the function", async () => {
  const ways: (() => Promise<void>)[] = [
    async () => {
      hog(10);
      await sleep(1);
    },
    async () => {
      await sleep(1);
      hog(10);
    },
    async () => await hog(10),
  ];
  for (const way of ways) {
    const run = spawn(() => assertSwitches(way, { maxBlockingTime: 5 }).catch((e) => e));
    run.name = "way";
    const error = await run.get() as FailedToSwitch;
    assertEquals(error.blocked, [{ name: "way", ms: 10 }]);
  }
});

Deno.test("assertSwitches() takes a promise from elsewhere for a way to give way", async () => {
  const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));
  await assertSwitches(later);
  await spawn(() => assertSwitches(later)).get();
});

timelessTest("assertSwitches() does not mind what was before it", async () => {
  hog(10);
  await assertSwitches(() => sleep(1000), { maxBlockingTime: 0.1 });
});

timelessTest("assertSwitches() throws the error of the function as it is", async () => {
  const error = new Error("broken");
  for (const options of [{}, { maxBlockingTime: 1 }]) {
    const thrown = await assertSwitches(() => {
      hog(5);
      throw error;
    }, options).catch((error) => error);
    assertStrictEquals(thrown, error);
  }
});

timelessTest(
  "assertSwitches() may be nested, side by side with a recording, and be killed",
  async () => {
    using recording = trace();
    await assertSwitches(async () => {
      await assertSwitches(() => sleep(1));
      const error = await assertSwitches(() => {}).catch((error) => error);
      assert(error instanceof FailedToSwitch);
    });
    const killed = spawn(() => assertSwitches(() => sleep(1000)));
    await turns();
    await killed.kill();
    assert(killed.value instanceof GreenletExit);
    assertGreater(recording.events.length, 0);
    assert(hub.observer !== null);
    recording.stop();
    recording.stop();
    assertEquals(hub.observer, null);
  },
);

timelessTest("assertSwitches() refuses what makes no sense", async () => {
  await assertRejects(() => assertSwitches(5 as never), TypeError, "received 5");
  for (const maxBlockingTime of [0, -1, NaN, "5"]) {
    const options = { maxBlockingTime: maxBlockingTime as number };
    await assertRejects(() => assertSwitches(sleep, options), RangeError, "'maxBlockingTime'");
  }
  await assertRejects(() => assertSwitches(sleep, 5 as never), TypeError, "received 5");
});
