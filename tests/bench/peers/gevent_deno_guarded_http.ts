/** Hello World on this library with the guard in front, which limits connections and their time. */

import { HttpServer } from "../../../http/mod.ts";

const server = new HttpServer(
  "127.0.0.1:0",
  async () => await Promise.resolve("Hello World!"),
  {
    log: null,
    guard: { headerTimeout: 10_000, idleTimeout: 60_000, maxConnections: 20_000, maxPerIp: 20_000 },
  },
);
await server.start();
console.log((server.address as Deno.NetAddr).port);
