import { assertEquals } from "@std/assert";
import { runScript } from "../helpers/script.ts";

/** What the programs have in common: they are told what is to be collected, and wait until so many of it are. */
const PRELUDE = `
  import { sleep as pause } from "@/mod.ts";
  let collected = 0;
  const registry = new FinalizationRegistry(() => collected++);
  const watched = (value = {}) => {
    registry.register(value, undefined);
    return value;
  };
  const collect = async (count) => {
    for (let i = 0; i < 50 && collected < count; i++) {
      gc();
      await pause(2);
    }
  };
`;

/** A test of what a program prints in a process of its own, where the garbage collector can be called. */
function collectTest(name: string, source: string, expected: string): void {
  Deno.test({
    name,
    timeout: 60_000,
    fn: async () => {
      const { stdout, stderr } = await runScript(PRELUDE + source, "--v8-flags=--expose-gc");
      assertEquals([stdout, stderr], [`${expected}\n`, ""]);
    },
  });
}

collectTest(
  "local() keeps nothing when the local or the greenlet is gone",
  `
    import { local, spawn } from "@/mod.ts";
    const lasting = local(watched);
    const gone = spawn(() => void lasting.big);
    await gone.join();
    await spawn(async () => {
      (() => { for (let i = 0; i < 10; i++) void local(watched).big; })();
      await collect(11);
    }).join();
    console.log(collected, gone.dead, lasting !== undefined);
  `,
  "11 true true",
);

collectTest(
  "A greenlet that has ended keeps neither its arguments nor its parents",
  `
    import { sleep, spawn, Greenlet } from "@/mod.ts";
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
        const g = watched(spawn(() => { if (left > 0) next(left - 1); else last = g; }));
      };
      next(9);
      await sleep(5);
      return last;
    };
    const last = await watchChain();
    await collect(11);
    console.log(collected, kept.length, last.dead);
  `,
  "11 2 true",
);

collectTest(
  "A queue keeps no item that was taken, and the hub nothing that has run",
  `
    import { LifoQueue, Queue, sleep, spawn } from "@/mod.ts";
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
    await collect(13);
    console.log(collected, queues.length);
  `,
  "13 2",
);

collectTest(
  "imap() keeps neither the items nor the results that were read",
  `
    import { Pool } from "@/mod.ts";
    function* items() { for (let i = 0; i < 5; i++) yield watched(); }
    const kept = [];
    for (const method of ["imap", "imapUnordered"]) {
      const results = new Pool(2)[method](() => watched(), items());
      kept.push(results);
      const read = async () => { for (let i = 0; i < 5; i++) await results.next(); };
      await read();
    }
    await collect(20);
    console.log(collected, kept.length);
  `,
  "20 2",
);

collectTest(
  "A Timeout keeps nothing of the calls that it was given to",
  `
    import { Event, Timeout } from "@/mod.ts";
    const timeouts = [new Timeout(1), new Timeout(60_000)];
    const wait = async (timeout) => {
      const event = watched(new Event());
      if (timeout.ms > 1) setTimeout(() => event.set(), 1);
      await event.wait({ timeout });
    };
    for (const timeout of timeouts) await Promise.all([wait(timeout), wait(timeout)]);
    await collect(4);
    console.log(collected, timeouts.map((timeout) => timeout.pending).join());
  `,
  "4 false,false",
);

collectTest(
  "RLock keeps nothing of greenlets that have given up waiting for it",
  `
    import { RLock, sleep, spawn } from "@/mod.ts";
    const lock = new RLock();
    await lock.acquire();
    const giveUp = async (options) => {
      const g = watched(spawn(() => Promise.all([lock.acquire(options), lock.acquire(options)])));
      await sleep(2);
      await g.kill();
    };
    for (const options of [undefined, { timeout: 1 }]) await giveUp(options);
    await collect(2);
    console.log(collected, lock.locked);
  `,
  "2 true",
);

collectTest(
  "A greenlet keeps nothing of groups that it was in, and of waits for it that are over",
  `
    import { Group, iwait, joinAll, sleep, spawn, wait } from "@/mod.ts";
    const lasting = spawn(sleep, 600_000);
    const quick = () => watched(spawn(() => {}));
    await (async () => {
      const group = watched(new Group([lasting]));
      group.discard(lasting);
      await joinAll([lasting, quick()], { count: 1 });
      await wait([lasting, quick()], { count: 1 });
      for await (const _ of iwait([lasting, quick()])) break;
    })();
    await collect(4);
    console.log(collected, lasting.dead);
    await lasting.kill();
  `,
  "4 false",
);
