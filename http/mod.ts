/**
 * An HTTP server with a greenlet for each request, streamed bodies, and WebSockets in blocking style.
 *
 * @example
 * ```ts
 * import { HttpServer } from "@gevent/deno/http";
 * import { sleep } from "@gevent/deno";
 *
 * async function* slowly() {
 *   yield "START";
 *   await sleep(1);
 *   yield "END";
 * }
 *
 * await using server = new HttpServer("127.0.0.1:0", () => slowly(), { log: null });
 * await server.start();
 * console.assert(await (await fetch(server.url)).text() === "STARTEND");
 * ```
 *
 * @module
 */

export { type AccessLogEntry, formatAccessLog } from "./access_log.ts";
export type { HttpApp, HttpErrorHandler, HttpInfo } from "./app.ts";
export { type BodyChunk, type HttpResult, streamed, type StreamedBody } from "./body.ts";
export { connectWebSocket, type ConnectWebSocketOptions } from "./connect_websocket.ts";
export { HttpError, WebSocketError } from "./errors.ts";
export { eventStream, type EventStreamOptions, type ServerSentEvent } from "./event_stream.ts";
export type { ConnectionState, GuardOptions, HttpConnection } from "./guard.ts";
export { type BodyOptions, readBytes, readJson, readText } from "./request_body.ts";
export type { RequestLimits } from "./request_limits.ts";
export { HttpServer, type HttpServerOptions } from "./server.ts";
export {
  upgradeWebSocket,
  type WebSocketHandler,
  type WebSocketOptions,
} from "./upgrade_websocket.ts";
export { WebSocketConnection, type WebSocketMessage } from "./websocket.ts";
export type { WebSocketLimits } from "./websocket_limits.ts";
