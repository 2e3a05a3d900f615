/**
 * Hello World on this library: one greenlet for each request. Without an access log, as nobody else writes one. With the
 * argument `guard` there is one in front, which nobody else has.
 */

import { HttpServer } from "../../../http/mod.ts";

const server = new HttpServer(
  "127.0.0.1:0",
  async () => await Promise.resolve("Hello World!"), // asynchronous, as applications are
  { log: null, guard: Deno.args[0] === "guard" && { maxConnections: 20_000 } },
);
await server.start();
console.log((server.address as Deno.NetAddr).port);
