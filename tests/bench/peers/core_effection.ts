/** The workloads of the core on effection: structured concurrency on generators. */

import { all, createContext, createQueue, type Operation, run, spawn, until } from "effection";
import { range } from "./contestant.ts";
import { type CoreContestant, GROUP_SIZE } from "./core_contestant.ts";

const effection: CoreContestant = {
  async spawn(operations) {
    const results = await run(function* () {
      const tasks = [];
      for (const n of range(operations)) {
        tasks.push(
          yield* spawn(function* (): Operation<number> {
            return n;
          }),
        );
      }
      return yield* all(tasks);
    });
    return results.filter((result, n) => result === n).length;
  },

  async queue(operations) {
    let done = 0;
    await run(function* () {
      const there = createQueue<number, never>();
      const back = createQueue<number, never>();
      const rounds = operations / 2;
      const ping = yield* spawn(function* () {
        for (let i = 0; i < rounds; i++) {
          there.add(i);
          if ((yield* back.next()).value === i) done++;
        }
      });
      yield* spawn(function* () {
        for (let i = 0; i < rounds; i++, done++) back.add((yield* there.next()).value);
      });
      yield* ping;
    });
    return done;
  },

  local(operations) {
    const own = createContext<{ n: number }>("own");
    return run(function* () {
      yield* own.set({ n: 0 });
      for (let i = 0; i < operations; i++) (yield* own.expect()).n++;
      return (yield* own.expect()).n;
    });
  },

  async taskGroup(operations) {
    let done = 0;
    const work = {
      *[Symbol.iterator]() {
        yield* until(Promise.resolve());
        done++;
      },
    };
    await run(function* () {
      for (let i = 0; i < operations / GROUP_SIZE; i++) {
        yield* all(Array.from({ length: GROUP_SIZE }, () => work));
      }
    });
    return done;
  },
};

export default effection;
