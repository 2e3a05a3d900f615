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
export { type BackdoorOptions, BackdoorServer } from "./backdoor_server.ts";
export { BaseServer, type BaseServerOptions, type StopOptions } from "./base_server.ts";
export { connect, type ConnectOptions } from "./connect.ts";
export {
  type DatagramHandler,
  DatagramServer,
  type DatagramServerOptions,
} from "./datagram_server.ts";
export {
  type DatagramConnectOptions,
  type DatagramOptions,
  DatagramSocket,
} from "./datagram_socket.ts";
export type {
  Datagram,
  DatagramControls,
  DatagramDemand,
  DatagramTransport,
} from "./datagram_transport.ts";
export { lookup, resolve } from "./dns.ts";
export type { DnsRecords, HostAddress, NameServer, RecordsAnswer } from "./dns_records.ts";
export { Poller, type PollEvents, type PollResult } from "./poller.ts";
export type { Readiness, Selectable } from "./readiness.ts";
export {
  type LookupOptions,
  type ResolveOptions,
  Resolver,
  type ResolverOptions,
} from "./resolver.ts";
export { select, waitRead, waitWrite } from "./select.ts";
export { type ReadLineOptions, type SendFileOptions, Socket, type Transport } from "./socket.ts";
export { socketPair } from "./socket_pair.ts";
export { type StreamHandler, StreamServer, type StreamServerOptions } from "./stream_server.ts";
export {
  acceptTls,
  startTls,
  type TlsCertificate,
  type TlsClientOptions,
  type TlsServerOptions,
} from "./tls.ts";
export { type PeerCertificate, type TlsEngine, type TlsInfo } from "./tls_info.ts";
