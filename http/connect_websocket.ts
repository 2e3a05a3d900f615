/**
 * Connecting to WebSocket servers.
 *
 * @module
 */

import { checkpoint, type WaitOptions } from "../core/suspend.ts";
import { waitOpen } from "./_opening.ts";
import { WebSocketError } from "./errors.ts";
import { WebSocketConnection } from "./websocket.ts";
import { limitsFrom, type WebSocketLimits } from "./websocket_limits.ts";

/**
 * What `connectWebSocket` takes.
 *
 * @example
 * ```ts
 * import type { ConnectWebSocketOptions } from "@gevent/deno/http";
 *
 * const options: ConnectWebSocketOptions = {
 *   protocols: ["chat.v2", "chat"],
 *   headers: { authorization: "Bearer secret" },
 *   timeout: 5000,
 * };
 * console.assert(options.protocols?.length === 2);
 * ```
 */
export interface ConnectWebSocketOptions extends WebSocketLimits, WaitOptions {
  /** Sub-protocols to offer, the preferred ones first; the server chooses one, or none. */
  readonly protocols?: string | readonly string[];
  /** Further headers of the request, such as `authorization`, `cookie` and `origin`. */
  readonly headers?: HeadersInit;
  /** For other certificate authorities, a client certificate or a proxy: of `Deno.createHttpClient`, whose owner closes it. */
  readonly client?: Deno.HttpClient;
}

/** What the runtime's sockets take, of which the library's types know only a part. */
interface RuntimeOptions {
  readonly protocols: string[];
  headers?: HeadersInit;
  client?: Deno.HttpClient;
}

// Taken at load time: patching the globals later must not make the library depend on itself.
const RuntimeWebSocket = WebSocket as unknown as new (
  url: string | URL,
  options: RuntimeOptions,
) => WebSocket;

/**
 * Connects to a WebSocket server and returns the connection, in blocking style.
 *
 * `url` begins with `ws:`, `wss:`, `http:` or `https:`. The time limit is for all together: name lookup, connecting, TLS
 * and the opening handshake. When it is interrupted, the connection is closed, or never made. Redirects are not followed,
 * compression is not offered, and the runtime does not look at the server's `Sec-WebSocket-Accept`.
 *
 * @throws {WebSocketError} When the connection cannot be made, the server does not open a WebSocket, or it chooses a
 * protocol that was not offered; the `cause` is the runtime's error.
 * @throws {Timeout} When it takes too long.
 * @throws {TypeError} When `url` or `options.protocols` cannot be right.
 *
 * @example
 * ```ts
 * import { connectWebSocket, HttpServer, upgradeWebSocket } from "@gevent/deno/http";
 *
 * await using server = new HttpServer("127.0.0.1:0", (request) => {
 *   return upgradeWebSocket(request, (socket) => socket.send("welcome"));
 * }, { log: null });
 * await server.start();
 *
 * await using socket = await connectWebSocket(server.url, { timeout: 5000 });
 * console.assert(await socket.receive() === "welcome");
 * console.assert(await socket.receive() === null && socket.closeCode === 1000);
 * ```
 */
export async function connectWebSocket(
  url: string | URL,
  options: ConnectWebSocketOptions = {},
): Promise<WebSocketConnection> {
  const { timeout, signal, protocols = [], headers, client, ...limits } = options;
  limitsFrom(limits);
  const offered = typeof protocols === "string" ? [protocols] : [...protocols];
  const waiting: WaitOptions = { timeout, signal };
  const refused = checkpoint(waiting);
  if (refused !== undefined) await refused;
  const socket = open(url, {
    protocols: offered,
    ...(headers === undefined ? {} : { headers }),
    ...(client === undefined ? {} : { client }),
  });
  const connection = new WebSocketConnection(socket, limits);
  let cause: unknown;
  socket.addEventListener("error", ({ error }: Event & { error?: unknown }) => cause ??= error, {
    once: true,
  });
  if (!await waitOpen(socket, waiting, () => socket.close())) {
    throw new WebSocketError(
      `Cannot connect to ${targetOf(socket.url)}: ${
        cause instanceof Error ? cause.message : "the connection was lost"
      }`,
      { cause },
    );
  }
  const { protocol } = connection;
  if (protocol !== "" && !offered.includes(protocol)) {
    connection.abort();
    throw new WebSocketError(
      `Cannot connect to ${
        targetOf(socket.url)
      }: the server has chosen the protocol '${protocol}', which was not offered`,
    );
  }
  return connection;
}

function open(url: string | URL, options: RuntimeOptions): WebSocket {
  try {
    return new RuntimeWebSocket(url, options);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    throw new TypeError(`Cannot connect to ${targetOf(String(url))}: ${error.message}`, {
      cause: error,
    });
  }
}

/** A URL as it may be shown: without what may be secret. */
function targetOf(url: string): string {
  if (!URL.canParse(url)) return `'${url}'`;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
