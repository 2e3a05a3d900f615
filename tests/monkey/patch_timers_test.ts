import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { promisify } from "node:util";
import { GreenletExit } from "../../core/errors.ts";
import { local } from "../../core/local.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { withTimeout } from "../../core/timeout.ts";
import { patchTimers } from "../../monkey/patch_timers.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { assertKillable, assertLimited, untilIn } from "../helpers/killed.ts";
import { runScript } from "../helpers/script.ts";

/** As everybody writes it. */
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

ioTest("Sleeping with setTimeout() can be killed and leaves no timer", async () => {
  using _patch = patchTimers();
  await assertKillable("setTimeout", () => pause(60_000));
  await assertKillable("setTimeout", () => Promise.all([pause(60_000), pause(70_000)]));
  await assertKillable("setTimeout", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, 60_000);
    await promise;
  });
});

ioTest("Sleeping with setTimeout() can be limited in time", async () => {
  using _patch = patchTimers();
  await assertLimited(() => pause(60_000));
  assertEquals(await withTimeout(5, () => pause(60_000), { timeoutValue: "late" }), "late");
});

ioTest("Sleeping with setTimeout() takes its time and gives its value", async () => {
  using _patch = patchTimers();
  const began = performance.now();
  const value = await spawn(() => new Promise((resolve) => setTimeout(resolve, 5, "value")))
    .get();
  assertEquals(value, "value");
  assert(performance.now() - began >= 4);
});

ioTest("A sleeping loop that a greenlet has started for others goes on after a kill", async () => {
  using _patch = patchTimers();
  let beats = 0;
  let stop = false;
  let failed: unknown;
  const heartbeat = async (): Promise<void> => {
    for (; !stop; beats++) await pause(1);
  };
  const g = spawn(async () => {
    heartbeat().catch((error) => failed = error);
    await pause(60_000);
  });
  await eventually(() => beats > 1);
  await g.kill();
  const before = beats;
  await eventually(() => beats > before + 1);
  stop = true;
  await sleep(5);
  assertEquals(failed, undefined);
});

ioTest("A timer that rejects does so when its time has come", async () => {
  using _patch = patchTimers();
  const error = new RangeError("too slow");
  const g = spawn(() =>
    assertRejects(() => new Promise((_, reject) => setTimeout(reject, 2, error)))
  );
  assertStrictEquals(await g.get(), error);
});

ioTest(
  "A timer that rejects gives the interrupt itself to whoever is killed or timed out",
  async () => {
    using _patch = patchTimers();
    const never = new Promise(() => {});
    const inTime = (): Promise<unknown> =>
      Promise.race([never, new Promise((_, reject) => setTimeout(reject, 60_000, "too slow"))]);
    await assertLimited(inTime);
    for (const exit of [new GreenletExit(), Object.freeze(new GreenletExit("frozen"))]) {
      let caught: unknown;
      const g = spawn(async () => {
        try {
          await inTime();
        } catch (error) {
          caught = error;
        }
      });
      await untilIn(g, "setTimeout");
      await g.kill(exit);
      assertInstanceOf(caught, GreenletExit);
      assertEquals([caught.message, caught.stack], [exit.message, exit.stack]);
      if (!Object.isFrozen(exit)) assertStrictEquals(caught, exit);
      assertEquals(Object.hasOwn(exit, "then"), false);
    }
  },
);

ioTest("clearTimeout() and the timer's own methods work in greenlets", async () => {
  using _patch = patchTimers();
  await spawn(async () => {
    let calls = 0;
    const timers = [1, 2, 3].map(() => setTimeout(() => calls++, 1));
    clearTimeout(timers[0]);
    clearTimeout(Number(timers[1]));
    (timers[2] as unknown as Disposable)[Symbol.dispose]();
    const interval = setInterval(() => calls += 10, 1);
    await eventually(() => calls >= 10);
    clearInterval(interval);
    assertEquals(calls % 10, 0);
    clearTimeout(setTimeout(Promise.withResolvers<void>().resolve, 60_000));
  }).get();
});

ioTest("Callbacks of timers run in the context of their greenlet", async () => {
  using _patch = patchTimers();
  const request = local<{ id?: number }>();
  const seen: unknown[] = [];
  const g = spawn(async () => {
    request.id = 7;
    setTimeout(() => seen.push(getCurrent() === g, request.id), 1);
    const interval = setInterval(() => {
      seen.push(getCurrent() === g, request.id);
      clearInterval(interval);
    }, 1);
    await sleep(20);
  });
  await g.get();
  assertEquals(seen, [true, 7, true, 7]);
});

