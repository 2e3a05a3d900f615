import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Clock, nextTurn } from "../../core/clock.ts";
import { GreenletExit } from "../../core/errors.ts";
import { joinAll } from "../../core/join.ts";
import { Loop } from "../../core/loop.ts";
import { hub } from "../../core/scheduler.ts";
import { idle, sleep } from "../../core/sleep.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import type { Watcher } from "../../core/watcher.ts";
import { Event } from "../../sync/event.ts";
import { collectReports, collectUnhandled } from "../helpers/reports.ts";
import { ioTest } from "../helpers/io_test.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

class Broken extends Error {}

/** Each kind of watcher that can be made without doing I/O. */
const KINDS: Readonly<Record<string, (loop: Loop) => Watcher>> = {
  TimerWatcher: (loop) => loop.timer(1000, 1000),
  AsyncWatcher: (loop) => loop.async(),
  StatWatcher: (loop) => loop.stat("deno.json"),
  SignalWatcher: (loop) => loop.signal("SIGINT"),
};

for (const [kind, make] of Object.entries(KINDS)) {
  virtualTest(`${kind} is counted exactly as long as it is active and to be counted`, () => {
    const loop = new Loop();
    const watcher = make(loop);
    const counts = [loop.activeCount];
    const step = (act: () => void): void => {
      act();
      counts.push(loop.activeCount);
    };
    const start = (): void => watcher.start(() => {});
    step(start);
    step(start);
    step(() => watcher.ref = false);
    step(() => watcher.ref = false);
    step(() => watcher.ref = true);
    step(() => watcher.stop());
    step(() => watcher.stop());
    step(() => watcher.ref = false);
    step(start);
    step(() => watcher.ref = true);
    step(() => watcher.close());
    step(() => watcher.close());
    assertEquals(counts, [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0]);
    assertThrows(start, TypeError, "was closed");
    assertEquals([loop.activeCount, hub.timers.size], [0, 0]);
  });

  virtualTest(`${kind} refuses what is not a function, and stays as it was`, () => {
    const loop = new Loop();
    using watcher = make(loop);
    assertThrows(() => watcher.start(7 as never), TypeError, "received 7");
    assertEquals([watcher.active, loop.activeCount], [false, 0]);
    let calls = 0;
    watcher.start(() => calls++);
    assertThrows(() => watcher.start(undefined as never), TypeError, "received undefined");
    watcher.feed();
    assertEquals([watcher.active, calls], [true, 1]);
  });

  virtualTest(`${kind} calls nothing when it has been stopped`, () => {
    const loop = new Loop();
    const watcher = make(loop);
    watcher.start(() => assert(false, "It was called"));
    watcher.stop();
    watcher.feed();
    assertEquals(watcher.active, false);
  });
}

Deno.test("Watcher.start() leaves it inactive when it cannot begin", () => {
  const loop = new Loop();
  const watchers = [
    loop.signal("SIGNOTHING" as Deno.Signal),
    loop.stat("\0"),
  ];
  for (const watcher of watchers) {
    assertThrows(() => watcher.start(() => {}));
    assertEquals([watcher.active, loop.activeCount], [false, 0]);
    watcher.close();
  }
});

// Timers.

/** Wakes the hub later than it wants. */
class LateClock implements Clock {
  #now = 0;
  #armed: object | undefined;
  readonly #lateness: () => number;

  constructor(lateness: () => number) {
    this.#lateness = lateness;
  }

  now(): number {
    return this.#now;
  }

