/**
 * WebSockets in blocking style.
 *
 * @module
 */

import { Deque } from "../core/deque.ts";
import { ConcurrentObjectUseError, GreenletExit } from "../core/errors.ts";
import { sleep } from "../core/sleep.ts";
import { checkpoint, completed, parkWait, type WaitOptions } from "../core/suspend.ts";
import type { Wait, WaitKind } from "../core/waiter.ts";
import { requireFunction } from "../core/links.ts";
import { limited } from "../core/timeout.ts";
import { refusalOf } from "./_handshake.ts";
import { WebSocketError } from "./errors.ts";

/**
 * A message: text, or bytes.
 *
 * @example
 * ```ts
 * import type { WebSocketMessage } from "@gevent/deno/http";
 *
 * const messages: WebSocketMessage[] = ["text", new Uint8Array([1])];
 * console.assert(messages.length === 2);
 * ```
 */
export type WebSocketMessage = string | Uint8Array<ArrayBuffer>;

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
export interface WebSocketOptions {
  /** Bytes (of text: of its UTF-8) a message may have before the socket is closed with 1009; default 1 MiB. */
  readonly maxMessageSize?: number;
  /** Messages that may wait to be received before the socket is closed with 1008; default 1024. */
  readonly maxUnread?: number;
  /** Bytes that may wait to leave before `send` has to; default 65536. */
  readonly highWaterMark?: number;
  /** Silence, in ms, after which the client is taken for dead, pinged at half of it; 0 for never; default 30 000. */
  readonly idleTimeout?: number;
  /**
   * Origins whose pages may connect, or `"any"`. By default only pages of the host that is being asked for. Clients that
   * are not browsers and send no origin are always let in.
   */
  readonly origins?: readonly string[] | "any";
  /** Sub-protocol to agree on; the client must have offered it. */
  readonly protocol?: string;
}

const RECEIVE: WaitKind<WebSocketMessage | null> = { name: "WebSocketConnection.receive" };
const OPEN: WaitKind<void> = { name: "the WebSocket to open" };

const encoder = new TextEncoder();

/** The code for a connection that was lost; the runtime says 0. */
const LOST = 1006;

/** How many bytes fit into a closing frame besides the code. */
const LONGEST_REASON = 123;

/** How often `send` looks whether what it sent has left: from the first to the last of these, in ms. */
const SHORTEST_LOOK = 1;
const LONGEST_LOOK = 50;

/**
 * One end of a WebSocket in blocking style: gevent-websocket's `WebSocket`.
 *
 * One greenlet receives at a time; any number may send. Iterating gives messages until the socket is closed.
 *
 * @example
 * ```ts
 * import { HttpServer, upgradeWebSocket } from "@gevent/deno/http";
 *
 * await using server = new HttpServer("127.0.0.1:0", (request) => {
 *   return upgradeWebSocket(request, async (socket) => {
 *     for await (const message of socket) await socket.send(`Your message was: ${message}`);
 *   });
 * }, { log: null });
 * await server.start();
 *
 * const client = new WebSocket(server.url.replace("http", "ws"));
 * client.onopen = () => client.send("hello");
 * const reply = await new Promise((resolve) => client.onmessage = (event) => resolve(event.data));
 * console.assert(reply === "Your message was: hello");
 * const closed = new Promise((resolve) => client.onclose = resolve);
 * client.close();
 * await closed;
 * ```
 */
export class WebSocketConnection implements AsyncIterable<WebSocketMessage> {
  readonly #socket: WebSocket;
  readonly #maxMessageSize: number;
  readonly #maxUnread: number;
  readonly #highWaterMark: number;
  readonly #protocol: string;
  readonly #unread: Deque<WebSocketMessage> = new Deque();
  #receiver: Wait<WebSocketMessage | null> | undefined;
  #closed: { readonly code: number; readonly reason: string } | undefined;
  #closing = false;

