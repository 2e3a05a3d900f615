/** The workloads of the core on p-map. */

import pMap, { pMapIterable } from "p-map";
import { range } from "./contestant.ts";
import { type CoreContestant, POOL_SIZE } from "./core_contestant.ts";

const OPTIONS = { concurrency: POOL_SIZE };

const map: CoreContestant = {
  async poolMap(operations) {
    const results = await pMap(range(operations), echo, OPTIONS);
    return results.filter((result, n) => result === n).length;
  },

  async poolImap(operations) {
    let done = 0;
    for await (const n of pMapIterable(range(operations), echo, OPTIONS)) if (n === done) done++;
    return done;
  },

  async poolImapUnordered(operations) {
    let done = 0;
    const results = pMapIterable(range(operations), echo, { ...OPTIONS, preserveOrder: false });
    for await (const n of results) if (n < operations) done++;
    return done;
  },
};

export default map;

async function echo(n: number): Promise<number> {
  await undefined;
  return n;
}
