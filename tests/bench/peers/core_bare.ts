/** The workloads with nothing but the runtime: promises and its own timers. */

import { type Contestant, timerDelay } from "./core_contestant.ts";

const bare: Contestant = {
  async switch(operations) {
    const giveWay = async (): Promise<void> => {
      for (let i = 0; i < operations / 2; i++) await undefined;
    };
    await Promise.all([giveWay(), giveWay()]);
  },

  async spawn(operations) {
    const work = (n: number): Promise<number> => Promise.resolve(n);
    const all = [];
    for (let i = 0; i < operations; i++) all.push(work(i));
    await Promise.all(all);
  },

  async spawnWaiting(operations) {
    const work = async (): Promise<void> => {
      await undefined;
    };
    const all = [];
    for (let i = 0; i < operations; i++) all.push(work());
    await Promise.all(all);
  },

  async queue(operations) {
    const there = new PromiseQueue<number>();
    const back = new PromiseQueue<number>();
    const rounds = operations / 2;
    const ping = async (): Promise<void> => {
      for (let i = 0; i < rounds; i++) {
        there.put(i);
        await back.get();
      }
    };
    const pong = async (): Promise<void> => {
      for (let i = 0; i < rounds; i++) back.put(await there.get());
    };
    await Promise.all([ping(), pong()]);
  },

  timer(operations) {
    const nothing = (): void => {};
    const timers: ReturnType<typeof setTimeout>[] = [];
    for (let i = 0; i < operations; i++) timers.push(setTimeout(nothing, timerDelay(i)));
    for (const timer of timers) clearTimeout(timer);
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
