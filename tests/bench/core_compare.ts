/**
 * Compares the core with gevent, asyncio and libraries for Deno on the same workloads: `deno task bench:core`.
 *
 * Every measurement is a process of its own; contestants take turns, and medians over the rounds are compared.
 * Options: `--quick`, `--rounds N`, `--only WORKLOAD,WORKLOAD`, `--out FOLDER` for the numbers as JSON.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { runToEnd } from "./harness/command.ts";
import { describeMachine, writeReport } from "./harness/report.ts";
import { type Outcome, takeTurns } from "./harness/rounds.ts";
import { denoCommand, pythonCommand } from "./harness/runtimes.ts";
import { median } from "./harness/statistics.ts";
import { formatNumber, formatTable } from "./harness/table.ts";
import { atLeast, atMost, formatVerdicts, ratio, type Verdict } from "./harness/verdicts.ts";
import type { Contestant } from "./peers/core_contestant.ts";
import type { RunResult } from "./peers/run_core.ts";

/** Longer than any measurement takes on a slow machine. */
const LIMIT = 120_000;

const PEERS = {
  greenlets: "@gevent/deno",
  bare: "promises and setTimeout",
  immediate: "setImmediate",
  effect: "Effect",
  effection: "effection",
  gevent: "gevent",
  asyncio: "asyncio",
} as const;
type Peer = keyof typeof PEERS;
type WorkloadName = keyof Contestant;

/** What is measured: how many operations, for the slow ones fewer where the number does not matter. */
const WORKLOADS: Readonly<
  Record<WorkloadName, { title: string; operations: Partial<Record<Peer, number>> }>
> = {
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
    operations: { greenlets: 1_000_000, gevent: 1_000_000 },
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
};

interface Measurement {
  readonly workload: WorkloadName;
  readonly peer: Peer;
  readonly operations: number;
}

function command({ workload, peer, operations }: Measurement): [string, ...string[]] {
  const args = [workload, `${operations}`];
  return peer === "gevent" || peer === "asyncio"
    ? pythonCommand(`core_${peer}.py`, args)
    : denoCommand("run_core.ts", [peer, ...args], ["--v8-flags=--expose-gc"]);
}

function chooseWorkloads(only: string | undefined): WorkloadName[] {
  const all = Object.keys(WORKLOADS);
  const names = only?.split(",") ?? all;
  const unknown = names.filter((name) => !all.includes(name));
  if (unknown.length === 0) return names as WorkloadName[];
  throw new TypeError(`Cannot measure ${unknown.join(", ")}: there are ${all.join(", ")}`);
}

/** Microseconds or bytes for each operation. */
type Value = "time" | "heap" | "resident";

function values(value: Value, measurement: Measurement, results: readonly RunResult[]): number[] {
  return results.map(({ seconds, heapBytes, residentBytes }) => {
    if (value === "time") return (seconds ?? NaN) * 1e6 / measurement.operations;
    return (value === "heap" ? heapBytes : residentBytes) ?? NaN;
  });
}

/** The results of a whole comparison. */
class Comparison {
  readonly #outcomes: ReadonlyMap<Measurement, Outcome<RunResult>>;

  constructor(outcomes: ReadonlyMap<Measurement, Outcome<RunResult>>) {
    this.#outcomes = outcomes;
  }

  /** The median for one contestant, if it took part. */
  of(workload: WorkloadName, peer: Peer, value: Value = "time"): number | undefined {
    for (const [measurement, { results }] of this.#outcomes) {
      if (measurement.workload !== workload || measurement.peer !== peer) continue;
      return results.length === 0 ? undefined : median(values(value, measurement, results));
    }
    return undefined;
  }

  /** One line for each contestant and workload. */
  table(): string {
    const rows: string[][] = [];
    for (const [measurement, { results }] of this.#outcomes) {
      if (results.length === 0) continue;
      const { workload, peer } = measurement;
      for (const value of workload === "park" ? ["heap", "resident"] as const : ["time"] as const) {
        const all = values(value, measurement, results);
        const middle = median(all);
        if (Number.isNaN(middle)) continue;
        rows.push([
          `${WORKLOADS[workload].title}: ${PEERS[peer]}`,
          { time: "µs", heap: "B heap", resident: "B resident" }[value],
          formatNumber(middle),
          `${formatNumber(Math.min(...all))} - ${formatNumber(Math.max(...all))}`,
          formatNumber(ratio(middle, this.of(workload, "greenlets", value))),
        ]);
      }
    }
    return formatTable(["", "unit", "median", "range", "times ours"], rows);
  }

  /** Who took no part, and why. */
  skipped(): string[] {
    return [...this.#outcomes].flatMap(([{ workload, peer }, { skipped }]) =>
      skipped === undefined
        ? []
        : [`skipped: ${WORKLOADS[workload].title}, ${PEERS[peer]}: ${skipped}`]
    );
  }

  /** What the library promises. */
  verdicts(): Verdict[] {
    const against = (workload: WorkloadName, peer: Peer): number | undefined =>
      ratio(this.of(workload, peer), this.of(workload, "greenlets"));
    return [
      atLeast("switch: gevent's time against ours", against("switch", "gevent"), 8),
      atLeast("spawn and join: gevent's time against ours", against("spawn", "gevent"), 6),
      atLeast("spawn and join: Effect's time against ours", against("spawn", "effect"), 1),
      atLeast("hand-over: gevent's time against ours", against("queue", "gevent"), 8),
      atLeast("timer: setTimeout's time against ours", against("timer", "bare"), 8),
      atMost("parked greenlet, bytes of heap", this.of("park", "greenlets", "heap"), 1536),
    ];
  }

  /** All numbers. */
  toJSON(): unknown {
    return [...this.#outcomes].map(([measurement, outcome]) => ({ ...measurement, ...outcome }));
  }
}

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    only: { type: "string" },
    out: { type: "string" },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 1 : 5));
const measurements = chooseWorkloads(options.only).flatMap((workload) =>
  (Object.entries(WORKLOADS[workload].operations) as [Peer, number][]).map(
    ([peer, operations]): Measurement => ({
      workload,
      peer,
      operations: options.quick ? operations / 5 : operations,
    }),
  )
);

const outcomes = await takeTurns(measurements, rounds, async (measurement, round) => {
  const { workload, peer } = measurement;
  console.error(`round ${round + 1} of ${rounds}: ${WORKLOADS[workload].title}, ${PEERS[peer]}`);
  return JSON.parse(await runToEnd(command(measurement), { limit: LIMIT })) as RunResult;
});
const comparison = new Comparison(outcomes);

console.log(comparison.table());
console.log();
for (const line of comparison.skipped()) console.log(line);
console.log(formatVerdicts(comparison.verdicts()));
if (options.out !== undefined) {
  const json = JSON.stringify({ machine: describeMachine(), measurements: comparison }, null, 2);
  await writeReport(options.out, { "core.json": json });
}
