/** The workloads of `sync/` on p-limit, which holds a permit for the time of a function. */

import pLimit from "p-limit";
import { range } from "./contestant.ts";
import { PERMITS, RIVALS, type SyncContestant } from "./sync_contestant.ts";

const limit: SyncContestant = {
  semaphore: (operations) => takeTurns(PERMITS, 1, operations),

  semaphoreContended: (operations) => takeTurns(PERMITS, RIVALS, operations),

  lock: (operations) => takeTurns(1, 1, operations),

  lockContended: (operations) => takeTurns(1, RIVALS, operations),
};

export default limit;

async function takeTurns(permits: number, tasks: number, operations: number): Promise<number> {
  const limited = pLimit(permits);
  let done = 0;
  const hold = async (): Promise<void> => {
    done++;
    if (tasks > 1) await undefined;
  };
  const work = async (): Promise<void> => {
    for (let i = 0; i < operations / tasks; i++) await limited(hold);
  };
  await Promise.all(range(tasks).map(work));
  return done;
}
