import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { SystemClock } from "../../core/clock.ts";
import { LoopExit } from "../../core/errors.ts";
import { Loop } from "../../core/loop.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { TimerHeap } from "../../core/timer_heap.ts";
import { withTimeout } from "../../core/timeout.ts";
import { Event } from "../../sync/event.ts";
import { runVirtual } from "../../testing/virtual_clock.ts";
import { runScript } from "../helpers/script.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

const aside = { ref: false };

/** A test that starts processes, which end by themselves or not at all. */
function scriptTest(
  name: string,
  source: string,
  expected: { code: number; stdout: string },
): void {
  Deno.test({
    name,
    async fn() {
      const { code, stdout } = await runScript(source);
      assertEquals({ code, stdout }, expected);
    },
    timeout: 60_000,
  });
}

virtualTest("sleep() without ref ends at its time while somebody else waits", async () => {
  const seen: number[] = [];
  const sleeper = spawn(async () => {
    for (;;) {
      await sleep(10, aside);
      seen.push(now());
    }
  });
  await sleep(35);
  assertEquals(seen, [10, 20, 30]);
  await sleeper.kill();
});

virtualTest("sleep() without ref can be interrupted, and leaves no timer", async () => {
  const greenlet = spawn(sleep, 10, aside);
  await turns();
  assertEquals([hub.timers.size, hub.timers.referenced], [1, 0]);
  await greenlet.kill();
  assertEquals([hub.timers.size, hub.timers.referenced, now()], [0, 0, 0]);
  await assertRejects(() => withTimeout(5, () => sleep(10, aside)), Error, "5 ms");
  const { signal } = new AbortController();
  await assertRejects(
    () =>
      sleep(10, { ref: false, signal: AbortSignal.abort("no") }).catch((reason) => {
        throw new Error(reason);
      }),
    Error,
    "no",
  );
  const [first] = await Promise.all([sleep(10, { ref: false, signal }), sleep(20)]);
  assertEquals([first, now()], [undefined, 25]);
});

virtualTest("sleep() without ref waits for ever when its time is Infinity", async () => {
  const sleeper = spawn(sleep, Infinity, aside);
  await sleep(1e12);
  assertEquals([sleeper.ready, hub.timers.size], [false, 0]);
  await sleeper.kill();
});

Deno.test("runVirtual() gives a LoopExit when only sleeps without ref are left", async () => {
  const error = await assertRejects(() =>
    runVirtual(async () => {
      spawn(async () => {
        for (;;) await sleep(10, aside);
      });
      await new Event().wait();
    }), LoopExit);
  assertInstanceOf(error, LoopExit);
  assertStringIncludes(error.message, "waits for sleep");
});

Deno.test("TimerHeap.referenced counts the timers that count", () => {
  const heap = new TimerHeap();
  const target = { fire(): void {} };
  const counting = heap.add(1, target);
  const others = [heap.add(2, target, 0, false), heap.add(3, target, 0, false)];
  assertEquals([heap.size, heap.referenced], [3, 1]);
  heap.remove(others[0]!);
  heap.remove(others[0]!);
  assertEquals([heap.size, heap.referenced], [2, 1]);
  heap.remove(counting);
  heap.remove(others[1]!);
  assertEquals([heap.size, heap.referenced], [0, 0]);
});

Deno.test("SystemClock.arm() wakes whether or not the wake-up counts, and when that changes", async () => {
  const clock = new SystemClock();
  for (const refs of [[false], [false, true], [true, false], [true, false, true]]) {
    const alive = setTimeout(() => {}, 60_000);
    const deadline = clock.now() + 3;
    let wakes = 0;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        wakes++;
        resolve();
      };
      for (const ref of refs) clock.arm(deadline, wake, ref);
    });
    clearTimeout(alive);
    assertEquals(wakes, 1);
    assert(clock.now() >= deadline - 1);
  }
});

scriptTest(
  "A process does not stay alive for sleeps without ref",
  `
    import { sleep, spawn } from "@/core/mod.ts";
    const watch = spawn(async () => {
      for (;;) await sleep(600_000, { ref: false });
    });
    await sleep(5);
    spawn(sleep, 600_000).throw(); // killed before it runs
    const killed = spawn(sleep, 600_000);
    await sleep(5);
    await killed.kill(); // the last one that counted
    console.log(watch.dead);
  `,
  { code: 0, stdout: "false\n" },
);

scriptTest(
  "A process stays alive for other sleeps, also those begun after one without ref",
  `
    import { sleep, spawn } from "@/core/mod.ts";
    let looked = 0;
    spawn(async () => {
      for (;;) {
        await sleep(1, { ref: false });
        looked++;
      }
    });
    spawn(async () => {
      await sleep(600_000, { ref: false });
    });
    setTimeout(() => spawn(async () => {
      await sleep(30);
      console.log("the end", looked > 0);
    }), 5);
  `,
  { code: 0, stdout: "the end true\n" },
);

scriptTest(
  "main() gives a LoopExit when only sleeps without ref are left",
  `
    import { LoopExit, main, sleep, spawn, suspend } from "@/core/mod.ts";
    main(async () => {
      spawn(async () => {
        for (;;) await sleep(600_000, { ref: false });
      });
      await suspend(() => {}).catch((error) => console.log(error instanceof LoopExit));
    });
  `,
  { code: 0, stdout: "true\n" },
);

virtualTest(
  "Watcher.ref says whether the timers of watchers count, also while they are active",
  async () => {
    const loop = new Loop();
    const timer = loop.timer(10, 10);
    const stat = loop.stat("does not exist", 10);
    let calls = 0;
    for (const watcher of [timer, stat]) watcher.start(() => calls++);
    assertEquals([hub.timers.size, hub.timers.referenced], [2, 2]);
    for (const watcher of [timer, stat]) watcher.ref = false;
    assertEquals([hub.timers.size, hub.timers.referenced, loop.activeCount], [2, 0, 0]);
    await sleep(25);
    assertEquals([calls, hub.timers.size, hub.timers.referenced], [2, 2, 0]);
    for (const watcher of [timer, stat]) watcher.ref = true;
    assertEquals([hub.timers.size, hub.timers.referenced, loop.activeCount], [2, 2, 2]);
    await sleep(10);
    assertEquals(calls, 3, "It has lost its rhythm");
    for (const watcher of [timer, stat]) watcher.close();
    assertEquals(hub.timers.size, 0);
  },
);

scriptTest(
  "A process stays alive for a timer that is started while the hub sleeps for one without ref",
  `
    import { Loop, sleep, spawn } from "@/core/mod.ts";
    spawn(sleep, 200, { ref: false });
    setTimeout(() => new Loop().timer(300).start(() => console.log("fired")), 20);
  `,
  { code: 0, stdout: "fired\n" },
);

scriptTest(
  "A process ends when the last timer that counts is stopped while the hub sleeps",
  `
    import { Loop, sleep, spawn } from "@/core/mod.ts";
    spawn(sleep, 600_000, { ref: false });
    const timer = new Loop().timer(500_000);
    timer.start(() => {});
    setTimeout(() => {
      timer.stop();
      console.log("stopped");
    }, 20);
  `,
  { code: 0, stdout: "stopped\n" },
);
