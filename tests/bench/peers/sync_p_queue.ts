/** The workloads of `sync/` on p-queue, which runs what is put into it. */

import PQueue from "p-queue";
import { shuffled } from "./contestant.ts";
import { QUEUE_SIZE, type SyncContestant } from "./sync_contestant.ts";

const queue: SyncContestant = {
  async priorityQueue(operations) {
    const tasks = new PQueue({ concurrency: 1 });
    let done = 0;
    for (let i = 0; i < operations; i++) {
      await tasks.onSizeLessThan(QUEUE_SIZE);
      void tasks.add(() => done++, { priority: shuffled(i) });
    }
    await tasks.onIdle();
    return done;
  },

  async joinableQueue(operations) {
    const tasks = new PQueue({ concurrency: 1 });
    let done = 0;
    for (let i = 0; i < operations; i += QUEUE_SIZE) {
      for (let j = 0; j < QUEUE_SIZE; j++) void tasks.add(() => done++);
      await tasks.onIdle();
    }
    return done;
  },
};

export default queue;
