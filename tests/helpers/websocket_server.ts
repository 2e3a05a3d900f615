/**
 * WebSocket servers for tests.
 *
 * @module
 */

import type { HttpServer } from "../../http/server.ts";
import {
  upgradeWebSocket,
  type WebSocketHandler,
  type WebSocketOptions,
} from "../../http/upgrade_websocket.ts";
import type { WebSocketConnection, WebSocketMessage } from "../../http/websocket.ts";
import { serve } from "./http.ts";

/** Starts a server that answers each request with a WebSocket. */
export function serveWebSocket(
  handler: WebSocketHandler,
  options?: WebSocketOptions,
): Promise<HttpServer> {
  return serve((request) => upgradeWebSocket(request, handler, options));
}

/** A handler that sends back what comes in. */
export async function echo(socket: WebSocketConnection): Promise<void> {
  for await (const message of socket) await socket.send(message);
}

/** What became of one connection. */
export interface Recorded {
  readonly received: WebSocketMessage[];
  code: number | undefined;
  reason: string | undefined;
  /** Whether the handler has come to its end. */
  over: boolean;
}

/** Makes a handler that notes what it receives, and how that ended. */
export function recorder(): { list: Recorded[]; record: WebSocketHandler } {
  const list: Recorded[] = [];
  const record = async (socket: WebSocketConnection): Promise<void> => {
    const recorded: Recorded = { received: [], code: undefined, reason: undefined, over: false };
    list.push(recorded);
    for await (const message of socket) recorded.received.push(message);
    recorded.code = socket.closeCode;
    recorded.reason = socket.closeReason;
    recorded.over = true;
  };
  return { list, record };
}
