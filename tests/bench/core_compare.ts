/**
 * Compares greenlets, timers, timeouts, locals and pools with gevent, asyncio and libraries for Deno:
 * `deno task bench:core`.
 *
 * Options: `--quick`, `--rounds N`, `--only WORKLOAD,WORKLOAD`, `--out FOLDER` for the numbers as JSON.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { OPTIONS } from "./harness/comparison_options.ts";
import { atLeast, atMost } from "./harness/verdicts.ts";
import { type ComparisonPlan, runComparison } from "./harness/workload_comparison.ts";
import type { CoreContestant } from "./peers/core_contestant.ts";

/** What is compared. */
export const CORE: ComparisonPlan<keyof CoreContestant> = {
  family: "core",
  workloads: {
    switch: {
      title: "switch between two tasks",
      operations: {
        greenlets: 1_000_000,
        bare: 1_000_000,
        immediate: 500_000,
        effect: 100_000,
        gevent: 300_000,
        asyncio: 300_000,
      },
    },
    spawn: {
      title: "spawn and join",
      operations: {
        greenlets: 200_000,
        bare: 200_000,
        effect: 200_000,
        effection: 5_000,
        gevent: 200_000,
        asyncio: 200_000,
      },
    },
    spawnWaiting: {
      title: "spawn, switch once, join",
      operations: {
        greenlets: 200_000,
        bare: 200_000,
        effect: 200_000,
        gevent: 200_000,
        asyncio: 200_000,
      },
    },
    queue: {
      title: "hand-over in a queue",
      operations: {
        greenlets: 1_000_000,
        bare: 1_000_000,
        effect: 100_000,
        effection: 100_000,
        gevent: 300_000,
        asyncio: 300_000,
      },
    },
    timer: {
      title: "start and cancel a timer",
      operations: {
        greenlets: 1_000_000,
        bare: 1_000_000,
        gevent: 1_000_000,
        asyncio: 1_000_000,
      },
    },
    timeout: {
      title: "start and cancel a Timeout",
      operations: {
        greenlets: 1_000_000,
        bare: 1_000_000,
        abort_signal: 100_000,
        gevent: 1_000_000,
      },
    },
    busyTimeout: {
      title: "start and cancel a Timeout beside as many",
      operations: {
        greenlets: 1_000_000,
        bare: 1_000_000,
        gevent: 1_000_000,
        asyncio: 1_000_000,
      },
    },
    withTimeout: {
      title: "call with a time limit",
      operations: {
        greenlets: 200_000,
        bare: 200_000,
        std: 20_000,
        effect: 50_000,
        gevent: 100_000,
        asyncio: 100_000,
      },
    },
    local: {
      title: "read and write a local",
      operations: {
        greenlets: 1_000_000,
        bare: 5_000_000,
        effect: 500_000,
        effection: 50_000,
        gevent: 1_000_000,
        asyncio: 1_000_000,
      },
    },
    localTasks: {
      title: "task with a local",
      operations: {
        greenlets: 100_000,
        bare: 200_000,
        effect: 100_000,
        gevent: 100_000,
        asyncio: 100_000,
      },
    },
    poolMap: {
      title: "item mapped in a pool of 10",
      operations: {
        greenlets: 100_000,
        p_map: 100_000,
        p_limit: 100_000,
        p_queue: 20_000,
        effect: 100_000,
        gevent: 50_000,
      },
    },
    poolImap: {
      title: "item of imap in a pool of 10",
      operations: {
        greenlets: 100_000,
        p_map: 100_000,
        std: 50_000,
        effect: 50_000,
        gevent: 50_000,
      },
    },
    poolImapUnordered: {
      title: "item of imapUnordered in a pool of 10",
      operations: {
        greenlets: 100_000,
        p_map: 100_000,
        effect: 50_000,
        gevent: 50_000,
      },
    },
    taskGroup: {
      title: "task in a group of 10",
      operations: {
        greenlets: 200_000,
        bare: 500_000,
        effect: 100_000,
        effection: 10_000,
        gevent: 100_000,
        asyncio: 100_000,
      },
    },
    park: {
      title: "parked task",
      operations: {
        greenlets: 100_000,
        bare: 100_000,
        effect: 100_000,
        gevent: 100_000,
        asyncio: 100_000,
      },
    },
  },
  judge: (comparison) => [
    atLeast("switch: gevent's time against ours", comparison.against("switch", "gevent"), 8),
    atLeast("spawn and join: gevent's time against ours", comparison.against("spawn", "gevent"), 6),
    atLeast("spawn and join: Effect's time against ours", comparison.against("spawn", "effect"), 1),
    atLeast("hand-over: gevent's time against ours", comparison.against("queue", "gevent"), 8),
    atLeast("timer: setTimeout's time against ours", comparison.against("timer", "bare"), 8),
    atLeast(
      "call with a limit: Effect's time against ours",
      comparison.against("withTimeout", "effect"),
      2,
    ),
    atLeast("Pool.map: gevent's time against ours", comparison.against("poolMap", "gevent"), 4),
    atLeast("task group: Effect's time against ours", comparison.against("taskGroup", "effect"), 2),
    atMost("parked greenlet, bytes of heap", comparison.of("park", "greenlets", "heap"), 1536),
  ],
};

if (import.meta.main) await runComparison(CORE, parseArgs({ options: OPTIONS }).values);
