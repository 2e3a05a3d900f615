/** The workloads of the core on Deno's standard library. */

import { deadline, pooledMap } from "./std_async.ts";
import { range } from "./contestant.ts";
import { type CoreContestant, LIMIT, POOL_SIZE } from "./core_contestant.ts";

const std: CoreContestant = {
  async withTimeout(operations) {
    let done = 0;
    for (let i = 0; i < operations; i++) if (await deadline(echo(i), LIMIT) === i) done++;
    return done;
  },

  async poolImap(operations) {
    let done = 0;
    for await (const n of pooledMap(POOL_SIZE, range(operations), echo)) if (n === done) done++;
    return done;
  },
};

export default std;

async function echo(n: number): Promise<number> {
  await undefined;
  return n;
}
