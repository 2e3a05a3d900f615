/**
 * WebSockets in blocking style.
 *
 * @module
 */

import { Deque } from "../core/deque.ts";
import { ConcurrentObjectUseError } from "../core/errors.ts";
import { hub } from "../core/scheduler.ts";
import { checkpoint, completed, parkWait, type WaitOptions } from "../core/suspend.ts";
import type { Timer } from "../core/timer_heap.ts";
import { WaitQueue } from "../core/wait_queue.ts";
import type { Wait, WaitKind } from "../core/waiter.ts";
import { Outbox } from "./_outbox.ts";
import { cancelPing, releaseSocket } from "./_runtime_websocket.ts";
import { WebSocketError } from "./errors.ts";
import { limitsFrom, type WebSocketLimits } from "./websocket_limits.ts";

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

const RECEIVE: WaitKind<WebSocketMessage | null> = { name: "WebSocketConnection.receive" };
const CLOSED: WaitKind<boolean> = {
  name: "WebSocketConnection.waitClosed",
  expired: (waiter) => void waiter.resume(false),
};

const encoder = new TextEncoder();

/** The code for a connection that was lost; the runtime says 0, or what it has closed it with. */
const LOST = 1006;

/** How many bytes fit into a closing frame besides the code. */
const LONGEST_REASON = 123;

const { CONNECTING, OPEN } = WebSocket;

/** How a connection ended, or is ending. */
interface Ending {
  readonly code: number;
  readonly reason: string;
}

/**
 * One end of a WebSocket in blocking style: gevent-websocket's `WebSocket`.
 *
 * One greenlet receives at a time; any number may send. Iterating gives messages until the socket is closed. The end of
 * an `await using` block closes it and waits for the closing handshake.
 *
 * What breaks the rules of the protocol, such as text that is not UTF-8, makes the runtime drop the connection: both
 * ends see 1006, and `closeReason` tells what it was. Frames of clients that are not masked it takes. There is no
 * compression.
 *
 * @example
 * ```ts
 * import { connectWebSocket, HttpServer, upgradeWebSocket } from "@gevent/deno/http";
 *
 * await using server = new HttpServer("127.0.0.1:0", (request) => {
 *   return upgradeWebSocket(request, async (socket) => {
 *     for await (const message of socket) await socket.send(`Your message was: ${message}`);
 *   });
 * }, { log: null });
 * await server.start();
 *
 * await using client = await connectWebSocket(server.url);
 * await client.send("hello");
 * console.assert(await client.receive({ timeout: 5000 }) === "Your message was: hello");
 * ```
 */