  arm(deadline: number, wake: () => void): void {
    const armed = this.#armed = {};
    if (deadline === Infinity) return;
    void nextTurn().then(() => {
      if (this.#armed !== armed) return;
      this.#now = Math.max(this.#now, deadline + this.#lateness());
      wake();
    });
  }

  disarm(): void {
    this.#armed = undefined;
  }
}

async function callsOfLateTimer(lateness: () => number): Promise<number[]> {
  const restore = hub.replaceClock(new LateClock(lateness));
  try {
    const loop = new Loop();
    const timer = loop.timer(10, 10);
    const seen: number[] = [];
    timer.start(() => {
      if (seen.push(now()) === 4) timer.stop();
    });
    await loop.run();
    return seen;
  } finally {
    restore();
  }
}

Deno.test("TimerWatcher that repeats does not drift when the hub is late", async () => {
  assertEquals(await callsOfLateTimer(() => 3), [13, 23, 33, 43]);
});

Deno.test("TimerWatcher that repeats does not make up for calls it has missed", async () => {
  let first = true;
  const lateOnce = (): number => {
    const lateness = first ? 35 : 0;
    first = false;
    return lateness;
  };
  assertEquals(await callsOfLateTimer(lateOnce), [45, 45, 55, 65]);
});

virtualTest("TimerWatcher that repeats is called in time when it is started late", async () => {
  const loop = new Loop();
  const timer = loop.timer(5, 10);
  const seen: number[] = [];
  await sleep(3);
  timer.start(() => {
    if (seen.push(now()) === 3) timer.stop();
  });
  await loop.run();
  assertEquals(seen, [8, 18, 28]);
});

virtualTest("TimerWatcher with no time is called in the next round, not at once", async () => {
  const loop = new Loop();
  const order: string[] = [];
  for (const after of [0, -5]) loop.timer(after).start(() => order.push(`timer ${after}`));
  order.push("started");
  assertEquals([await loop.run(), order, now()], [true, ["started", "timer 0", "timer -5"], 0]);
});

virtualTest(
  "TimerWatcher lets those that are due together go in order of their start",
  async () => {
    const loop = new Loop();
    const order: string[] = [];
    const timers = ["a", "b", "c"].map((name) => ({ name, timer: loop.timer(5) }));
    for (const { name, timer } of timers.toReversed()) timer.start(() => order.push(name));
    await loop.run();
    assertEquals(order, ["c", "b", "a"]);
  },
);

virtualTest("TimerWatcher calls no more when its function stops it", async () => {
  const loop = new Loop();
  for (const end of ["stop", "close"] as const) {
    let calls = 0;
    const timer = loop.timer(1, 1);
    timer.start(() => {
      calls++;
      timer[end]();
    });
    assertEquals(await loop.run(), true);
    await sleep(5);
    assertEquals([calls, timer.active], [1, false]);
  }
});

virtualTest("TimerWatcher that is called once is not active in its function", async () => {
  const loop = new Loop();
  const timer = loop.timer(5);
  const seen: unknown[] = [];
  timer.start(() => seen.push(timer.active, loop.activeCount));
  await loop.run();
  assertEquals([seen, timer.active, loop.activeCount], [[false, 1], false, 0]);
});

virtualTest("TimerWatcher that is called once can be started anew by its function", async () => {
  for (const how of ["start", "stop and start", "again"]) {
    const began = now();
    const loop = new Loop();
    const timer = loop.timer(5, how === "again" ? 5 : 0);
    const seen: number[] = [];
    const call = (): void => {
      if (seen.push(now() - began) === 3) return timer.stop();
      if (how !== "start") timer.stop();
      if (how === "again") timer.again(call);
      else timer.start(call);
    };
    timer.start(call);
    assertEquals(await loop.run(), true);
    assertEquals([seen, timer.active, loop.activeCount], [[5, 10, 15], false, 0], how);
  }
});

virtualTest("TimerWatcher that repeats can be started anew by its function", async () => {
  const loop = new Loop();
  const timer = loop.timer(5, 20);
  const seen: number[] = [];
  const call = (): void => {
    if (seen.push(now()) === 4) timer.close();
    if (seen.length === 2) {
      timer.stop();
      timer.start(call);
    }
  };
  timer.start(call);
  await loop.run();
  assertEquals([seen, hub.timers.size], [[5, 25, 30, 50], 0]);
});

virtualTest("TimerWatcher may change whether it counts in its own function", async () => {
  const loop = new Loop();
  const once = loop.timer(5);
  once.start(() => once.ref = false);
  assertEquals([await loop.run(), loop.activeCount], [true, 0]);
  once.ref = true;
  const restarted = loop.timer(5);
  let calls = 0;
  const call = (): void => {
    if (++calls === 3) return;
    restarted.start(call);
    restarted.ref = !restarted.ref;
  };
  restarted.start(call);
  assertEquals([await loop.run(), calls], [true, 1], "It did not count any more");
  await sleep(20);
  assertEquals([calls, loop.activeCount, restarted.active], [3, 0, false]);
});

virtualTest("TimerWatcher.again() stops one that does not repeat, without a call", async () => {
  const loop = new Loop();
  const timer = loop.timer(5);
  const call = (): void => assert(false, "It was called");
  timer.again(call);
  assertEquals([timer.active, loop.activeCount, hub.timers.size], [false, 0, 0]);
  timer.start(call);
  const running = spawn(() => loop.run());
  await sleep(1);
  timer.again(call);
  assertEquals([timer.active, loop.activeCount, hub.timers.size], [false, 0, 0]);
  assertEquals([await running.get(), now()], [true, 1]);
  await sleep(10);
  assertThrows(() => timer.again(7 as never), TypeError, "received 7");
  timer.close();
  assertThrows(() => timer.again(call), TypeError, "was closed");
});

virtualTest(
  "TimerWatcher.again() that does not repeat may be called by its own function",
  async () => {
    const loop = new Loop();
    const timer = loop.timer(5);
    let calls = 0;
    timer.start(() => {
      calls++;
      timer.again(() => calls++);
    });
    assertEquals([await loop.run(), calls, timer.active, loop.activeCount], [true, 1, false, 0]);
  },
);

// Callbacks.

virtualTest("Loop.callback() takes its place in the run queue", async () => {
  const loop = new Loop();
  const order: string[] = [];
  spawn(() => order.push("greenlet 1"));
  loop.callback(() => order.push("callback 1"));
  spawn(() => order.push("greenlet 2"));
  loop.callback((...words: string[]) => order.push(words.join(" ")), "callback", "2");
  await turns();
  assertEquals(order, ["greenlet 1", "callback 1", "greenlet 2", "callback 2"]);
});

virtualTest("Loop.callback() can be stopped before, and started again", async () => {
  const loop = new Loop();
  const order: string[] = [];
  const watcher = loop.callback(() => order.push("first"));
  watcher.stop();
  assertEquals([watcher.active, await loop.run(), order], [false, true, []]);
  watcher.start(() => {
    order.push("second");
    watcher.start(() => order.push("third"));
  });
  assertEquals([watcher.active, await loop.run()], [true, true]);
  assertEquals([order, watcher.active, loop.activeCount], [["second", "third"], false, 0]);
  const moved = loop.callback(() => order.push("too early"));
  moved.stop();
  spawn(() => order.push("greenlet"));
  moved.start(() => order.push("moved"));
  await loop.run();
  assertEquals(order.splice(2), ["greenlet", "moved"]);
  loop.callback(() => order.push("closed")).close();
  await turns();
  assertEquals(order.length, 2);
});

virtualTest("AsyncWatcher forgets what was sent before it was stopped", async () => {
  const loop = new Loop();
  const watcher = loop.async();
  const seen: string[] = [];
  watcher.start(() => seen.push("first"));
  watcher.send();
  watcher.stop();
  assertEquals(watcher.pending, false);
  watcher.start(() => seen.push("second"));
  await turns();
  assertEquals(seen, []);
  watcher.send();
  watcher.stop();
  watcher.start(() => seen.push("third"));
  watcher.send();
  await turns();
  assertEquals([seen, watcher.pending], [["third"], false]);
  watcher.close();
});

virtualTest("AsyncWatcher can be sent by its function, and by greenlets", async () => {
  const loop = new Loop();
  const watcher = loop.async();
  let calls = 0;
  watcher.start(() => {
    if (++calls < 3) watcher.send();
    else watcher.stop();
  });
  spawn(() => watcher.send());
  assertEquals([await loop.run(), calls], [true, 3]);
});

virtualTest("Watcher goes on when its function throws, for each kind of call", async () => {
  using reports = collectReports();
  const loop = new Loop();
  const errors = Array.from({ length: 4 }, () => new Broken());
  const once = loop.timer(5);
  once.start(() => {
    throw errors[1];
  });
  loop.callback(() => {
    throw errors[0];
  });
  const repeating = loop.timer(10, 10);
  repeating.start(() => {
    if (now() === 20) repeating.stop();
    else throw errors[2];
  });
  const sent = loop.async();
  sent.start(() => {
    sent.stop();
    throw errors[3];
  });
  hub.addTimer(15, { fire: () => sent.send() });
  assertEquals([await loop.run(), now()], [true, 20]);
  assertEquals(reports.list.map(({ error }) => error), errors);
});

virtualTest(
  "Watcher reports the error of an asynchronous function, for each kind of call",
  async () => {
    using reports = collectReports();
    using unhandled = collectUnhandled();
    const loop = new Loop();
    const errors = Array.from({ length: 4 }, (_, n) => new Broken(String(n)));
    const fail = async (n: number): Promise<never> => {
      await Promise.resolve();
      throw errors[n];
    };
    loop.callback(fail, 0);
    loop.timer(5).start(fail, 1);
    const repeating = loop.timer(10, 10);
    repeating.start(async () => {
      repeating.stop();
      await fail(2);
    });
    const sent = loop.async();
    sent.start(async () => {
      sent.stop();
      await fail(3);
    });
    hub.addTimer(15, { fire: () => sent.send() });
    assertEquals([await loop.run(), now()], [true, 15]);
    await idle(); // lets the runtime look for unhandled rejections
    assertEquals([reports.list.map(({ error }) => error), unhandled.list], [errors, []]);
  },
);

virtualTest("Watcher reports that an asynchronous function cannot block", async () => {
  using reports = collectReports();
  const loop = new Loop();
  loop.callback(async () => await sleep(1));
  await loop.run();
  await turns();
  assertEquals(reports.list.map(({ error }) => (error as Error).name), ["BlockingSwitchOutError"]);
});

// Loop.run().

virtualTest("Loop.run() can be waited for by several, each in its own way", async () => {
  const loop = new Loop();
  const timer = loop.timer(10, 10);
  timer.start(() => {
    if (now() === 30) timer.stop();
  });
  const timeOf = async (running: Promise<boolean>): Promise<unknown> => [await running, now()];
  const runners = [
    spawn(() => timeOf(loop.run())),
    spawn(() => timeOf(loop.run({ once: true }))),
    spawn(() => timeOf(loop.run({ timeout: 15 }))),
    spawn(() => timeOf(loop.run())),
  ];
  await joinAll(runners);
  assertEquals(runners.map((runner) => runner.value), [
    [true, 30],
    [false, 10],
    [false, 15],
    [true, 30],
  ]);
});

virtualTest("Loop.run() gives true when the only call was the last one", async () => {
  const loop = new Loop();
  loop.timer(5).start(() => {});
  assertEquals([await loop.run({ once: true }), now()], [true, 5]);
  loop.callback(() => {});
  assertEquals(await loop.run({ once: true }), true);
  assertEquals(await loop.run({ once: true }), true);
});

virtualTest("Loop.run() goes on when the last function starts another watcher", async () => {
  const loop = new Loop();
  const timer = loop.timer(5);
  timer.start(() => loop.timer(5).start(() => loop.callback(() => loop.timer(5).start(() => {}))));
  assertEquals([await loop.run(), now()], [true, 15]);
});

virtualTest("Loop.run() can be repeated, and loops do not know of each other", async () => {
  const [one, two] = [new Loop(), new Loop()];
  two.timer(100).start(() => {});
  for (let i = 1; i <= 3; i++) {
    one.timer(10).start(() => {});
    assertEquals([await one.run(), now()], [true, i * 10]);
  }
  two.break();
  assertEquals([await two.run(), now()], [true, 100]);
});

virtualTest("Loop.run() ends when a greenlet, not a function, stops the last watcher", async () => {
  const loop = new Loop();
  const timer = loop.timer(1000, 1000);
  timer.start(() => {});
  spawn(async () => {
    await sleep(5);
    timer.stop();
  });
  assertEquals([await loop.run(), now()], [true, 5]);
  timer.start(() => {});
  spawn(async () => {
    await sleep(5);
    timer.ref = false;
  });
  assertEquals([await loop.run(), now()], [true, 10]);
  timer.close();
});

virtualTest("Loop.run() leaves its watchers active when it is killed or timed out", async () => {
  const loop = new Loop();
  const timer = loop.timer(10);
  let calls = 0;
  timer.start(() => calls++);
  const runner = spawn(() => loop.run());
  await sleep(1);
  await runner.kill();
  assert(runner.value as unknown instanceof GreenletExit);
  const timeout = new Timeout(1);
  await assertRejects(() => withTimeout(timeout, () => loop.run()), Timeout);
  assertEquals([timer.active, calls], [true, 0]);
  assertEquals([await loop.run(), calls, now()], [true, 1, 10]);
});

virtualTest("Loop.break() ends everybody's run, and not the next one", async () => {
  const loop = new Loop();
  loop.timer(50).start(() => {});
  const runners = [{}, { once: true }].map((options) => spawn(() => loop.run(options)));
  await turns();
  loop.break();
  await joinAll(runners);
  assertEquals(runners.map((runner) => runner.value), [false, false]);
  loop.break();
  assertEquals([await loop.run(), now()], [true, 50]);
});

virtualTest("Watcher can wake greenlets, which then run as ever", async () => {
  const loop = new Loop();
  const tick = new Event();
  const timer = loop.timer(10, 10);
  timer.start(() => {
    tick.set();
    tick.clear();
  });
  const waits: number[] = [];
  for (let i = 0; i < 3; i++) {
    await tick.wait();
    waits.push(now());
  }
  timer.stop();
  assertEquals(waits, [10, 20, 30]);
});

// Files.

virtualTest("StatWatcher knows what was there before, and survives an atomic change", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/file`;
    Deno.writeTextFileSync(path, "one");
    const loop = new Loop();
    using watcher = loop.stat(new URL(`file://${path}`), 10);
    const seen: unknown[] = [];
    watcher.start(() => seen.push([watcher.prev?.size, watcher.attr?.size]));
    assertEquals([watcher.attr?.size, watcher.prev], [3, undefined]);
    await sleep(15);
    Deno.writeTextFileSync(`${path}.new`, "three");
    Deno.renameSync(`${path}.new`, path);
    await sleep(10);
    Deno.removeSync(path);
    await sleep(10);
    assertEquals(watcher.attr, null);
    watcher.stop();
    Deno.writeTextFileSync(path, "back");
    await sleep(50);
    assertEquals(seen, [[3, 5], [5, undefined]]);
    watcher.start(() => seen.push("again"));
    assertEquals(watcher.attr?.size, 4);
    await sleep(50);
    assertEquals(seen.length, 2, "What changed while it was stopped is no news");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

virtualTest("StatWatcher looks in time however often its ref changes", async () => {
  const path = Deno.makeTempFileSync();
  try {
    using watcher = new Loop().stat(path, 10);
    const seen: number[] = [];
    watcher.start(() => seen.push(now()));
    Deno.writeTextFileSync(path, "changed");
    for (let i = 0; i < 4; i++) {
      await sleep(8);
      watcher.ref = !watcher.ref;
    }
    assertEquals(seen, [10]);
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("StatWatcher and TimerWatcher refuse times that make no sense", () => {
  const loop = new Loop();
  for (const interval of [0, -1, NaN, "x" as never]) {
    assertThrows(() => loop.stat("x", interval), RangeError, `received ${Deno.inspect(interval)}`);
  }
  for (const repeat of [-1, NaN, {} as never]) {
    assertThrows(() => loop.timer(1, repeat), RangeError, `received ${Deno.inspect(repeat)}`);
  }
  for (const after of [NaN, null as never, "1" as never]) {
    assertThrows(() => loop.timer(after), TypeError, `received ${Deno.inspect(after)}`);
  }
});

ioTest("Watcher calls its function outside all greenlets, whoever has started it", async () => {
  const path = Deno.makeTempFileSync();
  const loop = new Loop();
  const starter = spawn(async () => {
    const names: Record<string, string> = {};
    const watchers = {
      timer: loop.timer(1, 1),
      idle: loop.idle(),
      async: loop.async(),
      signal: loop.signal("SIGWINCH"), // one that is ignored where nobody listens, and no other test sends
      stat: loop.stat(path, 1),
      callback: loop.callback(() => {}),
    };
    for (const [kind, watcher] of Object.entries(watchers)) {
      watcher.start(() => {
        names[kind] = getCurrent().name;
        watcher.stop();
      });
    }
    watchers.async.send();
    Deno.removeSync(path);
    const sender = spawn(async () => {
      // Again, as the runtime may not listen yet.
      for (; names["signal"] === undefined; await sleep(20)) Deno.kill(Deno.pid, "SIGWINCH");
    });
    await loop.run();
    await sender.join();
    return names;
  });
  const kinds = ["timer", "idle", "async", "signal", "stat", "callback"];
  assertEquals(await starter.get(), Object.fromEntries(kinds.map((kind) => [kind, "main"])));
}, { ignore: Deno.build.os === "windows" });

ioTest("IdleWatcher is not called while there is something else to do", async () => {
  using reports = collectReports();
  const loop = new Loop();
  let busy = true;
  let calls = 0;
  const idle = loop.idle();
  idle.start(() => {
    if (busy) throw new Broken();
    if (++calls === 3) idle.stop();
  });
  const other = spawn(async () => {
    // So long that the event loop turns in between.
    for (const until = hub.clock.now() + 50; hub.clock.now() < until;) await sleep();
    busy = false;
  });
  await loop.run();
  await other.join();
  assertEquals([calls, reports.list], [3, []]);
});
