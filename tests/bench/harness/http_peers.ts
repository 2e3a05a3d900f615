/**
 * The servers that the comparisons over HTTP are between.
 *
 * @module
 */

import { denoCommand, pythonCommand } from "./runtimes.ts";
import type { ServerPeer } from "./server_comparison.ts";

/** All answer Hello World. */
export const HTTP_PEERS: readonly ServerPeer[] = [
  {
    name: "gevent_deno",
    title: "@gevent/deno HttpServer",
    command: denoCommand("gevent_deno_http.ts"),
  },
  {
    name: "gevent_deno_guard",
    title: "@gevent/deno HttpServer with a guard",
    command: denoCommand("gevent_deno_http.ts", ["guard"]),
  },
  { name: "deno_serve", title: "Deno.serve", command: denoCommand("deno_serve_http.ts") },
  { name: "node_http", title: "Deno, node:http", command: denoCommand("node_http.ts") },
  {
    name: "pywsgi",
    title: "Python, gevent pywsgi",
    command: pythonCommand("pywsgi_http.py"),
  },
];