ioTest("The timers of a greenlet that was killed are cleared", async () => {
  using _patch = patchTimers();
  const calls: string[] = [];
  const g = spawn(async () => {
    setTimeout(() => calls.push("timeout"), 10);
    setInterval(() => calls.push("interval"), 10);
    await sleep(60_000);
  });
  await untilIn(g, "sleep");
  await g.kill();
  await sleep(30);
  assertEquals(calls, []);
});

ioTest("The timers of a greenlet that was killed with an error are cleared, too", async () => {
  using _patch = patchTimers();
  const calls: string[] = [];
  const g = spawn(async () => {
    setInterval(() => calls.push("interval"), 1);
    await sleep(60_000);
  });
  await untilIn(g, "sleep");
  await g.kill(new RangeError("enough"));
  const before = calls.length;
  await sleep(10);
  assertEquals(calls.length, before);
});

ioTest("The timers of a greenlet that came to its end by itself go on", async () => {
  using _patch = patchTimers();
  let called = false;
  await spawn(() => void setTimeout(() => called = true, 5)).get();
  await eventually(() => called);
});

ioTest("A greenlet forgets timers that are over", async () => {
  using _patch = patchTimers();
  const g = spawn(async () => {
    for (let i = 0; i < 200; i++) {
      clearTimeout(setTimeout(() => {}, 60_000));
      clearTimeout(setTimeout(Promise.withResolvers<void>().resolve, 60_000));
    }
    await pause(1);
    const { scopeOf } = await import("../../core/greenlet.ts");
    return [...scopeOf(getCurrent())!.parked()].length;
  });
  assert((await g.get()) < 100, "Waits are left parked");
});

ioTest("util.promisify(setTimeout) can be killed", async () => {
  using _patch = patchTimers();
  await assertKillable("setTimeout", () => promisify(setTimeout)(60_000));
  assertEquals(await spawn(() => promisify(setTimeout)(1, "value")).get(), "value");
});

Deno.test("patchTimers() leaves everything outside greenlets as it is", async () => {
  const before = [setTimeout, setInterval];
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, "setTimeout");
  {
    using patches = patchTimers();
    assertEquals(patches.names, ["setTimeout", "setInterval"]);
    assertEquals([setTimeout.name, setTimeout.length], [before[0]!.name, before[0]!.length]);
    const timer = setTimeout(() => {}, 1);
    assertStrictEquals(
      timer.constructor,
      Reflect.apply(before[0]!, null, [() => {}, 1]).constructor,
    );
    await pause(1);
    assertEquals(await new Promise((resolve) => setTimeout(resolve, 1, "value")), "value");
  }
  assertEquals(Object.getOwnPropertyDescriptor(globalThis, "setTimeout"), descriptor);
  assertStrictEquals(setTimeout, before[0]);
});

ioTest("Timers that packages have started go on when their greenlet was killed", async () => {
  // What undici does: one timer for all, started by whoever needs it first.
  const { stdout, stderr } = await runScript(`
    import { sleep, spawn } from "@/mod.ts";
    import { patchTimers } from "@/monkey/mod.ts";
    const folder = await Deno.makeTempDir();
    await Deno.mkdir(folder + "/node_modules/shared", { recursive: true });
    const path = folder + "/node_modules/shared/index.mjs";
    await Deno.writeTextFile(path, "export const start = (f) => setTimeout(f, 5);");
    const { start } = await import("file://" + path);
    patchTimers();
    const calls = [];
    const g = spawn(async () => {
      start(() => calls.push("shared"));
      setTimeout(() => calls.push("own"), 5); // a data URL: not the program's file either
      await sleep(60_000);
    });
    await sleep(1);
    await g.kill();
    await sleep(30);
    console.log(calls.includes("shared"));
    await Deno.remove(folder, { recursive: true });
  `);
  assertEquals([stdout, stderr], ["true\n", ""]);
});

ioTest("A killed sleeper is seen by those who wait for it", async () => {
  using _patch = patchTimers();
  const g = spawn(() => pause(60_000));
  await untilIn(g, "setTimeout");
  g.throw();
  assertInstanceOf(await g.get(), GreenletExit);
});
