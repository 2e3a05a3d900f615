/** The echo server on this library: one greenlet for each connection. */

import { StreamServer } from "../../../net/mod.ts";

const server = new StreamServer("127.0.0.1:0", async (socket) => {
  for (;;) {
    const data = await socket.recv(4096);
    if (data.length === 0) return;
    await socket.sendAll(data);
  }
}, { backlog: 1024 });
await server.start();
console.log((server.address as Deno.NetAddr).port);
