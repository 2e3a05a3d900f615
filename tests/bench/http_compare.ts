/**
 * Compares the HTTP server with those of others, by the rate of the shortest answers: `deno task bench:http`.
 *
 * Needs `wrk`, which Debian has as a package. Options: `--quick`, `--rounds N`, `--only NAME,NAME`, `--out FOLDER` for
 * the numbers as JSON and a picture as SVG.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { describeMachine, writeReport } from "./harness/report.ts";
import { HTTP_PEERS } from "./harness/http_peers.ts";
import { choosePeers, ServerComparison } from "./harness/server_comparison.ts";
import { atLeast, atMost, formatVerdicts, ratio } from "./harness/verdicts.ts";
import { findWrk, type HttpLoad, runWrk } from "./harness/wrk.ts";

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    only: { type: "string" },
    out: { type: "string" },
  },
});

const missing = await findWrk();
if (missing !== undefined) {
  console.log(`skipped: wrk: ${missing}`);
  Deno.exit();
}
const load: HttpLoad = { connections: 64, seconds: options.quick ? 2 : 10 };
const names = options.only?.split(",") ?? HTTP_PEERS.map(({ name }) => name);
const comparison = await ServerComparison.run(choosePeers(HTTP_PEERS, names), {
  unit: "req",
  progress: (text) => console.error(text),
  references: ["deno_serve", "node_http"],
  rounds: Number(options.rounds ?? (options.quick ? 1 : 3)),
  load: (port) => runWrk(port, load),
});
const ours = comparison.of("gevent_deno");
const verdicts = [
  atLeast("req/s against Deno.serve", ratio(ours?.rate, comparison.of("deno_serve")?.rate), 0.75),
  atLeast("req/s against node:http", ratio(ours?.rate, comparison.of("node_http")?.rate), 1.4),
  atMost("p99 in ms", ours?.p99, 3),
];

const title = `Hello World over HTTP, ${load.connections} connections`;
console.log(`\n${title}\n\n${comparison.table()}`);
console.log(["", ...comparison.skipped(), formatVerdicts(verdicts)].join("\n"));
const report = { machine: describeMachine(), load, verdicts, servers: comparison };
const folder = await writeReport(options.out, {
  "http.json": JSON.stringify(report, null, 2),
  "http.svg": comparison.chart(title, "gevent_deno"),
});
console.log(`\nNumbers and a picture are in ${folder}`);
