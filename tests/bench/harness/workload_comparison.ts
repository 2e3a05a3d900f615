/**
 * Libraries of different makes with the same workloads.
 *
 * Every measurement is a process of its own; contestants take turns, and medians over the rounds are compared.
 *
 * @module
 */

import type { RunResult } from "../peers/run_workload.ts";
import { runToEnd } from "./command.ts";
import type { ComparisonOptions } from "./comparison_options.ts";
import { describeMachine, writeReport } from "./report.ts";
import { type Outcome, takeTurns } from "./rounds.ts";
import { denoCommand, pythonCommand } from "./runtimes.ts";
import { median } from "./statistics.ts";
import { formatNumber, formatTable } from "./table.ts";
import { formatVerdicts, ratio, type Verdict } from "./verdicts.ts";

/** Longer than any measurement takes on a slow machine. */
const LIMIT = 120_000;

/** Who may take part, and what people call them. Their workloads are in `peers/`, in a file for each family. */
export const PEERS = {
  greenlets: "@gevent/deno",
  bare: "promises and setTimeout",
  immediate: "setImmediate",
  abort_signal: "AbortSignal.timeout",
  streams: "web streams",
  std: "@std/async",
  effect: "Effect",
  effection: "effection",
  async_mutex: "async-mutex",
  p_limit: "p-limit",
  p_map: "p-map",
  p_queue: "p-queue",
  gevent: "gevent",
  asyncio: "asyncio",
  native: "native",
  patched: "patched",
  awaits: "patchAwaits()",
  sites: "patchAwaits() with sites",
} as const;

/** One of those who may take part. */
export type Peer = keyof typeof PEERS;

/** Those of them that run in Python. */
export const PYTHON_PEERS: readonly Peer[] = ["gevent", "asyncio"];

/** Who takes part in a workload, and with how many operations: fewer of slow ones, where the number does not matter. */
export interface WorkloadPlan {
  /** What an operation is. */
  readonly title: string;
  /** Multiples of 1000, so that there is something left of a tenth of them. */
  readonly operations: Readonly<Partial<Record<Peer, number>>>;
}

/** What is compared. */
export interface ComparisonPlan<W extends string> {
  /** What the names of the contestants' files begin with, and that of the report. */
  readonly family: string;
  /** Workloads by name. */
  readonly workloads: Readonly<Record<W, WorkloadPlan>>;
  /** Whom the others are compared with; default `greenlets`. */
  readonly reference?: Peer;
  /** What the library promises. */
  readonly judge: (comparison: WorkloadComparison<W>) => Verdict[];
}

/** How a comparison is done. */
export interface WorkloadComparisonOptions<W extends string> {
  /** How often everybody runs. */
  readonly rounds: number;
  /** All workloads, when left out. */
  readonly only?: readonly W[];
  /** With a fifth of the operations. */
  readonly quick?: boolean;
  /** Is told whose turn it is. */
  readonly progress?: (text: string) => void;
}

interface Measurement<W> {
  readonly workload: W;
  readonly peer: Peer;
  readonly operations: number;
}

/** Microseconds or bytes for each operation. */
type Value = "time" | "heap" | "resident";

const UNITS = { time: "µs", heap: "B heap", resident: "B resident" } as const;

/** The outcome of a comparison. */
export class WorkloadComparison<W extends string> {
  readonly #plan: ComparisonPlan<W>;
  readonly #outcomes: ReadonlyMap<Measurement<W>, Outcome<RunResult>>;

  private constructor(
    plan: ComparisonPlan<W>,
    outcomes: ReadonlyMap<Measurement<W>, Outcome<RunResult>>,
  ) {
    this.#plan = plan;
    this.#outcomes = outcomes;
  }

  /** Lets all contestants take turns. */
  static async run<W extends string>(
    plan: ComparisonPlan<W>,
    { rounds, only, quick = false, progress }: WorkloadComparisonOptions<W>,
  ): Promise<WorkloadComparison<W>> {
    const { family, workloads } = plan;
    const measurements = (only ?? Object.keys(workloads) as W[]).flatMap((workload) =>
      (Object.entries(workloads[workload].operations) as [Peer, number][]).map(
        ([peer, operations]): Measurement<W> => ({
          workload,
          peer,
          operations: quick ? operations / 5 : operations,
        }),
      )
    );
    const outcomes = await takeTurns(measurements, rounds, async (measurement, round) => {
      const { workload, peer } = measurement;
      progress?.(`round ${round + 1} of ${rounds}: ${workloads[workload].title}, ${PEERS[peer]}`);
      const output = await runToEnd(workloadCommand(family, measurement), { limit: LIMIT });
      return JSON.parse(output) as RunResult;
    });
    return new WorkloadComparison(plan, outcomes);
  }

