/** The workloads of the core on p-limit. */

import pLimit from "p-limit";
import { range } from "./contestant.ts";
import { type CoreContestant, POOL_SIZE } from "./core_contestant.ts";

const limit: CoreContestant = {
  async poolMap(operations) {
    const results = await pLimit(POOL_SIZE).map(range(operations), echo);
    return results.filter((result, n) => result === n).length;
  },
};

export default limit;

async function echo(n: number): Promise<number> {
  await undefined;
  return n;
}
