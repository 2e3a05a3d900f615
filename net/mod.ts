/**
 * Sockets and servers whose every wait can be killed and timed out.
 *
 * @example
 * ```ts
 * import { connect, StreamServer } from "@gevent/deno/net";
 *
 * await using server = new StreamServer("127.0.0.1:0", async (socket) => {
 *   for (let data = await socket.recv(); data.length > 0; data = await socket.recv()) await socket.sendAll(data);
 * });
 * await server.start();
 *
 * using socket = await connect(server.address, { timeout: 1000 });
 * await socket.sendAll(new TextEncoder().encode("hello"));
 * console.assert((await socket.recvExactly(5, { timeout: 1000 })).length === 5);
 * ```
 *
 * @module
 */

export { type Address, formatAddress, parseAddress, type ParsedAddress } from "./address.ts";
export { BaseServer, type BaseServerOptions, type StopOptions } from "./base_server.ts";
export { connect, type ConnectOptions, type TlsClientOptions } from "./connect.ts";
export { type ReadLineOptions, Socket } from "./socket.ts";
export { type StreamHandler, StreamServer, type StreamServerOptions } from "./stream_server.ts";
