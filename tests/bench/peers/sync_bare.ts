/** The workloads of `sync/` with nothing but promises. */

import { range } from "./contestant.ts";
import type { SyncContestant } from "./sync_contestant.ts";

const bare: SyncContestant = {
  async event(operations) {
    const there = new PromiseEvent();
    const back = new PromiseEvent();
    const rounds = operations / 2;
    let done = 0;
    const ping = async (): Promise<void> => {
      for (let i = 0; i < rounds; i++, done++) {
        there.set();
        await back.wait();
        back.clear();
      }
    };
    const pong = async (): Promise<void> => {
      for (let i = 0; i < rounds; i++, done++) {
        await there.wait();
        there.clear();
        back.set();
      }
    };
    await Promise.all([ping(), pong()]);
    return done;
  },

  async eventWaiters(operations, watch) {
    const event = new PromiseEvent();
    let done = 0;
    const wait = async (): Promise<void> => {
      await event.wait();
      done++;
    };
    const all = range(operations).map(wait);
    await undefined;
    watch.start();
    event.set();
    await Promise.all(all);
    return done;
  },

  async asyncResult(operations) {
    const results = range(operations).map(() => Promise.withResolvers<number>());
    let done = 0;
    const ping = async (): Promise<void> => {
      for (let i = 0; i < operations; i += 2) {
        results[i]!.resolve(i);
        if (await results[i + 1]!.promise === i + 1) done++;
      }
    };
    const pong = async (): Promise<void> => {
      for (let i = 0; i < operations; i += 2) {
        if (await results[i]!.promise === i) done++;
        results[i + 1]!.resolve(i + 1);
      }
    };
    await Promise.all([ping(), pong()]);
    return done;
  },
};

export default bare;

/** As short as an event can be; whoever waits for it cannot be interrupted. */
class PromiseEvent {
  #current = Promise.withResolvers<void>();

  set(): void {
    this.#current.resolve();
  }

  clear(): void {
    this.#current = Promise.withResolvers();
  }

  wait(): Promise<void> {
    return this.#current.promise;
  }
}
