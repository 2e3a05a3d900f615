/**
 * Compares events, results, locks and queues with gevent, asyncio and libraries for Deno: `deno task bench:sync`.
 *
 * Options: `--quick`, `--rounds N`, `--only WORKLOAD,WORKLOAD`, `--out FOLDER` for the numbers as JSON.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { OPTIONS } from "./harness/comparison_options.ts";
import { atLeast } from "./harness/verdicts.ts";
import { type ComparisonPlan, runComparison } from "./harness/workload_comparison.ts";
import type { SyncContestant } from "./peers/sync_contestant.ts";

/** What is compared. */
export const SYNC: ComparisonPlan<keyof SyncContestant> = {
  family: "sync",
  workloads: {
    event: {
      title: "wake-up by an event",
      operations: {
        greenlets: 500_000,
        bare: 1_000_000,
        effect: 100_000,
        gevent: 200_000,
        asyncio: 200_000,
      },
    },
    eventWaiters: {
      title: "one of many waiters for an event",
      operations: {
        greenlets: 200_000,
        bare: 200_000,
        effect: 100_000,
        gevent: 100_000,
        asyncio: 100_000,
      },
    },
    asyncResult: {
      title: "hand-over of a result",
      operations: {
        greenlets: 500_000,
        bare: 1_000_000,
        effect: 100_000,
        effection: 20_000,
        gevent: 200_000,
        asyncio: 200_000,
      },
    },
    semaphore: {
      title: "semaphore taken and released",
      operations: {
        greenlets: 1_000_000,
        async_mutex: 500_000,
        p_limit: 500_000,
        effect: 500_000,
        gevent: 1_000_000,
        asyncio: 1_000_000,
      },
    },
    semaphoreContended: {
      title: "semaphore taken by 100 tasks in turn",
      operations: {
        greenlets: 500_000,
        async_mutex: 100_000,
        p_limit: 500_000,
        effect: 100_000,
        gevent: 100_000,
        asyncio: 100_000,
      },
    },
    lock: {
      title: "lock taken and released",
      operations: {
        greenlets: 1_000_000,
        async_mutex: 500_000,
        p_limit: 500_000,
        effect: 500_000,
        gevent: 1_000_000,
        asyncio: 1_000_000,
      },
    },
    lockContended: {
      title: "lock taken by 100 tasks in turn",
      operations: {
        greenlets: 500_000,
        async_mutex: 100_000,
        p_limit: 500_000,
        effect: 100_000,
        gevent: 100_000,
        asyncio: 100_000,
      },
    },
    unboundedQueue: {
      title: "queue filled, then emptied",
      operations: {
        greenlets: 1_000_000,
        effect: 500_000,
        effection: 20_000,
        gevent: 500_000,
        asyncio: 500_000,
      },
    },
    simpleQueue: {
      title: "item through a SimpleQueue",
      operations: { greenlets: 1_000_000, gevent: 500_000 },
    },
    boundedQueue: {
      title: "item through a queue of 100",
      operations: {
        greenlets: 500_000,
        streams: 200_000,
        effect: 200_000,
        gevent: 200_000,
        asyncio: 200_000,
      },
    },
    lifoQueue: {
      title: "item through a LifoQueue of 100",
      operations: { greenlets: 500_000, gevent: 200_000, asyncio: 200_000 },
    },
    priorityQueue: {
      title: "item through a PriorityQueue of 100",
      operations: { greenlets: 200_000, p_queue: 50_000, gevent: 200_000, asyncio: 200_000 },
    },
    channel: {
      title: "item through a Channel",
      operations: { greenlets: 500_000, effect: 100_000, gevent: 200_000 },
    },
    joinableQueue: {
      title: "item put, finished and joined",
      operations: { greenlets: 500_000, p_queue: 100_000, gevent: 200_000, asyncio: 200_000 },
    },
  },
  judge: (comparison) => [
    atLeast("event: gevent's time against ours", comparison.against("event", "gevent"), 4),
    atLeast("result: gevent's time against ours", comparison.against("asyncResult", "gevent"), 2),
    atLeast("lock: async-mutex's time against ours", comparison.against("lock", "async_mutex"), 1),
    atLeast(
      "semaphore of many: p-limit's time against ours",
      comparison.against("semaphoreContended", "p_limit"),
      1,
    ),
    atLeast(
      "queue of 100: gevent's time against ours",
      comparison.against("boundedQueue", "gevent"),
      1,
    ),
    atLeast("Channel: gevent's time against ours", comparison.against("channel", "gevent"), 4),
  ],
};

if (import.meta.main) await runComparison(SYNC, parseArgs({ options: OPTIONS }).values);
