/**
 * An echo server for a process that may open only a few files: prints its port, then a line for each error.
 *
 * @module
 */

import { getHub } from "../../../core/hub.ts";
import { StreamServer } from "../../../net/stream_server.ts";

getHub().onError = (_context, error) => console.log(`error: ${(error as Error).message}`);

const server = new StreamServer("127.0.0.1:0", async (socket) => {
  for (let data = await socket.recv(); data.length > 0; data = await socket.recv()) {
    await socket.sendAll(data);
  }
}, { backlog: 200 });
await server.start();
console.log(server.port);
