/** The echo server with the callbacks of node:net. */

import { type AddressInfo, createServer } from "node:net";

const server = createServer({ noDelay: true }, (socket) => {
  socket.on("data", (data) => void socket.write(data));
  socket.on("error", () => void socket.destroy());
});
server.listen({ host: "127.0.0.1", port: 0, backlog: 1024 }, () => {
  console.log((server.address() as AddressInfo).port);
});
