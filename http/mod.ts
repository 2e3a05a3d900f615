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
export { type BodyChunk, type HttpResult, streamed, type StreamedBody } from "./body.ts";
export { HttpError, WebSocketError } from "./errors.ts";
export { type BodyOptions, readBytes, readJson, readText } from "./request_body.ts";
export { type HttpApp, type HttpInfo, HttpServer, type HttpServerOptions } from "./server.ts";
export {
  upgradeWebSocket,
  WebSocketConnection,
  type WebSocketHandler,
  type WebSocketMessage,
  type WebSocketOptions,
} from "./websocket.ts";
