/**
 * A server at a port that it shares with others: prints the port, and tells each client the number of its process.
 *
 * @module
 */

import { StreamServer } from "../../../net/stream_server.ts";

const server = new StreamServer(`127.0.0.1:${Deno.args[0]}`, async (socket) => {
  await socket.sendAll(new TextEncoder().encode(`${Deno.pid}\n`));
}, { reusePort: true });
await server.start();
console.log(server.port);
