/**
 * One connection that the guard stands in front of.
 *
 * Two loops hand bytes on, one for each direction, each at the pace of whoever takes them. Nobody here understands HTTP:
 * that a head is complete is known because the server, in the same process, is asked to answer it. Bytes are looked at only
 * to tell, where there is no TLS, that there cannot be a complete head in as many of them.
 *
 * The loops use the connections of the runtime themselves, since through sockets each request would cost half as much
 * again; their greenlet waits for them, and closing the connections is what ends them.
 *
 * @module
 */

import { Interrupt } from "../core/errors.ts";
import { original } from "../core/originals.ts";
import { hub } from "../core/scheduler.ts";
import type { Timer, TimerTarget } from "../core/timer_heap.ts";
import { until } from "../core/until.ts";
import { releaseTransport, type Socket, type Transport } from "../net/socket.ts";
import { STATUS_TEXT } from "./_status.ts";
import type { ConnectionState, HttpConnection } from "./guard.ts";

/** Where the server behind the guard listens, and where the guard connects to it from. */
export const BEHIND = "127.0.0.1";

/** How much is handed on at a time: from the first to the last of these, in bytes, as it comes. */
const SMALLEST_PIECE = 4096;
const LARGEST_PIECE = 65536;

/** How long, in ms, a connection is read on after its last answer, so that this is not lost with a reset. */
const LINGER = 1000;

/** How long, in ms, the server may take to notice a request in as many bytes as a head may have, if nobody can look. */
const NOTICE_TIME = 1000;

/** A timer that is so late, in ms, says that the process was busy: what the client has sent may not have been seen. */
const LATE = 100;

const NEWLINE = 10;
const RETURN = 13;
const NO_BYTES: readonly number[] = [];

/** What begins a connection of HTTP/2 without TLS. */
const HTTP2 = "PRI";

/** What the connections of one guard have in common; times in ms, `Infinity` for no limit. */
export interface ConnectionLimits {
  readonly headerTimeout: number;
  readonly idleTimeout: number;
  readonly sendTimeout: number;
  readonly maxHeaderSize: number;
}

/** A request on its way. */
export interface ActiveRequest {
  /** The client has left. */
  abandon(): void;
}

/** What a connection needs of its guard. */
export interface GuardOfConnection {
  readonly limits: ConnectionLimits;
  /** The port of the server behind the guard. */
  readonly port: number;
  /** Whether the bytes are readable, so that the guard may say something by itself. */
  readonly plain: boolean;
  /** Whether requests end when their client leaves. */
  readonly killOnDisconnect: boolean;
  /** The connection goes on to the server from a port of its own now. */
  register(connection: GuardedConnection): void;
  /** What is answered without the server. */
  logAnswer(connection: GuardedConnection, status: number): void;
}

/** A connection of a client and the one to the server behind it. */
export class GuardedConnection implements HttpConnection, TimerTarget {
  readonly remoteAddr: Deno.Addr;
  readonly since: Date = new Date();
  requests = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Where it comes from as the server sees it, once it is connected to that. */
  port: number | undefined;
  readonly #guard: GuardOfConnection;
  readonly #client: Transport;
  #server: Transport | undefined;
  #state: ConnectionState = "head";
  readonly #active: Set<ActiveRequest> = new Set();
  /** Bytes that came since the last answer and belong to no request that the server has noticed. */
  #unseen = 0;
  /** Whether the end of a head is among them, as far as anybody can see; and the last of them. */
  #hasHead = false;
  #tail: readonly number[] = NO_BYTES;
  /** Whether a byte that comes after an answer need not be the beginning of a request; known once there is a request. */
  #multiplexed: boolean | undefined;
  /** Lets the reader go on that waits for the server to notice a request. */
  #noticed: (() => void) | undefined;
  #timer: Timer | undefined;
  #lastWords: { readonly status: number; readonly after: number } | undefined;
  #closed = false;

  /** Takes the socket of a client over. */
  constructor(guard: GuardOfConnection, client: Socket) {
    this.#guard = guard;
    this.remoteAddr = client.remoteAddr;
    this.#client = releaseTransport(client).conn;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get active(): number {
    return this.#active.size;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#state = "closing";
    this.#stopTimer();
    this.#server?.close();
    this.#client.close();
    this.#noticed?.();
  }

