import { assertEquals } from "@std/assert";
import { runScript } from "../helpers/script.ts";

/** A test that starts a process, where the garbage collector can be called. */
function scriptTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, timeout: 60_000 });
}

scriptTest("local() keeps nothing when the local or the greenlet is gone", async () => {
  const { stdout, stderr } = await runScript(
    `
    import { local, sleep, spawn } from "@/mod.ts";
    let collected = 0;
    const registry = new FinalizationRegistry(() => collected++);
    const watched = () => {
      const value = { big: new Array(1000).fill(0) };
      registry.register(value, undefined);
      return value;
    };
    const lasting = local(watched);
    const gone = spawn(() => void lasting.big);
    await gone.join();
    await spawn(async () => {
      (() => { for (let i = 0; i < 10; i++) void local(watched).big; })();
      for (let i = 0; i < 50 && collected < 11; i++) {
        gc();
        await sleep(2);
      }
    }).join();
    console.log(collected, gone.dead, lasting !== undefined);
  `,
    "--v8-flags=--expose-gc",
  );
  assertEquals([stdout, stderr], ["11 true true\n", ""]);
});

scriptTest("A greenlet that has ended keeps neither its arguments nor its parents", async () => {
  const { stdout, stderr } = await runScript(
    `
    import { sleep, spawn, Greenlet } from "@/mod.ts";
    let collected = 0;
    const registry = new FinalizationRegistry(() => collected++);
    const watched = () => {
      const value = {};
      registry.register(value, undefined);
      return value;
    };
    const kept = [];
    const start = () => {
      kept.push(spawn((value) => void value, watched()));
      const unstarted = new Greenlet((value) => void value, watched());
      unstarted.throw();
      kept.push(unstarted);
    };
    start();
    const watchChain = async () => {
      let last;
      const next = (left) => {
        const g = spawn(() => { if (left > 0) next(left - 1); else last = g; });
        registry.register(g, undefined);
      };
      next(9);
      await sleep(5);
      return last;
    };
    const last = await watchChain();
    for (let i = 0; i < 50 && collected < 11; i++) {
      gc();
      await sleep(2);
    }
    console.log(collected, kept.length, last.dead);
  `,
    "--v8-flags=--expose-gc",
  );
  assertEquals([stdout, stderr], ["11 2 true\n", ""]);
});

scriptTest("A queue keeps no item that was taken, and the hub nothing that has run", async () => {
  const { stdout, stderr } = await runScript(
    `
    import { LifoQueue, Queue, sleep, spawn } from "@/mod.ts";
    let collected = 0;
    const registry = new FinalizationRegistry(() => collected++);
    const watched = () => {
      const value = {};
      registry.register(value, undefined);
      return value;
    };
    const queues = [new Queue(), new LifoQueue()];
    for (const queue of queues) {
      for (let i = 0; i < 5; i++) queue.putNowait(watched());
      for (let i = 0; i < 5; i++) queue.getNowait();
      spawn(() => queue.get());
      await sleep(1);
      queue.putNowait(watched());
    }
    spawn((value) => void value, watched());
    await sleep(1);
    for (let i = 0; i < 50 && collected < 13; i++) {
      gc();
      await sleep(2);
    }
    console.log(collected, queues.length);
  `,
    "--v8-flags=--expose-gc",
  );
  assertEquals([stdout, stderr], ["13 2\n", ""]);
});

scriptTest("imap() keeps neither the items nor the results that were read", async () => {
  const { stdout, stderr } = await runScript(
    `
    import { Pool, sleep } from "@/mod.ts";
    let collected = 0;
    const registry = new FinalizationRegistry(() => collected++);
    const watched = () => {
      const value = {};
      registry.register(value, undefined);
      return value;
    };
    function* items() { for (let i = 0; i < 5; i++) yield watched(); }
    const kept = [];
    for (const method of ["imap", "imapUnordered"]) {
      const results = new Pool(2)[method](watched, items());
      kept.push(results);
      const read = async () => { for (let i = 0; i < 5; i++) await results.next(); };
      await read();
    }
    for (let i = 0; i < 50 && collected < 20; i++) {
      gc();
      await sleep(2);
    }
    console.log(collected, kept.length);
  `,
    "--v8-flags=--expose-gc",
  );
  assertEquals([stdout, stderr], ["20 2\n", ""]);
});

scriptTest("A Timeout keeps nothing of the calls that it was given to", async () => {
  const { stdout, stderr } = await runScript(
    `
    import { Event, sleep, Timeout, withTimeout } from "@/mod.ts";
    let collected = 0;
    const registry = new FinalizationRegistry(() => collected++);
    const timeouts = [new Timeout(1), new Timeout(60_000)];
    const wait = async (timeout) => {
      const event = new Event();
      registry.register(event, undefined);
      if (timeout.ms > 1) setTimeout(() => event.set(), 1);
      await event.wait({ timeout });
    };
    for (const timeout of timeouts) await Promise.all([wait(timeout), wait(timeout)]);
    for (let i = 0; i < 50 && collected < 4; i++) {
      gc();
      await sleep(2);
    }
    console.log(collected, timeouts.map((timeout) => timeout.pending).join());
  `,
    "--v8-flags=--expose-gc",
  );
  assertEquals([stdout, stderr], ["4 false,false\n", ""]);
});

scriptTest("RLock keeps nothing of greenlets that have given up waiting for it", async () => {
  const { stdout, stderr } = await runScript(
    `
    import { RLock, sleep, spawn } from "@/mod.ts";
    let collected = 0;
    const registry = new FinalizationRegistry(() => collected++);
    const lock = new RLock();
    await lock.acquire();
    const giveUp = async (options) => {
      const g = spawn(() => Promise.all([lock.acquire(options), lock.acquire(options)]));
      registry.register(g, undefined);
      await sleep(2);
      await g.kill();
    };
    for (const options of [undefined, { timeout: 1 }]) await giveUp(options);
    for (let i = 0; i < 50 && collected < 2; i++) {
      gc();
      await sleep(2);
    }
    console.log(collected, lock.locked);
  `,
    "--v8-flags=--expose-gc",
  );
  assertEquals([stdout, stderr], ["2 true\n", ""]);
});

scriptTest(
  "A greenlet keeps nothing of groups that it was in, and of waits for it that are over",
  async () => {
    const { stdout, stderr } = await runScript(
      `
    import { Group, iwait, joinAll, sleep, spawn, wait } from "@/mod.ts";
    let collected = 0;
    const registry = new FinalizationRegistry(() => collected++);
    const watched = (value) => {
      registry.register(value, undefined);
      return value;
    };
    const lasting = spawn(sleep, 600_000);
    const quick = () => watched(spawn(() => {}));
    await (async () => {
      const group = watched(new Group([lasting]));
      group.discard(lasting);
      await joinAll([lasting, quick()], { count: 1 });
      await wait([lasting, quick()], { count: 1 });
      for await (const _ of iwait([lasting, quick()])) break;
    })();
    for (let i = 0; i < 50 && collected < 4; i++) {
      gc();
      await sleep(2);
    }
    console.log(collected, lasting.dead);
    await lasting.kill();
  `,
      "--v8-flags=--expose-gc",
    );
    assertEquals([stdout, stderr], ["4 false\n", ""]);
  },
);
