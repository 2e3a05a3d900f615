/** Hello World with node:http. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

// Asynchronous, as applications are.
const server = createServer(async (_request, response) => {
  response.end(await Promise.resolve("Hello World!"));
});
server.listen({ host: "127.0.0.1", port: 0, backlog: 1024 }, () => {
  console.log((server.address() as AddressInfo).port);
});
