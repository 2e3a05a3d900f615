/** The workloads of the core on this library. */

import {
  joinAll,
  local,
  Pool,
  sleep,
  spawn,
  TaskGroup,
  Timeout,
  withTimeout,
} from "../../../core/mod.ts";
import { hub } from "../../../core/scheduler.ts";
import type { Timer } from "../../../core/timer_heap.ts";
import { Event, Queue } from "../../../sync/mod.ts";
import { range, timerDelay } from "./contestant.ts";
import { type CoreContestant, GROUP_SIZE, LIMIT, POOL_SIZE } from "./core_contestant.ts";

const greenlets: CoreContestant = {
  async switch(operations) {
    let done = 0;
    const giveWay = async (): Promise<void> => {
      for (let i = 0; i < operations / 2; i++) {
        await sleep();
        done++;
      }
    };
    await joinAll([spawn(giveWay), spawn(giveWay)]);
    return done;
  },

  async spawn(operations) {
    const work = (n: number): number => n;
    const all = range(operations).map((n) => spawn(work, n));
    await joinAll(all);
    return all.filter(({ value }, n) => value === n).length;
  },

  async spawnWaiting(operations) {
    const all = range(operations).map((n) => spawn(echo, n));
    await joinAll(all);
    return all.filter(({ value }, n) => value === n).length;
  },

  async queue(operations) {
    const there = new Queue<number>();
    const back = new Queue<number>();
    const rounds = operations / 2;
    let done = 0;
    const ping = async (): Promise<void> => {
      for (let i = 0; i < rounds; i++) {
        await there.put(i);
        if (await back.get() === i) done++;
      }
    };
    const pong = async (): Promise<void> => {
      for (let i = 0; i < rounds; i++, done++) await back.put(await there.get());
    };
    await joinAll([spawn(ping), spawn(pong)]);
    return done;
  },

  timer(operations) {
    const target = { fire(): void {} };
    const timers: Timer[] = [];
    const before = hub.timers.size;
    for (let i = 0; i < operations; i++) timers.push(hub.addTimer(timerDelay(i), target));
    const done = hub.timers.size - before;
    for (const timer of timers) hub.removeTimer(timer);
    return done;
  },

  timeout(operations) {
    const timeouts: Timeout[] = [];
    const before = hub.timers.size;
    for (let i = 0; i < operations; i++) timeouts.push(Timeout.start(timerDelay(i)));
    const done = hub.timers.size - before;
    for (const timeout of timeouts) timeout.cancel();
    return done;
  },

  busyTimeout(operations, watch) {
    const others = range(operations).map((n) => Timeout.start(timerDelay(n)));
    let done = 0;
    watch.start();
    for (let i = 0; i < operations; i++) {
      const timeout = Timeout.start(timerDelay(i));
      if (timeout.pending) done++;
      timeout.cancel();
    }
    watch.stop();
    for (const other of others) other.cancel();
    return done;
  },

  async withTimeout(operations) {
    let done = 0;
    await spawn(async () => {
      for (let i = 0; i < operations; i++) {
        if (await withTimeout(LIMIT, () => echo(i)) === i) done++;
      }
    }).join();
    return done;
  },

  async local(operations) {
    const counter = local(() => ({ n: 0 }));
    return await spawn(() => {
      for (let i = 0; i < operations; i++) counter.n++;
      return counter.n;
    }).get();
  },

  async localTasks(operations) {
    const own = local<{ n?: number }>();
    let done = 0;
    const work = async (n: number): Promise<void> => {
      own.n = n;
      await sleep();
      if (own.n === n) done++;
    };
    await joinAll(range(operations).map((n) => spawn(work, n)));
    return done;
  },

  async poolMap(operations) {
    const results = await new Pool(POOL_SIZE).map(echo, range(operations));
    return results.filter((result, n) => result === n).length;
  },

  async poolImap(operations) {
    let done = 0;
    for await (const n of new Pool(POOL_SIZE).imap(echo, range(operations))) {
      if (n === done) done++;
    }
    return done;
  },

  async poolImapUnordered(operations) {
    let done = 0;
    for await (const n of new Pool(POOL_SIZE).imapUnordered(echo, range(operations))) {
      if (n < operations) done++;
    }
    return done;
  },

  async taskGroup(operations) {
    let done = 0;
    const work = async (): Promise<void> => {
      await sleep();
      done++;
    };
    for (let i = 0; i < operations / GROUP_SIZE; i++) {
      await TaskGroup.run((group) => {
        for (let j = 0; j < GROUP_SIZE; j++) group.spawn(work);
      });
    }
    return done;
  },

  async park(tasks) {
    const event = new Event();
    const wait = async (): Promise<void> => {
      await event.wait();
    };
    const all = Array.from({ length: tasks }, () => spawn(wait));
    await sleep();
    return async () => {
      event.set();
      await joinAll(all);
    };
  },
};

export default greenlets;

async function echo(n: number): Promise<number> {
  await sleep();
  return n;
}
