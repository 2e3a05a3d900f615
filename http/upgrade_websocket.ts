/**
 * Answering requests with WebSockets.
 *
 * @module
 */

import { requireFunction } from "../core/arguments.ts";
import { GreenletExit } from "../core/errors.ts";
import { negotiate } from "./_handshake.ts";
import type { OpenWebSockets } from "./_open_websockets.ts";
import { waitOpen } from "./_opening.ts";
import { WebSocketError } from "./errors.ts";
import { WebSocketConnection } from "./websocket.ts";
import { limitsFrom, type WebSocketLimits } from "./websocket_limits.ts";

/**
 * What is called for each WebSocket, in the greenlet of its request; when it returns, the socket is closed.
 *
 * @example
 * ```ts
 * import type { WebSocketHandler } from "@gevent/deno/http";
 *
 * const echo: WebSocketHandler = async (socket) => {
 *   for await (const message of socket) await socket.send(message);
 * };
 * console.assert(echo.length === 1);
 * ```
 */
export type WebSocketHandler = (socket: WebSocketConnection) => unknown;

/**
 * What `upgradeWebSocket` takes.
 *
 * @example
 * ```ts
 * import type { WebSocketOptions } from "@gevent/deno/http";
 *
 * const options: WebSocketOptions = { maxMessageSize: 65536, origins: ["https://example.com"] };
 * console.assert(options.origins?.length === 1);
 * ```
 */
export interface WebSocketOptions extends WebSocketLimits {
  /**
   * Origins whose pages may connect, or `"any"`. By default only pages of the host that is being asked for. Clients that
   * are not browsers and send no origin are always let in.
   */
  readonly origins?: readonly string[] | "any";
  /**
   * Sub-protocol to agree on, or several, the preferred ones first; the client must have offered one of them. An empty
   * one among them lets clients in that offer none of the others.
   */
  readonly protocol?: string | readonly string[];
}

/** A request that is to become a WebSocket, and what to do with it then. */
export class Upgrade {
  readonly #request: Request;
  readonly #handler: WebSocketHandler;
  readonly #options: WebSocketOptions;
  readonly #protocol: string;
  #socket: WebSocket | undefined;
  #connection: WebSocketConnection | undefined;

  /** Does nothing yet. */
  constructor(
    request: Request,
    handler: WebSocketHandler,
    options: WebSocketOptions,
    protocol: string,
  ) {
    this.#request = request;
    this.#handler = handler;
    this.#options = options;
    this.#protocol = protocol;
  }

  /**
   * Whether the client is still there. The runtime would keep the connection, and the server alive, for ever if it were to
   * upgrade one whose client it knows to have left. So this is asked right before, with nothing but microtasks in between.
   */
  async clientIsThere(): Promise<boolean> {
    const { signal } = this.#request;
    await null; // the runtime takes one to say so
    return !signal.aborted;
  }

  /** Gives the response that has to be sent at once, with the headers that the app has set. */
  begin({ headers }: Response): Response {
    const idleTimeout = this.#options.idleTimeout ?? 30_000;
    upgraded.add(this.#request);
    // The runtime takes a list of protocols apart only where there is a blank after the comma; so it is not asked to.
    const { socket, response } = withoutWarning(() =>
      Deno.upgradeWebSocket(this.#request, {
        idleTimeout: Number.isFinite(idleTimeout) ? idleTimeout / 1000 : 0,
      })
    );
    for (const [name, value] of headers) response.headers.append(name, value);
    this.#socket = socket;
    this.#connection = new WebSocketConnection(socket, {
      ...this.#options,
      protocol: this.#protocol,
    });
    return response;
  }

  /**
   * Runs the handler in the current greenlet, from the opening of the socket to the end of the connection, which is
   * listed in `open` for as long as there is one.
   */
  async run(open: OpenWebSockets): Promise<void> {
    const socket = this.#socket!;
    const connection = this.#connection!;
    open.add(connection);
    socket.addEventListener("close", () => open.delete(connection), { once: true });
    try {
      if (!await waitOpen(socket)) {
        open.delete(connection);
        return connection.abort();
      }
      if (!connection.closed) await this.#handler(connection);
      connection.close();
    } catch (error) {
      if (!(error instanceof WebSocketError && connection.closed)) {
        if (error instanceof GreenletExit) connection.close(1001, "Going away");
        else connection.close(1011, "Internal Error");
        throw error;
      }
      // The client has left in the middle of it.
    }
    await connection.waitClosed();
  }
}

/** What the runtime says, once, when the signal of a request was asked for before its end. */
const LEGACY_ABORT = "Deno.serve: request.signal aborts on successful responses";

/** Keeps it from saying so: the signal is not used for anything that the warning is about. */
function withoutWarning<T>(fn: () => T): T {
  const { warn } = console;
  console.warn = (...args: unknown[]): void => {
    if (!String(args[0]).startsWith(LEGACY_ABORT)) warn.apply(console, args);
  };
  try {
    return fn();
  } finally {
    console.warn = warn;
  }
}

const UPGRADE: unique symbol = Symbol("upgrade");

const upgraded = new WeakSet<Request>();

/** Whether a request has become a WebSocket: the runtime then says that its client has left. */
export function isUpgraded(request: Request): boolean {
  return upgraded.has(request);
}

/** The upgrade that a response begins, if it does. */
export function upgradeOf(response: Response & { [UPGRADE]?: Upgrade }): Upgrade | undefined {
  return response[UPGRADE];
}

/**
 * Answers a request with a WebSocket: an app returns the result to its `HttpServer`, which then runs the handler in the
 * greenlet of the request. gevent-websocket's `WebSocketHandler`.
 *
 * What is no WebSocket request, or offers none of `options.protocol`, is answered with 400 or 426, one from a page of a
 * foreign origin with 403. Headers may be added to the response. When the handler returns, the socket is closed with
 * 1000, when it fails with 1011, when its greenlet is killed or the server stops with 1001. The greenlet ends with the
 * connection.
 *
 * @throws {TypeError} When `handler` is not a function.
 * @throws {RangeError} When a limit is negative or not a number.
 *
 * @example
 * ```ts
 * import { upgradeWebSocket } from "@gevent/deno/http";
 *
 * const response = upgradeWebSocket(new Request("http://localhost/"), () => {});
 * console.assert(response.status === 426);
 * ```
 */
export function upgradeWebSocket(
  request: Request,
  handler: WebSocketHandler,
  options: WebSocketOptions = {},
): Response {
  requireFunction(handler, "handler");
  const agreed = negotiate(request, options);
  if (agreed instanceof Response) return agreed;
  limitsFrom(options);
  const { protocol } = agreed;
  const headers: Record<string, string> = protocol === ""
    ? {}
    : { "sec-websocket-protocol": protocol };
  const response = new Response(null, { headers });
  // What it will have; a Response cannot be made with it.
  Object.defineProperty(response, "status", { value: 101 });
  return Object.assign(response, { [UPGRADE]: new Upgrade(request, handler, options, protocol) });
}
