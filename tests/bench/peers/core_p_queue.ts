/** The workloads of the core on p-queue. */

import PQueue from "p-queue";
import { range } from "./contestant.ts";
import { type CoreContestant, POOL_SIZE } from "./core_contestant.ts";

const queue: CoreContestant = {
  async poolMap(operations) {
    const tasks = range(operations).map((n) => async (): Promise<number> => {
      await undefined;
      return n;
    });
    const results = await new PQueue({ concurrency: POOL_SIZE }).addAll(tasks);
    return results.filter((result, n) => result === n).length;
  },
};

export default queue;