  /** Takes over a socket of the runtime. */
  constructor(socket: WebSocket, options: WebSocketOptions = {}) {
    this.#socket = socket;
    this.#maxMessageSize = options.maxMessageSize ?? 1024 * 1024;
    this.#maxUnread = options.maxUnread ?? 1024;
    this.#highWaterMark = options.highWaterMark ?? 65536;
    this.#protocol = options.protocol ?? ""; // that of a server's socket is always empty
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => this.#onMessage(event.data);
    socket.onclose = (event) => this.#onClose(event.code, event.reason);
    // What went wrong comes as a close event, too; without a listener the runtime would report it a second time.
    socket.onerror = (event) => event.preventDefault();
  }

  /** Whether it is closed, or being closed. */
  get closed(): boolean {
    // The runtime tells of a close that the client began only when it has answered it.
    return this.#closing || this.#closed !== undefined ||
      this.#socket.readyState > WebSocket.OPEN;
  }

  /** The code the socket was closed with; `undefined` while it is open. 1006 when the connection was lost. */
  get closeCode(): number | undefined {
    return this.#closed?.code;
  }

  /** The reason the socket was closed with; `undefined` while it is open. */
  get closeReason(): string | undefined {
    return this.#closed?.reason;
  }

  /** The sub-protocol that was agreed on; empty for none. */
  get protocol(): string {
    return this.#protocol;
  }

  /** How many bytes have been sent and have not left yet. */
  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  /**
   * Waits for a message and returns it: a string, or bytes; `null` when the socket is closed, by whichever side, and
   * all that came before was received.
   *
   * @throws {ConcurrentObjectUseError} When another greenlet is receiving.
   * @throws {Timeout} When none comes within `options.timeout`; no message is lost.
   */
  receive(options?: WaitOptions): Promise<WebSocketMessage | null> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    const message = this.#unread.shift();
    if (message !== undefined) return completed(message);
    if (this.#closed !== undefined) return completed(null);
    if (this.#receiver !== undefined) {
      return Promise.reject(
        new ConcurrentObjectUseError("Another greenlet is receiving from this WebSocket"),
      );
    }
    return parkWait<WebSocketMessage | null>(
      (wait) => {
        this.#receiver = wait;
        return () => this.#receiver = undefined;
      },
      options,
      RECEIVE,
    );
  }

  /**
   * Sends a message, then waits while more than `highWaterMark` bytes have not left: a client that does not read holds
   * up its own sender and nobody else. When that wait is interrupted, the message is on its way all the same.
   *
   * @throws {WebSocketError} When the socket is closed, or is closed while this waits.
   * @throws {Timeout} When the client does not read fast enough for `options.timeout`.
   */
  async send(message: string | Uint8Array, options: WaitOptions = {}): Promise<void> {
    const refused = checkpoint(options);
    if (refused !== undefined) await refused;
    this.#requireOpen();
    this.#socket.send(message as string | Uint8Array<ArrayBuffer>);
    if (this.#socket.bufferedAmount <= this.#highWaterMark) return await completed(undefined);
    const { timeout, signal } = options;
    await limited(timeout, async () => {
      for (let look = SHORTEST_LOOK; this.#socket.bufferedAmount > this.#highWaterMark;) {
        await sleep(look, { signal });
        this.#requireOpen();
        look = Math.min(look * 2, LONGEST_LOOK);
      }
    });
  }

  /**
   * Begins the closing handshake and returns at once; closing again is harmless. A client that is still sending may find
   * the connection lost (1006) instead of the code: the runtime does not wait for it.
   *
   * @throws {RangeError} When the code is not one that may be sent, or the reason has more than 123 bytes.
   */
  close(code = 1000, reason = ""): void {
    if (!isCloseCode(code)) {
      throw new RangeError(
        `Cannot close a WebSocket with a code that means nothing: received ${code}`,
      );
    }
    if (encoder.encode(reason).length > LONGEST_REASON) {
      throw new RangeError(
        `Cannot close a WebSocket with a reason of more than ${LONGEST_REASON} bytes: received ${reason}`,
      );
    }
    if (this.closed) return;
    this.#closing = true;
    this.#socket.close(code, reason);
  }

  /** Receives messages until the socket is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<WebSocketMessage, void, void> {
    for (let message = await this.receive(); message !== null; message = await this.receive()) {
      yield message;
    }
  }

  /** For example `<WebSocketConnection open unread=0>`. */
  toString(): string {
    return `<WebSocketConnection ${this.closed ? "closed" : "open"} unread=${this.#unread.size}>`;
  }

  #requireOpen(): void {
    if (this.closed) throw new WebSocketError("Connection is already closed");
  }

