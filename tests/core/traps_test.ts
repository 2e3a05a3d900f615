/**
 * Mistakes that schedulers of greenlets are prone to, as far as no test of a single file has them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { joinAll } from "../../core/join.ts";
import { Loop } from "../../core/loop.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { withTimeout } from "../../core/timeout.ts";
import { until } from "../../core/until.ts";
import { Event } from "../../sync/event.ts";
import { Queue } from "../../sync/queue.ts";
import { runScript } from "../helpers/script.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

// Links and ends.

virtualTest("Links of a greenlet wait for its end, also those made in its first turn", async () => {
  const order: string[] = [];
  const greenlet = spawn(async () => {
    const self = getCurrent();
    self.rawlink(() => order.push("link made inside"));
    order.push(`ready: ${self.ready}, dead: ${self.dead}`);
    await sleep(5);
    order.push("end");
  });
  greenlet.rawlink(() => order.push("link made outside"));
  await sleep(1);
  assertEquals(order, ["ready: false, dead: false"]);
  await greenlet.join();
  await turns();
  assertEquals(order.slice(1), ["end", "link made outside", "link made inside"]);
});

// Storms: whoever has always something to do must leave room for the others.

/** Ways to keep the hub busy until a function says that it is over. */
const STORMS: Readonly<Record<string, (isOver: () => boolean) => void>> = {
  "timers that start timers": (isOver) => {
    const timer = new Loop().timer(0);
    const again = (): void => {
      if (!isOver()) timer.start(again);
    };
    timer.start(again);
  },
  "a timer that repeats all the time": (isOver) => {
    const timer = new Loop().timer(0, 1e-9);
    timer.start(() => {
      if (isOver()) timer.stop();
    });
  },
  "callbacks that queue callbacks": (isOver) => {
    const again = (): void => {
      if (!isOver()) hub.enqueueCallback(again);
    };
    hub.enqueueCallback(again);
  },
  "greenlets that start greenlets": (isOver) => {
    const again = (): void => {
      if (!isOver()) spawn(again);
    };
    spawn(again);
  },
  "links that link": (isOver) => {
    const event = new Event();
    event.set();
    const again = (): void => {
      if (!isOver()) spawn(() => {}).rawlink(again);
    };
    event.rawlink(again);
  },
  "greenlets that hand an item to each other": (isOver) => {
    const [one, two] = [new Queue<boolean>(), new Queue<boolean>()];
    const pass = (from: Queue<boolean>, to: Queue<boolean>) => async () => {
      while (await from.get()) await to.put(!isOver());
      await to.put(false);
    };
    spawn(pass(one, two));
    spawn(pass(two, one));
    one.putNowait(true);
  },
};

for (const [what, begin] of Object.entries(STORMS)) {
  Deno.test({
    name: `A storm of ${what} lets timers, I/O and other greenlets in`,
    timeout: 30_000,
    async fn() {
      let over = false;
      begin(() => over);
      const native = Promise.withResolvers<void>();
      setTimeout(native.resolve, 1);
      const others = [
        spawn(() => sleep(2)),
        spawn(() => withTimeout(2, () => new Event().wait(), { timeoutValue: undefined })),
        spawn(() => until(native.promise)),
        spawn(() => until(Deno.readTextFile(new URL(import.meta.url)))),
        spawn(async () => {
          for (let i = 0; i < 100; i++) await Promise.resolve();
        }),
      ];
      assertEquals((await joinAll(others, { raiseError: true })).length, others.length);
      over = true;
      while (hub.live.size > 0) await sleep(1);
    },
  });
}

virtualTest("A storm of timers in virtual time lets greenlets and promises in", async () => {
  let over = false;
  STORMS["timers that start timers"]!(() => over);
  let steps = 0;
  const greenlet = spawn(async () => {
    for (; steps < 1000; steps++) await sleep();
    await until((async () => {
      for (let i = 0; i < 100_000; i++) await undefined;
    })());
  });
  await greenlet.get();
  over = true;
  assertEquals([steps, now()], [1000, 0]);
  await sleep(1); // lets the last timer fire
});

// Modules that wait while they are loaded, which happens in the name of who imports them first. Each program has a
// process of its own, as the runtime keeps the context of the import for whatever it calls afterwards without one.

scriptTest(
  "A module that waits while it is loaded can be imported by several at once",
  `
  const importers = [1, 2, 3].map(() => spawn(async () => (await import(slow)).loaded));
  for (const importer of importers) console.log(await importer.get());
`,
  "loaded\nloaded\nloaded\n",
);

scriptTest(
  "A module is loaded for all others when who imports it under a shield is killed",
  `
  const first = spawn(() => shield(() => import(slow)));
  await sleep();
  const second = spawn(async () => (await until(import(slow))).loaded);
  const third = spawn(() => until(import(slow)));
  await sleep(1);
  first.throw();
  await third.kill();
  console.log(third.value.name, second.ready);
  console.log(await second.get(), first.ready);
`,
  "GreenletExit false\nloaded true\n",
);

/** A test of a program that may import `slow`. */
function scriptTest(name: string, program: string, expected: string): void {
  Deno.test({
    name,
    timeout: 60_000,
    async fn() {
      const { stdout, stderr, code } = await runScript(`
        import { shield, sleep, spawn, until } from "@/core/mod.ts";
        const slow = "@/tests/helpers/slow_module.ts";
        ${program}
      `);
      assertEquals([stdout, stderr, code], [expected, "", 0]);
    },
  });
}

// Threads.

Deno.test({
  name: "A Worker has a hub of its own, and may be ended in the middle of its greenlets",
  timeout: 60_000,
  async fn() {
    const { stdout, stderr, code } = await runScript(`
      import { Event, getHub, sleep, spawn } from "@/mod.ts";
      if (self.name === "worker") {
        for (let i = 0; i < 100; i++) spawn(async () => { for (;;) await sleep(); });
        spawn(sleep, 60_000);
        await sleep(1);
        postMessage(getHub().stats.greenlets);
      } else {
        const worker = new Worker(import.meta.url, { type: "module", name: "worker" });
        const told = new Event();
        let greenlets;
        worker.onmessage = ({ data }) => { greenlets = data; told.set(); };
        const waiter = spawn(() => told.wait()); // woken from outside all greenlets
        await waiter.join();
        worker.terminate();
        await sleep(5);
        console.log(greenlets, getHub().stats.greenlets, waiter.value);
      }
    `);
    assertEquals([stdout, stderr, code], ["101 0 true\n", "", 0]);
  },
});
