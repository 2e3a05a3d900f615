/**
 * Compares the echo server with those of others, many clients at once: `deno task bench:echo`.
 *
 * Options: `--quick`, `--connections N` and `--messages N` (for each connection) instead of the usual loads,
 * `--rounds N`, `--only NAME,NAME`, `--out FOLDER` for the numbers as JSON and pictures as SVG.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { OPTIONS } from "./harness/comparison_options.ts";
import { EchoClient, type EchoLoad } from "./harness/echo_client.ts";
import { requireConnections } from "./harness/file_limit.ts";
import { describeMachine, writeReport } from "./harness/report.ts";
import { denoCommand, pythonCommand } from "./harness/runtimes.ts";
import {
  compareServers,
  type ServerComparison,
  type ServerPeer,
} from "./harness/server_comparison.ts";
import { atLeast, atMost, formatVerdicts, ratio, type Verdict } from "./harness/verdicts.ts";

const PEERS: readonly ServerPeer[] = [
  {
    name: "gevent_deno",
    title: "@gevent/deno StreamServer",
    command: denoCommand("gevent_deno_echo.ts"),
  },
  {
    name: "deno_loop",
    title: "Deno, bare loop",
    command: denoCommand("deno_loop_echo.ts"),
  },
  { name: "node_net", title: "Deno, node:net", command: denoCommand("node_net_echo.ts") },
  { name: "deno_pipe", title: "Deno, pipeTo", command: denoCommand("deno_pipe_echo.ts") },
  {
    name: "gevent",
    title: "Python, gevent",
    command: pythonCommand("gevent_echo.py"),
  },
  {
    name: "tornado",
    title: "Python, tornado",
    command: pythonCommand("tornado_echo.py"),
  },
  {
    name: "asyncio",
    title: "Python, asyncio streams",
    command: pythonCommand("asyncio_echo.py"),
  },
  {
    name: "threads",
    title: "Python, threads",
    command: pythonCommand("threads_echo.py"),
  },
  {
    name: "selectors",
    title: "Python, selectors",
    command: pythonCommand("selectors_echo.py"),
  },
];

/** From here on, what is promised for many connections counts. */
const MANY = 500;

/** Who takes part when there are few connections: that is no problem for anybody else. */
const FEW_PEERS = "gevent_deno,deno_loop,node_net,gevent";

/** The slowest of them may not take longer. */
const SLOWEST_RATE = 5_000;

const { values: options } = parseArgs({
  options: { ...OPTIONS, connections: { type: "string" }, messages: { type: "string" } },
});

function chooseLoads(): EchoLoad[] {
  const total = options.quick ? 100_000 : 1_000_000;
  const load = (connections: number): EchoLoad => ({
    connections,
    messages: Number(options.messages ?? Math.ceil(total / connections)),
  });
  return options.connections === undefined
    ? [load(1000), load(64)]
    : [load(Number(options.connections))];
}

function judge({ connections }: EchoLoad, comparison: ServerComparison): Verdict[] {
  const ours = comparison.of("gevent_deno");
  const loop = comparison.of("deno_loop");
  const toLoop = ratio(ours?.rate, loop?.rate);
  if (connections < MANY) return [atLeast("msg/s against the bare loop", toLoop, 0.9)];
  return [
    atLeast("msg/s against the bare loop", toLoop, 0.8),
    atLeast("msg/s against gevent", ratio(ours?.rate, comparison.of("gevent")?.rate), 1.5),
    atMost("p99 in ms", ours?.p99, 25),
    atMost("p99 against the bare loop", ratio(ours?.p99, loop?.p99), 0.5),
    atMost("max in ms", ours?.max, 150),
  ];
}

const folder = await Deno.makeTempDir({ prefix: "echo_client_" });
try {
  const client = await EchoClient.prepare(folder);
  const files: Record<string, string> = {};
  const report = [];
  for (const load of chooseLoads()) {
    await requireConnections(load.connections);
    const { connections, messages } = load;
    const title = `Echo, ${connections} connections, ${messages} messages each`;
    const limit = Math.ceil(10 + connections * messages / SLOWEST_RATE);
    const only = options.only ?? (connections < MANY ? FEW_PEERS : undefined);
    const comparison = await compareServers(PEERS, { ...options, only }, {
      unit: "msg",
      references: ["deno_loop", "gevent"],
      load: async (port) => {
        const result = await client.run(port, load, limit);
        const evenness = result.leastServed / result.mostServed;
        return { ...result, answers: result.messages, evenness };
      },
    });
    const verdicts = judge(load, comparison);
    console.log(`\n${title} (client: ${client.name})\n`);
    console.log(comparison.table());
    console.log(["", ...comparison.skipped(), formatVerdicts(verdicts)].join("\n"));
    files[`echo_${connections}.svg`] = comparison.chart(title, "gevent_deno");
    report.push({ load, verdicts, servers: comparison });
  }
  files["echo.json"] = JSON.stringify(
    { machine: describeMachine(), client: client.name, report },
    null,
    2,
  );
  console.log(`\nNumbers and pictures are in ${await writeReport(options.out, files)}`);
} finally {
  await Deno.remove(folder, { recursive: true });
}
