import { assert, assertEquals, assertThrows } from "@std/assert";
import { BlockingSwitchOutError } from "../../core/errors.ts";
import { hub } from "../../core/scheduler.ts";
import { Loop } from "../../core/loop.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { collectReports } from "../helpers/reports.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

virtualTest("Loop.timer() calls once after its time, with the arguments", async () => {
  const loop = new Loop();
  const seen: unknown[] = [];
  const timer = loop.timer(10);
  timer.start((...args: number[]) => void seen.push([...args, loop.now()]), 1, 2);
  assertEquals([timer.active, loop.activeCount], [true, 1]);
  assertEquals(await loop.run(), true);
  assertEquals([seen, timer.active, loop.activeCount], [[[1, 2, 10]], false, 0]);
});

virtualTest("Loop.timer() that repeats calls every so often until it is stopped", async () => {
  const loop = new Loop();
  const seen: number[] = [];
  const timer = loop.timer(5, 10);
  timer.start(() => {
    if (seen.push(now()) === 3) timer.stop();
  });
  await loop.run();
  assertEquals(seen, [5, 15, 25]);
});

virtualTest("TimerWatcher.again() starts the repeating over", async () => {
  const loop = new Loop();
  const seen: number[] = [];
  const timer = loop.timer(5, 10);
  const call = (): void => void seen.push(now());
  timer.start(call);
  await sleep(12);
  timer.again(call);
  await sleep(15);
  timer.stop();
  assertEquals([seen, hub.timers.size], [[5, 22], 0]);
});

virtualTest("TimerWatcher can be started by its own function", async () => {
  const loop = new Loop();
  const timer = loop.timer(5);
  let calls = 0;
  const call = (): void => {
    if (++calls < 3) {
      timer.stop();
      timer.start(call);
    }
  };
  timer.start(call);
  await loop.run();
  assertEquals([calls, now(), timer.active], [3, 15, false]);
});

virtualTest("Watcher.start() replaces the function when it is active", async () => {
  const loop = new Loop();
  const seen: string[] = [];
  const timer = loop.timer(5);
  timer.start(() => void seen.push("first"));
  timer.start(() => void seen.push("second"));
  assertEquals(loop.activeCount, 1);
  await loop.run();
  assertEquals(seen, ["second"]);
});

virtualTest("Watcher.close() stops it for good, also at the end of a using block", () => {
  const loop = new Loop();
  {
    using timer = loop.timer(5);
    timer.start(() => {});
  }
  const closed = loop.timer(5);
  closed.close();
  closed.stop();
  assertThrows(() => closed.start(() => {}), TypeError, "was closed");
  assertThrows(() => loop.timer(1).start(5 as never), TypeError, "must be a function");
  assertEquals([loop.activeCount, hub.timers.size], [0, 0]);
});

virtualTest("Watcher.ref says whether Loop.run() waits for it", async () => {
  const loop = new Loop();
  const background = loop.timer(1000);
  background.ref = false;
  background.start(() => {});
  const timer = loop.timer(5);
  timer.start(() => {});
  assertEquals(loop.activeCount, 1);
  assertEquals([await loop.run(), now()], [true, 5]);
  background.ref = true;
  assertEquals(loop.activeCount, 1);
  background.ref = false;
  background.stop();
  assertEquals([loop.activeCount, background.ref], [0, false]);
});

virtualTest("Watcher.feed() calls as if it had happened, when it is active", () => {
  const loop = new Loop();
  const timer = loop.timer(1000, 1000);
  let calls = 0;
  timer.feed();
  timer.start(() => calls++);
  timer.feed();
  timer.stop();
  assertEquals(calls, 1);
});

virtualTest("Watcher reports what its function throws, and goes on; it cannot block", async () => {
  using reports = collectReports();
  const loop = new Loop();
  const timer = loop.timer(1, 1);
  let calls = 0;
  let refused: unknown;
  timer.start(() => {
    if (++calls === 2) timer.stop();
    sleep(1).catch((error) => refused = error);
    throw new Error("broken");
  });
  await loop.run();
  await turns();
  assertEquals([calls, reports.list.length], [2, 2]);
  assert(refused instanceof BlockingSwitchOutError);
});

