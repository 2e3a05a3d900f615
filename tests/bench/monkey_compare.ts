/**
 * Compares what is patched with what is not: `deno task bench:monkey`.
 *
 * Options: `--quick`, `--rounds N`, `--only WORKLOAD,WORKLOAD`, `--out FOLDER` for the numbers as JSON. The workload
 * `hono`, which comes last, is the rate of requests of a Hono application on `Deno.serve`, and needs `wrk`.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { describeMachine, writeReport } from "./harness/report.ts";
import { denoCommand } from "./harness/runtimes.ts";
import { ServerComparison, type ServerPeer } from "./harness/server_comparison.ts";
import { atLeast, atMost, formatVerdicts, ratio } from "./harness/verdicts.ts";
import { type ComparisonPlan, runComparison } from "./harness/workload_comparison.ts";
import { findWrk, type HttpLoad, runWrk } from "./harness/wrk.ts";
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

/** How a comparison of servers is done. */
interface ServerOptions {
  readonly quick: boolean;
  readonly rounds: number;
  readonly out: string | undefined;
}

async function compareServers({ quick, rounds, out }: ServerOptions): Promise<void> {
  const missing = await findWrk();
  if (missing !== undefined) return console.log(`skipped: Hono: wrk: ${missing}`);
  const load: HttpLoad = { connections: 64, seconds: quick ? 2 : 10 };
  const comparison = await ServerComparison.run(SERVERS, {
    unit: "req",
    progress: (text) => console.error(text),
    references: ["native"],
    rounds,
    load: (port) => runWrk(port, load),
  });
  const [native, patched] = SERVERS.map(({ name }) => comparison.of(name)?.rate);
  const verdicts = [atLeast("Hono: rate, patched against native", ratio(patched, native), 0.9)];
  console.log(`\n${comparison.table()}\n`);
  for (const line of comparison.skipped()) console.log(line);
  console.log(formatVerdicts(verdicts));
  if (out === undefined) return;
  const report = { machine: describeMachine(), load, verdicts, servers: comparison };
  await writeReport(out, { "monkey_hono.json": JSON.stringify(report, null, 2) });
}

if (import.meta.main) {
  const { values: { quick = false, rounds, only, out } } = parseArgs({
    args: Deno.args,
    options: {
      quick: { type: "boolean" },
      rounds: { type: "string" },
      only: { type: "string" },
      out: { type: "string" },
    },
  });
  const names = only?.split(",");
  const workloads = names?.filter((name) => name !== "hono");
  if (workloads === undefined || workloads.length > 0) {
    await runComparison(MONKEY, [
      ...quick ? ["--quick"] : [],
      ...rounds === undefined ? [] : ["--rounds", rounds],
      ...workloads === undefined ? [] : ["--only", workloads.join()],
      ...out === undefined ? [] : ["--out", out],
    ]);
  }
  if (names === undefined || names.includes("hono")) {
    await compareServers({ quick, rounds: Number(rounds ?? (quick ? 1 : 3)), out });
  }
}
