/**
 * Compares the HTTP server with those of others, by the rate of the shortest answers: `deno task bench:http`.
 *
 * Needs `wrk`, which Debian has as a package. Options: `--quick`, `--rounds N`, `--only NAME,NAME`, `--out FOLDER` for
 * the numbers as JSON and a picture as SVG.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { OPTIONS } from "./harness/comparison_options.ts";
import { describeMachine, writeReport } from "./harness/report.ts";
import { HTTP_PEERS } from "./harness/http_peers.ts";
import { requirePrograms } from "./harness/require_programs.ts";
import { compareServers } from "./harness/server_comparison.ts";
import { atLeast, atMost, formatVerdicts, ratio } from "./harness/verdicts.ts";
import { type HttpLoad, runWrk } from "./harness/wrk.ts";

const { values: options } = parseArgs({ options: OPTIONS });
requirePrograms("wrk");
const load: HttpLoad = { connections: 64, seconds: options.quick ? 2 : 10 };
const comparison = await compareServers(HTTP_PEERS, options, {
  unit: "req",
  references: ["deno_serve", "node_http"],
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