  /** Hands bytes on until either end has had enough; in the greenlet of the connection. */
  async run(): Promise<void> {
    const { limits, port, plain } = this.#guard;
    this.#startTimer(limits.headerTimeout);
    try {
      // Somebody who says nothing does not get a connection to the server.
      const buffer = new Uint8Array(SMALLEST_PIECE);
      const count = await until(this.#receive(buffer));
      if (count === null) return;
      if (plain) this.#multiplexed = startsWith(buffer.subarray(0, count), HTTP2);
      const server = await until(original(Deno, "connect")({ hostname: BEHIND, port }));
      this.#server = server;
      server.setNoDelay();
      this.port = server.localAddr.port;
      this.#guard.register(this);
      await until(Promise.all([this.#handOn(buffer, count), this.#handBack()]), {
        abandon: () => this.close(),
      });
    } catch (error) {
      if (error instanceof Interrupt) throw error;
      // The client has left already, or the server is being stopped.
    } finally {
      this.close();
      this.#abandonAll();
    }
  }

  /** The server has got a request from here. */
  begin(active: ActiveRequest, request: Request): void {
    this.#multiplexed ??= !request.headers.has("host"); // what HTTP/2 has instead is in the URL
    this.requests++;
    this.#active.add(active);
    this.#unseen = 0;
    this.#hasHead = false;
    this.#tail = NO_BYTES;
    this.#noticed?.();
    if (this.#state === "closing") return;
    this.#state = "request";
    this.#stopTimer();
  }

  /** The server has answered a request, or cannot any more. */
  end(active: ActiveRequest): void {
    this.#active.delete(active);
    if (this.#active.size > 0 || this.#state !== "request") return;
    this.#state = "idle";
    this.#startTimer(this.#guard.limits.idleTimeout);
  }

  /** From now on the connection is something else than HTTP. The runtime may have called the request answered before. */
  upgrade(): void {
    if (this.#state === "closing") return;
    this.#state = "upgraded";
    this.#stopTimer();
  }

  /** Closes a connection that the server knows nothing of yet. */
  closeIfUnknown(): void {
    if (this.#server === undefined) this.close();
  }

  /** The time for whatever is due is over. */
  fire(): void {
    const late = hub.clock.now() - this.#timer!.deadline;
    this.#timer = undefined;
    if (late > LATE) return this.#startTimer(LATE);
    const isHead = this.#state === "head" && this.#isReadable;
    this.#giveUp(isHead ? 408 : 0);
  }

  /**
   * Ends the connection, with a status for the client if it can take one. The server is told that nothing more will come,
   * upon which it ends its side; what it has said before that is not lost, and is answer enough.
   */
  #giveUp(status: number): void {
    const server = this.#server;
    if (server === undefined || this.#state === "closing") return this.close();
    this.#state = "closing";
    this.#lastWords = { status, after: this.bytesOut };
    this.#startTimer(LINGER);
    server.closeWrite().catch(() => this.close());
  }

  /** From the client to the server. Begins with what has come already. */
  async #handOn(buffer: Uint8Array<ArrayBuffer>, first: number): Promise<void> {
    const server = this.#server!;
    try {
      for (let count: number | null = first; count !== null;) {
        // The server may not listen any more, and may have said why: that is on its way to the client.
        if (this.#state !== "closing") {
          await writeAll(server, buffer.subarray(0, count)).catch(() => {});
        }
        buffer = roomFor(buffer, count);
        count = await this.#receive(buffer);
      }
      this.#abandonAll(); // for the runtime, too, a client that sends no more has left
      if (this.#state !== "closing") await server.closeWrite();
    } catch {
      this.close(); // the client has left, or has had the time to do so
    }
  }

  /** From the server to the client. */
  async #handBack(): Promise<void> {
    const server = this.#server!;
    let buffer = new Uint8Array(SMALLEST_PIECE);
    try {
      for (;;) {
        const count = await server.read(buffer).catch(() => null); // reset, or closed by us
        if (count === null) break;
        this.bytesOut += count;
        await this.#send(buffer.subarray(0, count));
        buffer = roomFor(buffer, count);
      }
      await this.#sayGoodbye();
    } catch {
      this.close(); // the client has left, or takes nothing
    }
  }

  /** Nothing more comes from the server. What has been sent must not be lost to a client that is still sending, too. */
  async #sayGoodbye(): Promise<void> {
    if (this.#closed) return;
    this.#state = "closing";
    this.#startTimer(LINGER);
    this.#noticed?.();
    const { status = 0, after = 0 } = this.#lastWords ?? {};
    if (status !== 0 && after === this.bytesOut) {
      this.#guard.logAnswer(this, status);
      await this.#send(answerOf(status));
    }
    await this.#client.closeWrite();
  }

  async #send(bytes: Uint8Array): Promise<void> {
    const { sendTimeout } = this.#guard.limits;
    if (sendTimeout === Infinity) return await writeAll(this.#client, bytes);
    const timer = hub.addTimer(sendTimeout, { fire: () => this.close() });
    try {
      await writeAll(this.#client, bytes);
    } finally {
      hub.removeTimer(timer);
    }
  }

  /** Waits for what the client sends next; `null` when there is nothing more. */
  async #receive(buffer: Uint8Array<ArrayBuffer>): Promise<number | null> {
    const { maxHeaderSize } = this.#guard.limits;
    if (this.#awaitsHead && this.#unseen >= maxHeaderSize) await this.#waitNoticed();
    const allowed = this.#awaitsHead ? maxHeaderSize - this.#unseen : LARGEST_PIECE;
    const count = await this.#client.read(
      allowed < buffer.length ? buffer.subarray(0, allowed) : buffer,
    );
    if (count === null) return null;
    this.bytesIn += count;
    if (this.#awaitsHead) this.#onUnseen(buffer, count);
    return count;
  }

  /** Whether what the client sends can be understood, and so what is said to it. */
  get #isReadable(): boolean {
    return this.#guard.plain && !this.#multiplexed;
  }

  get #awaitsHead(): boolean {
    return this.#state === "head" || this.#state === "idle";
  }

  #onUnseen(buffer: Uint8Array, count: number): void {
    this.#unseen += count;
    if (this.#isReadable) this.#lookForHead(buffer.subarray(0, count));
    if (this.#state === "head" || this.#multiplexed) return;
    this.#state = "head";
    this.#startTimer(this.#guard.limits.headerTimeout);
  }

  /** As many bytes have come as a head may have: the server must find one in them, or there is none. */
  async #waitNoticed(): Promise<void> {
    const noticed = new Promise<void>((resolve) => this.#noticed = resolve);
    if (!this.#isReadable) {
      this.#startTimer(Math.min(NOTICE_TIME, this.#guard.limits.headerTimeout));
    } else if (!this.#hasHead) this.#giveUp(431);
    await noticed;
    this.#noticed = undefined;
  }

  /** Looks for an empty line, which ends a head; most heads end where the bytes that came do. */
  #lookForHead(bytes: Uint8Array): void {
    const { length } = bytes;
    if (bytes[length - 1] === NEWLINE && bytes[length - 3] === NEWLINE) this.#hasHead = true;
    if (this.#hasHead) return;
    const all = this.#tail.length === 0 ? bytes : Uint8Array.from([...this.#tail, ...bytes]);
    this.#hasHead = hasEmptyLine(all);
    this.#tail = [...all.subarray(-2)];
  }

  #abandonAll(): void {
    if (this.#guard.killOnDisconnect) { for (const request of this.#active) request.abandon(); }
  }

  #startTimer(ms: number): void {
    this.#stopTimer();
    if (ms < Infinity) this.#timer = hub.addTimer(ms, this);
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) hub.removeTimer(this.#timer);
    this.#timer = undefined;
  }
}

/** An answer that needs no server. */
export function answerOf(status: number): Uint8Array<ArrayBuffer> {
  const text = STATUS_TEXT[status]!;
  return new TextEncoder().encode(
    `HTTP/1.1 ${status} ${text}\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\n` +
      `content-length: ${text.length}\r\n\r\n${text}`,
  );
}

async function writeAll(conn: Transport, bytes: Uint8Array): Promise<void> {
  let sent = await conn.write(bytes);
  while (sent < bytes.length) sent += await conn.write(bytes.subarray(sent));
}

/** A larger buffer, where one was filled. */
function roomFor(buffer: Uint8Array<ArrayBuffer>, count: number): Uint8Array<ArrayBuffer> {
  if (count < buffer.length || count >= LARGEST_PIECE) return buffer;
  return new Uint8Array(Math.min(buffer.length * 4, LARGEST_PIECE));
}

function hasEmptyLine(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) {
    const next = bytes[at + 1] === RETURN ? at + 2 : at + 1;
    if (bytes[next] === NEWLINE) return true;
  }
  return false;
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return new TextDecoder().decode(bytes.subarray(0, text.length)) === text;
}
