/** The workloads on effection: structured concurrency on generators. */

import { createQueue, type Operation, run, spawn } from "effection";
import type { Contestant } from "./core_contestant.ts";

const effection: Contestant = {
  async spawn(operations) {
    await run(function* () {
      const all = [];
      for (let i = 0; i < operations; i++) {
        all.push(
          yield* spawn(function* (): Operation<number> {
            return i;
          }),
        );
      }
      for (const task of all) yield* task;
    });
  },

  async queue(operations) {
    await run(function* () {
      const there = createQueue<number, never>();
      const back = createQueue<number, never>();
      const rounds = operations / 2;
      const ping = yield* spawn(function* () {
        for (let i = 0; i < rounds; i++) {
          there.add(i);
          yield* back.next();
        }
      });
      yield* spawn(function* () {
        for (let i = 0; i < rounds; i++) back.add((yield* there.next()).value);
      });
      yield* ping;
    });
  },
};

export default effection;