  /** The median for one contestant, if it took part. */
  of(workload: W, peer: Peer, value: Value = "time"): number | undefined {
    for (const [measurement, { results }] of this.#outcomes) {
      if (measurement.workload !== workload || measurement.peer !== peer) continue;
      return results.length === 0 ? undefined : median(values(value, measurement, results));
    }
    return undefined;
  }

  /** The time of somebody else against ours, or that of the reference, if both took part. */
  against(workload: W, peer: Peer): number | undefined {
    return ratio(this.of(workload, peer), this.of(workload, this.#reference));
  }

  get #reference(): Peer {
    return this.#plan.reference ?? "greenlets";
  }

  /** One line for each workload and contestant. */
  table(): string {
    const rows: string[][] = [];
    for (const [measurement, { results }] of this.#outcomes) {
      const { workload, peer } = measurement;
      for (const value of Object.keys(UNITS) as Value[]) {
        const all = values(value, measurement, results);
        const middle = median(all);
        if (Number.isNaN(middle)) continue;
        rows.push([
          `${this.#plan.workloads[workload].title}: ${PEERS[peer]}`,
          UNITS[value],
          formatNumber(middle),
          `${formatNumber(Math.min(...all))} - ${formatNumber(Math.max(...all))}`,
          formatNumber(ratio(middle, this.of(workload, this.#reference, value))),
        ]);
      }
    }
    const against = this.#reference === "greenlets" ? "ours" : PEERS[this.#reference];
    return formatTable(["", "unit", "median", "range", `times ${against}`], rows);
  }

  /** Who took no part, and why. */
  skipped(): string[] {
    return [...this.#outcomes].flatMap(([{ workload, peer }, { skipped }]) =>
      skipped === undefined
        ? []
        : [`skipped: ${this.#plan.workloads[workload].title}, ${PEERS[peer]}: ${skipped}`]
    );
  }

  /** All numbers. */
  toJSON(): unknown {
    return [...this.#outcomes].map(([measurement, outcome]) => ({ ...measurement, ...outcome }));
  }
}

/**
 * The program of a comparison: prints what came of it, and writes the numbers as JSON if there is a folder for them.
 *
 * @throws {TypeError} When there is no such workload.
 */
export async function runComparison<W extends string>(
  plan: ComparisonPlan<W>,
  { quick, rounds, only, out }: ComparisonOptions,
): Promise<void> {
  const comparison = await WorkloadComparison.run(plan, {
    rounds: Number(rounds ?? (quick ? 1 : 5)),
    only: chooseWorkloads(plan, only),
    quick,
    progress: (text) => console.error(text),
  });
  console.log(`${comparison.table()}\n`);
  for (const line of comparison.skipped()) console.log(line);
  console.log(formatVerdicts(plan.judge(comparison)));
  if (out === undefined) return;
  const json = JSON.stringify({ machine: describeMachine(), measurements: comparison }, null, 2);
  await writeReport(out, { [`${plan.family}.json`]: json });
}

/** What runs one measurement. */
export function workloadCommand(
  family: string,
  { workload, peer, operations }: Measurement<string>,
): [string, ...string[]] {
  const name = `${family}_${peer}`;
  const args = [workload, `${operations}`];
  return PYTHON_PEERS.includes(peer)
    ? pythonCommand(`${name}.py`, args)
    : denoCommand("run_workload.ts", [name, ...args], ["--v8-flags=--expose-gc"]);
}

function chooseWorkloads<W extends string>(
  { workloads }: ComparisonPlan<W>,
  only: string | undefined,
): W[] {
  const all = Object.keys(workloads);
  const names = only?.split(",") ?? all;
  const unknown = names.filter((name) => !all.includes(name));
  if (unknown.length === 0) return names as W[];
  throw new TypeError(`Cannot measure ${unknown.join(", ")}: there are ${all.join(", ")}`);
}

function values(
  value: Value,
  { operations }: Measurement<string>,
  results: readonly RunResult[],
): number[] {
  return results.map(({ seconds, heapBytes, residentBytes }) => {
    if (value === "time") return (seconds ?? NaN) * 1e6 / operations;
    return (value === "heap" ? heapBytes : residentBytes) ?? NaN;
  });
}
