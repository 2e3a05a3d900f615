/**
 * Compares what is patched with what is not: `deno task bench:monkey`.
 *
 * Options: `--quick`, `--rounds N`, `--only WORKLOAD,WORKLOAD`, `--out FOLDER` for the numbers as JSON. The workload
 * `hono`, which comes last, is the rate of requests of a Hono application on `Deno.serve`, and needs `wrk`.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { findProgram } from "../helpers/find_program.ts";
import { type ComparisonOptions, OPTIONS } from "./harness/comparison_options.ts";
import { describeMachine, writeReport } from "./harness/report.ts";
import { denoCommand } from "./harness/runtimes.ts";
import { compareServers, type ServerPeer } from "./harness/server_comparison.ts";
import { atLeast, atMost, formatVerdicts, ratio } from "./harness/verdicts.ts";
import { type ComparisonPlan, runComparison } from "./harness/workload_comparison.ts";
import { type HttpLoad, runWrk } from "./harness/wrk.ts";
import type { MonkeyContestant } from "./peers/monkey_contestant.ts";

/** What is compared in one process. */
export const MONKEY: ComparisonPlan<keyof MonkeyContestant> = {
  family: "monkey",
  reference: "native",
  workloads: {
    fetch: { title: "fetch and text", operations: { native: 20_000, patched: 20_000 } },
    timer: { title: "timer that resolves", operations: { native: 100_000, patched: 100_000 } },
    read: { title: "Conn.read of an answer", operations: { native: 20_000, patched: 20_000 } },
    until: { title: "promise, until", operations: { native: 1_000_000, patched: 500_000 } },
    green: { title: "call, green call", operations: { native: 1_000_000, patched: 200_000 } },
    patchClass: {
      title: "call of a class, patched class",
      operations: { native: 1_000_000, patched: 200_000 },
    },
    awaitOutside: {
      title: "await outside greenlets",
      operations: { native: 1_000_000, awaits: 1_000_000, sites: 1_000_000 },
    },
    awaitInside: {
      title: "await in a greenlet",
      operations: { native: 1_000_000, awaits: 500_000, sites: 100_000 },
    },
  },
  judge: (comparison) => [
    atLeast(
      "fetch: rate, patched against native",
      ratio(1, comparison.against("fetch", "patched")),
      0.9,
    ),
    atLeast(
      "timer: rate, patched against native",
      ratio(1, comparison.against("timer", "patched")),
      0.9,
    ),
    atLeast(
      "Conn.read: rate, patched against native",
      ratio(1, comparison.against("read", "patched")),
      0.9,
    ),
    atMost(
      "await in a greenlet in deep mode, µs",
      comparison.of("awaitInside", "awaits", "time"),
      1,
    ),
  ],
};

const SERVERS: readonly ServerPeer[] = [
  { name: "native", title: "Hono", command: denoCommand("hono_native_http.ts") },
  { name: "patched", title: "Hono, patched", command: denoCommand("hono_patched_http.ts") },
];

async function compareHono(options: ComparisonOptions): Promise<void> {
  if (findProgram("wrk") === undefined) return console.log("skipped: Hono: wrk is not installed");
  const load: HttpLoad = { connections: 64, seconds: options.quick ? 2 : 10 };
  const comparison = await compareServers(SERVERS, { ...options, only: undefined }, {
    unit: "req",
    references: ["native"],
    load: (port) => runWrk(port, load),
  });
  const [native, patched] = SERVERS.map(({ name }) => comparison.of(name)?.rate);
  const verdicts = [atLeast("Hono: rate, patched against native", ratio(patched, native), 0.9)];
  console.log(`\n${comparison.table()}\n`);
  for (const line of comparison.skipped()) console.log(line);
  console.log(formatVerdicts(verdicts));
  if (options.out === undefined) return;
  const report = { machine: describeMachine(), load, verdicts, servers: comparison };
  await writeReport(options.out, { "monkey_hono.json": JSON.stringify(report, null, 2) });
}

if (import.meta.main) {
  const { values: options } = parseArgs({ options: OPTIONS });
  const names = options.only?.split(",");
  const workloads = names?.filter((name) => name !== "hono").join();
  if (workloads !== "") await runComparison(MONKEY, { ...options, only: workloads });
  if (names?.includes("hono") ?? true) await compareHono(options);
}
