/** The workloads of `sync/` on async-mutex. */

import { Mutex, Semaphore } from "async-mutex";
import { range } from "./contestant.ts";
import { PERMITS, RIVALS, type SyncContestant } from "./sync_contestant.ts";

const mutex: SyncContestant = {
  semaphore: (operations) => takeTurns(new Semaphore(PERMITS), 1, operations),

  semaphoreContended: (operations) => takeTurns(new Semaphore(PERMITS), RIVALS, operations),

  lock: (operations) => takeTurns(new Mutex(), 1, operations),

  lockContended: (operations) => takeTurns(new Mutex(), RIVALS, operations),
};

export default mutex;

async function takeTurns(
  permits: Semaphore | Mutex,
  tasks: number,
  operations: number,
): Promise<number> {
  let done = 0;
  const work = async (): Promise<void> => {
    for (let i = 0; i < operations / tasks; i++) {
      await permits.acquire();
      done++;
      if (tasks > 1) await undefined;
      permits.release();
    }
  };
  await Promise.all(range(tasks).map(work));
  return done;
}