virtualTest("Loop.callback() calls in the hub's next turn, once", async () => {
  const loop = new Loop();
  const seen: unknown[] = [];
  const watcher = loop.callback((x: number) => seen.push(x), 7);
  loop.callback(() => seen.push("stopped")).stop();
  assertEquals(seen, []);
  await loop.run();
  assertEquals([seen, watcher.active], [[7], false]);
});

virtualTest("Loop.async() calls once for several sends in one turn", async () => {
  const loop = new Loop();
  const watcher = loop.async();
  let calls = 0;
  watcher.send();
  watcher.start(() => calls++);
  assertEquals(watcher.pending, false);
  watcher.send();
  watcher.send();
  assertEquals([watcher.pending, calls], [true, 0]);
  await turns();
  assertEquals([watcher.pending, calls], [false, 1]);
  watcher.send();
  watcher.stop();
  await turns();
  assertEquals(calls, 1);
});

Deno.test("Loop.idle() calls again and again while there is nothing else to do", async () => {
  const loop = new Loop();
  const idle = loop.idle();
  let calls = 0;
  let busy = true;
  const other = spawn(async () => {
    for (let i = 0; i < 100; i++) await sleep();
    busy = false;
  });
  idle.start(() => {
    assertEquals(busy, false);
    if (++calls === 3) idle.stop();
  });
  assertEquals(await loop.run(), true);
  assertEquals(calls, 3);
  await other.get();
});

virtualTest("Loop.run() gives false after its timeout, or when it is to break", async () => {
  const loop = new Loop();
  const timer = loop.timer(10, 10);
  timer.start(() => {
    if (now() === 30) loop.break();
  });
  assertEquals([await loop.run({ timeout: 5 }), now()], [false, 5]);
  assertEquals([await loop.run(), now()], [false, 30]);
  timer.stop();
  assertEquals(await new Loop().run(), true);
});

virtualTest("Loop.run() returns after the first call when it is to run once", async () => {
  const loop = new Loop();
  const timer = loop.timer(10, 10);
  timer.start(() => {});
  assertEquals([await loop.run({ once: true }), now()], [false, 10]);
  timer.stop();
});

Deno.test("Loop refuses times that make no sense", () => {
  const loop = new Loop();
  assertThrows(() => loop.timer(NaN), TypeError, "received NaN");
  assertThrows(() => loop.timer("1" as never), TypeError, 'received "1"');
  assertThrows(() => loop.timer(1, -1), RangeError, "received -1");
  assertThrows(() => loop.stat("x", 0), RangeError, "received 0");
});

Deno.test({
  name: "Loop.signal() calls each time the signal comes",
  ignore: Deno.build.os === "windows",
  timeout: 30_000,
  async fn() {
    const loop = new Loop();
    const watcher = loop.signal("SIGURG");
    let calls = 0;
    watcher.start(() => {
      if (++calls === 2) watcher.stop();
      else Deno.kill(Deno.pid, "SIGURG");
    });
    assertEquals(watcher.signal, "SIGURG");
    Deno.kill(Deno.pid, "SIGURG");
    assertEquals([await loop.run({ timeout: 20_000 }), calls], [true, 2]);
  },
});

virtualTest("Loop.stat() calls when the file appears, changes or goes away", async () => {
  const path = Deno.makeTempFileSync();
  Deno.removeSync(path);
  const loop = new Loop();
  using watcher = loop.stat(path, 100);
  const seen: unknown[] = [];
  assertEquals([watcher.path, watcher.interval, watcher.attr], [path, 100, undefined]);
  watcher.start(() => void seen.push([watcher.prev?.size, watcher.attr?.size, now()]));
  assertEquals(watcher.attr, null);
  await sleep(150);
  Deno.writeTextFileSync(path, "abc");
  await sleep(100);
  Deno.writeTextFileSync(path, "abcdef");
  await sleep(100);
  await sleep(100);
  Deno.removeSync(path);
  await sleep(100);
  assertEquals(seen, [[undefined, 3, 200], [3, 6, 300], [6, undefined, 500]]);
  watcher.stop();
});

virtualTest(
  "Loop.stat() reports when it may not look, and throws what is wrong at the start",
  () => {
    const loop = new Loop();
    using watcher = loop.stat("/dev/null/nothing/here");
    try {
      watcher.start(() => {});
    } catch (error) {
      assert(error instanceof Error);
    }
    watcher.stop();
  },
);