  #onMessage(data: string | ArrayBuffer): void {
    if (this.closed) return;
    const size = typeof data === "string" ? sizeOf(data, this.#maxMessageSize) : data.byteLength;
    if (size > this.#maxMessageSize) return this.close(1009, "Message too big");
    const message = typeof data === "string" ? data : new Uint8Array(data);
    const receiver = this.#receiver;
    this.#receiver = undefined;
    if (receiver?.resume(message)) return;
    // The runtime hands over whatever comes; it cannot be told to wait.
    if (this.#unread.size >= this.#maxUnread) return this.close(1008, "Too many unread messages");
    this.#unread.push(message);
  }

  #onClose(code: number, reason: string): void {
    if (this.#closed !== undefined) return; // told twice when the connection was lost
    this.#closed = { code: code === 0 ? LOST : code, reason };
    const receiver = this.#receiver;
    this.#receiver = undefined;
    receiver?.resume(null);
  }
}

/** A WebSocket that is about to open, and what to do with it then. */
export class Upgrade {
  readonly #socket: WebSocket;
  readonly #handler: WebSocketHandler;
  readonly #connection: WebSocketConnection;

  /** Begins to listen for what comes in. */
  constructor(socket: WebSocket, handler: WebSocketHandler, options: WebSocketOptions) {
    this.#socket = socket;
    this.#handler = handler;
    this.#connection = new WebSocketConnection(socket, options);
  }

  /** Runs the handler in the current greenlet, from the opening of the socket to its end. */
  async run(): Promise<void> {
    const connection = this.#connection;
    try {
      await this.#opened();
      if (!connection.closed) await this.#handler(connection);
      connection.close();
    } catch (error) {
      if (error instanceof WebSocketError && connection.closed) return; // the client left in the middle of it
      if (error instanceof GreenletExit) connection.close(1001, "Going away");
      else connection.close(1011, "Internal Error");
      throw error;
    }
  }

  #opened(): Promise<void> {
    const socket = this.#socket;
    if (socket.readyState !== WebSocket.CONNECTING) return completed(undefined);
    return parkWait<void>(
      (wait) => {
        const done = (): void => void wait.resume(undefined);
        socket.addEventListener("open", done, { once: true });
        socket.addEventListener("close", done, { once: true });
        return () => {
          socket.removeEventListener("open", done);
          socket.removeEventListener("close", done);
        };
      },
      undefined,
      OPEN,
    );
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
 * What is no WebSocket request, or does not offer `options.protocol`, is answered with 400 or 426, one from a page of a
 * foreign origin with 403.
 *
 * @throws {TypeError} When `handler` is not a function.
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
  const refused = refusalOf(request, options);
  if (refused !== undefined) return refused;
  const { idleTimeout = 30_000, protocol } = options;
  upgraded.add(request);
  const { socket, response } = Deno.upgradeWebSocket(request, {
    idleTimeout: idleTimeout / 1000,
    ...(protocol === undefined ? {} : { protocol }),
  });
  return Object.assign(response, { [UPGRADE]: new Upgrade(socket, handler, options) });
}

/** Whether a code may stand in a closing frame; 1004 to 1006 and 1015 must not. */
function isCloseCode(code: number): boolean {
  return Number.isInteger(code) && (code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 ||
    code >= 3000 && code <= 4999);
}

/** The size of a text in UTF-8; the exact one only where it matters. */
function sizeOf(text: string, limit: number): number {
  if (text.length > limit) return text.length;
  return text.length * 3 <= limit ? text.length : encoder.encode(text).length;
}