export class WebSocketConnection implements AsyncIterable<WebSocketMessage>, AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #maxMessageSize: number;
  readonly #maxUnread: number;
  readonly #maxUnreadBytes: number;
  readonly #closeTimeout: number;
  readonly #protocol: string | undefined;
  readonly #outbox: Outbox;
  readonly #unread: Deque<WebSocketMessage> = new Deque();
  #unreadBytes = 0;
  #receiver: Wait<WebSocketMessage | null> | undefined;
  readonly #closers: WaitQueue<boolean> = new WaitQueue();
  /** Set by whichever end begins the closing. */
  #ending: Ending | undefined;
  /** What the runtime has complained about. */
  #complaint = "";
  #closeTimer: Timer | undefined;
  /** Whether the connection has ended, or was given up: from then on the runtime's socket is left alone. */
  #gone = false;

  /**
   * Takes over a socket of the runtime, open or about to be. `options.protocol` is the sub-protocol where the socket
   * itself does not know it, which is so at a server.
   *
   * @throws {RangeError} When a limit is negative or not a number.
   */
  constructor(socket: WebSocket, options: WebSocketLimits & { readonly protocol?: string } = {}) {
    const { highWaterMark, idleTimeout, ...others } = limitsFrom(options);
    this.#socket = socket;
    this.#maxMessageSize = others.maxMessageSize;
    this.#maxUnread = others.maxUnread;
    this.#maxUnreadBytes = others.maxUnreadBytes;
    this.#closeTimeout = others.closeTimeout;
    this.#protocol = options.protocol;
    this.#outbox = new Outbox(
      socket,
      highWaterMark,
      idleTimeout || Infinity,
      () => this.#stalled(),
    );
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => this.#onMessage(event.data);
    socket.onclose = (event) => this.#onClose(event);
    socket.onerror = (event) => this.#onError(event);
  }

  /** Whether it is closed, or being closed by either end. */
  get closed(): boolean {
    // The runtime tells of a close that the other end began only when it has answered it.
    return this.#ending !== undefined || this.#socket.readyState > OPEN;
  }

  /**
   * The code it was closed with, by whichever end was first; 1005 when there was none, 1006 when the connection was
   * lost, and `undefined` while it is open.
   */
  get closeCode(): number | undefined {
    return this.#ending?.code;
  }

  /**
   * The reason it was closed with; what the runtime says about it when the connection was lost; `undefined` while it is
   * open.
   */
  get closeReason(): string | undefined {
    return this.#ending?.reason;
  }

  /** The sub-protocol that was agreed on; empty for none. */
  get protocol(): string {
    return this.#protocol ?? this.#socket.protocol;
  }

  /** How many bytes have been sent and have not left yet. */
  get bufferedAmount(): number {
    return this.#gone ? 0 : this.#socket.bufferedAmount;
  }

  /**
   * Waits for a message and returns it: a string, or bytes; `null` when the socket is closed, by whichever end and with
   * whichever code, and all that came before was received. {@link WebSocketConnection.closeCode} tells why.
   *
   * @throws {ConcurrentObjectUseError} When another greenlet is receiving.
   * @throws {Timeout} When none comes within `options.timeout`; no message is lost.
   */
  receive(options?: WaitOptions): Promise<WebSocketMessage | null> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    const message = this.#unread.shift();
    if (message !== undefined) {
      this.#unreadBytes -= message.length;
      return completed(message);
    }
    if (this.#ending !== undefined) return completed(null);
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
   * Sends a message: waits while more than `highWaterMark` bytes have not left, so that a client that does not read
   * holds up its own sender and nobody else, then hands the message over and returns. Messages leave in the order of the
   * calls. When the wait is interrupted, nothing was sent.
   *
   * @throws {WebSocketError} When the socket is closed, or is closed while this waits.
   * @throws {Timeout} When there is no room within `options.timeout`.
   * @throws {TypeError} When `message` is neither a string nor a `Uint8Array`.
   */
  send(message: string | Uint8Array, options?: WaitOptions): Promise<void> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    try {
      this.#requireSendable(message);
      return this.#outbox.send(message, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * {@link WebSocketConnection.send} without waiting: returns `false`, and sends nothing, when that would have to wait.
   * For telling many clients something, of whom the slow ones must not hold up the others.
   *
   * @throws {WebSocketError} When the socket is closed.
   * @throws {TypeError} When `message` is neither a string nor a `Uint8Array`.
   */
  trySend(message: string | Uint8Array): boolean {
    this.#requireSendable(message);
    return this.#outbox.trySend(message);
  }

  /**
   * Begins the closing handshake and returns at once; closing again is harmless. What was sent before leaves first, what
   * still comes in is dropped. The connection is given up if the other end does not answer within `closeTimeout`. A
   * client that is still sending may find the connection lost (1006) instead of the code: the runtime of a server does
   * not wait for it.
   *
   * @throws {RangeError} When the code is not one that may be sent, or the reason has more than 123 bytes. A client may
   * send 1000 and 3000 to 4999.
   */
  close(code = 1000, reason = ""): void {
    if (!this.#mayClose(code)) {
      throw new RangeError(
        `Cannot close a WebSocket as 'code' must be one that may be sent: received ${code}`,
      );
    }
    if (encoder.encode(reason).length > LONGEST_REASON) {
      throw new RangeError(
        `Cannot close a WebSocket as 'reason' must have at most ${LONGEST_REASON} bytes: received ${reason}`,
      );
    }
    this.#close(code, reason);
  }

  /**
   * Gives the connection up at once, without a handshake: nothing more leaves, nothing more comes in, and both ends see
   * 1006. Does nothing when it has ended.
   *
   * What is under way to a client that does not read, at most `highWaterMark` bytes and a message, stays with the runtime
   * until that client reads it or leaves; so do the connection and, without a `Deno.exit()`, the process. A server with a
   * guard ends that after its `sendTimeout`.
   */
  abort(): void {
    if (this.#gone) return;
    this.#end({ code: LOST, reason: this.#complaint });
    releaseSocket(this.#socket);
  }

  /**
   * Waits until the connection has ended, after a closing handshake or without; says whether it has, `false` after
   * `options.timeout`.
   */
  waitClosed(options?: WaitOptions): Promise<boolean> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (this.#gone) return completed(true);
    return parkWait<boolean>((wait) => this.#closers.add(wait), options, CLOSED);
  }

  /** The end of an `await using` block: closes with 1000 and waits until the connection has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.waitClosed();
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

  #requireSendable(message: unknown): void {
    if (typeof message !== "string" && !(message instanceof Uint8Array)) {
      throw new TypeError(
        `Cannot send as 'message' must be a string or a Uint8Array: received ${
          Deno.inspect(message)
        }`,
      );
    }
    if (this.closed) throw alreadyClosed();
  }

  /** The runtime's sockets know their URL at a client, and none at a server. */
  get #isClient(): boolean {
    return Boolean(this.#socket.url);
  }

  #mayClose(code: number): boolean {
    return Number.isInteger(code) && (code === 1000 || code >= 3000 && code <= 4999 ||
      !this.#isClient && (code >= 1001 && code <= 1003 || code >= 1007 && code <= 1014));
  }

  /** Closes with a code that may be one of those that the runtime keeps a client from sending: then without one. */
  #close(code: number, reason: string): void {
    if (this.closed) return;
    this.#announce({ code, reason });
    const socket = this.#socket;
    const begin = (): void => {
      if (this.#mayClose(code)) socket.close(code, reason);
      else socket.close();
      if (this.#closeTimeout === Infinity) return;
      this.#closeTimer = hub.addTimer(this.#closeTimeout, { fire: () => this.abort() });
    };
    // The runtime forgets what is closed before it has opened.
    if (socket.readyState === CONNECTING) socket.addEventListener("open", begin, { once: true });
    else this.#outbox.finish(alreadyClosed, this.#closeTimeout, begin);
  }

  #onMessage(data: string | ArrayBuffer): void {
    if (this.closed) return;
    const size = typeof data === "string" ? sizeOf(data, this.#maxMessageSize) : data.byteLength;
    if (size > this.#maxMessageSize) return this.#close(1009, "Message too big");
    const message = typeof data === "string" ? data : new Uint8Array(data);
    const receiver = this.#receiver;
    this.#receiver = undefined;
    if (receiver?.resume(message)) return;
    // The runtime hands over whatever comes; it cannot be told to wait.
    const bytes = this.#unreadBytes + message.length;
    if (this.#unread.size >= this.#maxUnread || bytes > this.#maxUnreadBytes) {
      return this.#close(1008, "Too many unread messages");
    }
    this.#unreadBytes = bytes;
    this.#unread.push(message);
  }

  #onError(event: Event): void {
    // What went wrong comes as a close event, too; unless somebody takes it, the runtime reports it a second time.
    event.preventDefault();
    this.#complaint = (event as ErrorEvent).message;
  }

  #onClose({ code, reason, wasClean }: CloseEvent): void {
    this.#end({ code: wasClean ? code : LOST, reason: reason || this.#complaint });
    cancelPing(this.#socket);
  }

  /** Nothing of what was sent leaves, or the runtime waits for that to answer a closing. */
  #stalled(): void {
    this.#complaint = "The other end does not take what it is sent";
    this.abort();
  }

  /** Whoever is first decides how it is said to have ended; from now on nothing is received or sent. */
  #announce(ending: Ending): void {
    this.#ending ??= ending;
    const receiver = this.#receiver;
    this.#receiver = undefined;
    receiver?.resume(null);
  }

  #end(ending: Ending): void {
    if (this.#gone) return; // told twice when the connection was lost
    this.#gone = true;
    this.#announce(ending);
    this.#outbox.stop(alreadyClosed);
    if (this.#closeTimer !== undefined) hub.removeTimer(this.#closeTimer);
    this.#closers.resumeAll(true);
  }
}

function alreadyClosed(): WebSocketError {
  return new WebSocketError("Connection is already closed");
}

/** The size of a text in UTF-8; the exact one only where it matters. */
function sizeOf(text: string, limit: number): number {
  if (text.length > limit) return text.length;
  return text.length * 3 <= limit ? text.length : encoder.encode(text).length;
}
