/** The workloads of `sync/` on effection. */

import { createQueue, run, spawn, withResolvers } from "effection";
import { range } from "./contestant.ts";
import type { SyncContestant } from "./sync_contestant.ts";

const effection: SyncContestant = {
  async asyncResult(operations) {
    const results = range(operations).map(() => withResolvers<number>());
    let done = 0;
    await run(function* () {
      const ping = yield* spawn(function* () {
        for (let i = 0; i < operations; i += 2) {
          results[i]!.resolve(i);
          if ((yield* results[i + 1]!.operation) === i + 1) done++;
        }
      });
      yield* spawn(function* () {
        for (let i = 0; i < operations; i += 2) {
          if ((yield* results[i]!.operation) === i) done++;
          results[i + 1]!.resolve(i + 1);
        }
      });
      yield* ping;
    });
    return done;
  },

  async unboundedQueue(operations) {
    let done = 0;
    await run(function* () {
      const queue = createQueue<number, never>();
      for (let i = 0; i < operations; i++) queue.add(i);
      for (let i = 0; i < operations; i++) if ((yield* queue.next()).value === i) done++;
    });
    return done;
  },
};

export default effection;
