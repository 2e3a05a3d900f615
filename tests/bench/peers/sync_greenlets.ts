/** The workloads of `sync/` on this library. */

import { joinAll, sleep, spawn } from "../../../core/mod.ts";
import {
  AsyncResult,
  Channel,
  Event,
  LifoQueue,
  Lock,
  PriorityQueue,
  Queue,
  Semaphore,
  SimpleQueue,
} from "../../../sync/mod.ts";
import { range, shuffled, type Workload } from "./contestant.ts";
import { PERMITS, QUEUE_SIZE, RIVALS, type SyncContestant } from "./sync_contestant.ts";

const greenlets: SyncContestant = {
  async event(operations) {
    const there = new Event();
    const back = new Event();
    const rounds = operations / 2;
    let done = 0;
    const ping = async (): Promise<void> => {
      for (let i = 0; i < rounds; i++) {
        there.set();
        if (await back.wait()) done++;
        back.clear();
      }
    };
    const pong = async (): Promise<void> => {
      for (let i = 0; i < rounds; i++) {
        if (await there.wait()) done++;
        there.clear();
        back.set();
      }
    };
    await joinAll([spawn(ping), spawn(pong)]);
    return done;
  },

  async eventWaiters(operations, watch) {
    const event = new Event();
    let done = 0;
    const wait = async (): Promise<void> => {
      if (await event.wait()) done++;
    };
    const all = range(operations).map(() => spawn(wait));
    await sleep();
    watch.start();
    event.set();
    await joinAll(all);
    return done;
  },

  async asyncResult(operations) {
    const results = range(operations).map(() => new AsyncResult<number>());
    let done = 0;
    const ping = async (): Promise<void> => {
      for (let i = 0; i < operations; i += 2) {
        results[i]!.set(i);
        if (await results[i + 1]!.get() === i + 1) done++;
      }
    };
    const pong = async (): Promise<void> => {
      for (let i = 0; i < operations; i += 2) {
        if (await results[i]!.get() === i) done++;
        results[i + 1]!.set(i + 1);
      }
    };
    await joinAll([spawn(ping), spawn(pong)]);
    return done;
  },

  semaphore: (operations) => takeTurns(new Semaphore(PERMITS), 1, operations),

  semaphoreContended: (operations) => takeTurns(new Semaphore(PERMITS), RIVALS, operations),

  lock: (operations) => takeTurns(new Lock(), 1, operations),

  lockContended: (operations) => takeTurns(new Lock(), RIVALS, operations),

  async unboundedQueue(operations) {
    const queue = new Queue<number>();
    let done = 0;
    await spawn(async () => {
      for (let i = 0; i < operations; i++) await queue.put(i);
    }).join();
    await spawn(async () => {
      for (let i = 0; i < operations; i++) if (await queue.get() === i) done++;
    }).join();
    return done;
  },

  simpleQueue: through(() => new SimpleQueue()),

  boundedQueue: through(() => new Queue({ maxsize: QUEUE_SIZE })),

  lifoQueue: through(() => new LifoQueue({ maxsize: QUEUE_SIZE })),

  priorityQueue: through(() => new PriorityQueue({ maxsize: QUEUE_SIZE })),

  channel: through(() => new Channel()),

  async joinableQueue(operations) {
    const queue = new Queue<number>();
    let done = 0;
    const producer = spawn(async () => {
      for (let i = 0; i < operations; i += QUEUE_SIZE) {
        for (let j = 0; j < QUEUE_SIZE; j++) await queue.put(i + j);
        await queue.join();
      }
    });
    const consumer = spawn(async () => {
      for (let i = 0; i < operations; i++) {
        if (await queue.get() === i) done++;
        queue.taskDone();
      }
    });
    await joinAll([producer, consumer]);
    return done;
  },
};

export default greenlets;

async function takeTurns(permits: Semaphore, tasks: number, operations: number): Promise<number> {
  let done = 0;
  const work = async (): Promise<void> => {
    for (let i = 0; i < operations / tasks; i++) {
      if (await permits.acquire()) done++;
      if (tasks > 1) await sleep();
      permits.release();
    }
  };
  await joinAll(range(tasks).map(() => spawn(work)));
  return done;
}

/** Items go through a queue in whichever order it gives them, and none may be lost. */
function through(make: () => SimpleQueue<number> | Channel<number>): Workload {
  return async (operations) => {
    const queue = make();
    let done = 0;
    let missing = 0;
    const producer = spawn(async () => {
      for (let i = 0; i < operations; i++) {
        missing += shuffled(i);
        await queue.put(shuffled(i));
      }
    });
    const consumer = spawn(async () => {
      for (; done < operations; done++) {
        const item = await queue.get();
        missing -= item;
      }
    });
    await joinAll([producer, consumer]);
    return missing === 0 ? done : NaN;
  };
}
