/** The workloads of the core with nothing but the runtime: promises, its own timers, AsyncLocalStorage. */

import { AsyncLocalStorage } from "node:async_hooks";
import { range, timerDelay } from "./contestant.ts";
import { type CoreContestant, GROUP_SIZE, LIMIT } from "./core_contestant.ts";

type TimerId = ReturnType<typeof setTimeout>;

const bare: CoreContestant = {
  async switch(operations) {
    let done = 0;
    const giveWay = async (): Promise<void> => {
      for (let i = 0; i < operations / 2; i++) {
        await undefined;
        done++;
      }
    };
    await Promise.all([giveWay(), giveWay()]);
    return done;
  },

  async spawn(operations) {
    const work = (n: number): Promise<number> => Promise.resolve(n);
    const results = await Promise.all(range(operations).map(work));
    return results.filter((result, n) => result === n).length;
  },

  async spawnWaiting(operations) {
    const results = await Promise.all(range(operations).map(echo));
    return results.filter((result, n) => result === n).length;
  },

  async queue(operations) {
    const there = new PromiseQueue<number>();
    const back = new PromiseQueue<number>();
    const rounds = operations / 2;
    let done = 0;
    const ping = async (): Promise<void> => {
      for (let i = 0; i < rounds; i++) {
        there.put(i);
        if (await back.get() === i) done++;
      }
    };
    const pong = async (): Promise<void> => {
      for (let i = 0; i < rounds; i++, done++) back.put(await there.get());
    };
    await Promise.all([ping(), pong()]);
    return done;
  },

  timer(operations) {
    return startAndCancel(operations, () => {});
  },

  // What ends a wait without a library: a timer that rejects a promise.
  timeout(operations) {
    const { reject } = Promise.withResolvers<never>();
    return startAndCancel(operations, () => reject(new Error("Too late")));
  },

  busyTimeout(operations, watch) {
    const { reject } = Promise.withResolvers<never>();
    const expire = (): void => reject(new Error("Too late"));
    const others = range(operations).map((n) => setTimeout(expire, timerDelay(n)));
    let done = 0;
    watch.start();
    for (; done < operations; done++) clearTimeout(setTimeout(expire, timerDelay(done)));
    watch.stop();
    others.forEach(clearTimeout);
    return done;
  },

  async withTimeout(operations) {
    let done = 0;
    for (let i = 0; i < operations; i++) if (await inTime(() => echo(i), LIMIT) === i) done++;
    return done;
  },

  local(operations) {
    const storage = new AsyncLocalStorage<{ n: number }>();
    return storage.run({ n: 0 }, () => {
      for (let i = 0; i < operations; i++) storage.getStore()!.n++;
      return storage.getStore()!.n;
    });
  },

  async localTasks(operations) {
    const storage = new AsyncLocalStorage<{ n: number }>();
    let done = 0;
    const work = async (n: number): Promise<void> => {
      await undefined;
      if (storage.getStore()!.n === n) done++;
    };
    await Promise.all(range(operations).map((n) => storage.run({ n }, work, n)));
    return done;
  },

  async taskGroup(operations) {
    let done = 0;
    const work = async (): Promise<void> => {
      await undefined;
      done++;
    };
    for (let i = 0; i < operations / GROUP_SIZE; i++) {
      await Promise.all(Array.from({ length: GROUP_SIZE }, work));
    }
    return done;
  },

  async park(tasks) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wait = async (): Promise<void> => {
      await promise;
    };
    const all = Array.from({ length: tasks }, wait);
    await undefined;
    return async () => {
      resolve();
      await Promise.all(all);
    };
  },
};

export default bare;

async function echo(n: number): Promise<number> {
  await undefined;
  return n;
}

function startAndCancel(operations: number, expire: () => void): number {
  const timers: TimerId[] = [];
  for (let i = 0; i < operations; i++) timers.push(setTimeout(expire, timerDelay(i)));
  timers.forEach(clearTimeout);
  return timers.length;
}

/** As short as it can be; what comes too late goes on all the same. */
async function inTime<T>(fn: () => Promise<T>, ms: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("Too late")), ms);
  try {
    return await Promise.race([fn(), promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** As short as a queue of promises can be; whoever waits in it cannot be interrupted. */
class PromiseQueue<T> {
  readonly #items: T[] = [];
  readonly #getters: ((item: T) => void)[] = [];

  put(item: T): void {
    const getter = this.#getters.shift();
    if (getter === undefined) this.#items.push(item);
    else getter(item);
  }

  get(): Promise<T> {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift()!);
    return new Promise((resolve) => this.#getters.push(resolve));
  }
}
