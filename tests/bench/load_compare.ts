/**
 * Compares the HTTP server with those of others under three kinds of load: requests over connections that are kept, over
 * new ones, and while thousands of others are held open: `deno task bench:load`.
 *
 * Needs `wrk` and `ab`, which Debian has as packages. Options: `--quick`, `--rounds N`, `--only NAME,NAME`, `--held N`
 * (connections held open, default 9000), `--out FOLDER` for the numbers as JSON.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { runApacheBench } from "./harness/apache_bench.ts";
import { OPTIONS } from "./harness/comparison_options.ts";
import { requireConnections } from "./harness/file_limit.ts";
import { HeldConnections } from "./harness/held_connections.ts";
import { describeMachine, writeReport } from "./harness/report.ts";
import { HTTP_PEERS } from "./harness/http_peers.ts";
import { requirePrograms } from "./harness/require_programs.ts";
import { compareServers, type LoadResult } from "./harness/server_comparison.ts";
import { runWrk } from "./harness/wrk.ts";

const { values: options } = parseArgs({ options: { ...OPTIONS, held: { type: "string" } } });
requirePrograms("wrk", "ab");
const held = Number(options.held ?? (options.quick ? 500 : 9000));
await requireConnections(2 * (held + 64)); // a guarded server has two files for each; the 64 are of wrk
const seconds = options.quick ? 2 : 10;
const requests = options.quick ? 1000 : 10_000;

const LOADS: Record<string, (port: number) => Promise<LoadResult>> = {
  "64 connections that are kept (wrk -t1 -c64)": (port) =>
    runWrk(port, { connections: 64, seconds }),
  [`a connection for each request (ab -n ${requests} -c 100)`]: (port) =>
    runApacheBench(port, { requests, concurrency: 100 }),
  [`64 connections beside ${held} that are open and idle`]: async (port) => {
    using others = await HeldConnections.open(port, held);
    const result = await runWrk(port, { connections: 64, seconds });
    const open = await others.countOpen();
    if (open < held) throw new Error(`${held - open} of ${held} idle connections were lost`);
    return result;
  },
};

const report = [];
for (const [title, load] of Object.entries(LOADS)) {
  const comparison = await compareServers(HTTP_PEERS, options, {
    unit: "req",
    references: ["deno_serve", "node_http"],
    load,
  });
  console.log(`\nHello World over HTTP, ${title}\n\n${comparison.table()}`);
  for (const line of comparison.skipped()) console.log(line);
  report.push({ title, servers: comparison });
}
const folder = await writeReport(options.out, {
  "load.json": JSON.stringify({ machine: describeMachine(), report }, null, 2),
});
console.log(`\nNumbers are in ${folder}`);
