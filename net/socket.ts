/**
 * Sockets whose every operation can be killed and timed out without losing a byte.
 *
 * @module
 */

import { parkWait, type WaitOptions } from "../core/suspend.ts";
import { until } from "../core/until.ts";
import type { WaitKind } from "../core/waiter.ts";
import { Incoming, LARGEST_READ, type ReadRequest } from "./_incoming.ts";
import { Outgoing } from "./_outgoing.ts";
import { formatAddress } from "./address.ts";

const HANDSHAKE: WaitKind<void> = { name: "Socket.handshake" };

const NEWLINE = 10;

/**
 * What `Socket.readLine` takes.
 *
 * @example
 * ```ts
 * import type { ReadLineOptions } from "@gevent/deno/net";
 *
 * const options: ReadLineOptions = { limit: 1024, timeout: 1000 };
 * console.assert(options.limit === 1024);
 * ```
 */
export interface ReadLineOptions extends WaitOptions {
  /** How many bytes a line may have, with its line end; default 65536. */
  readonly limit?: number;
}

/**
 * A connection in blocking style: gevent's `socket`, and a `Deno.Conn` at the same time, so that code written for that
 * takes it.
 *
 * A kill or a timeout ends any wait at once. Bytes that arrive for a read that was ended go to the next one. A second
 * greenlet that wants to read (or write) while one is at it gets a `ConcurrentObjectUseError`; one reader beside one
 * writer is fine. Closing wakes both with `Deno.errors.BadResource`. An interrupted write may have sent a part, and its
 * buffer may be in use until the socket is closed: close it then.
 *
 * @example
 * ```ts
 * import { connect, StreamServer } from "@gevent/deno/net";
 *
 * await using server = new StreamServer("127.0.0.1:0", async (socket) => {
 *   await socket.sendAll(await socket.recv(1024));
 * });
 * await server.start();
 * using socket = await connect(server.address);
 * await socket.sendAll(new TextEncoder().encode("hello"));
 * console.assert(new TextDecoder().decode(await socket.recvExactly(5)) === "hello");
 * ```
 */
export class Socket implements Deno.Conn {
  readonly #conn: Deno.Conn;
  /** The timeout in ms of every operation that is not given one; `null` for none. gevent's `settimeout`. */
  timeout: number | null = null;

  readonly #incoming: Incoming;
  readonly #outgoing: Outgoing;
  #writeClosed = false;
  #closed = false;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #writable: WritableStream<Uint8Array<ArrayBufferLike>> | undefined;

  /** Takes over a connection of the runtime: nobody else may read or write it from now on. */
  constructor(conn: Deno.Conn) {
    this.#conn = conn;
    this.#incoming = new Incoming(conn);
    this.#outgoing = new Outgoing(conn);
  }

  /** The address of this end. */
  get localAddr(): Deno.Addr {
    return this.#conn.localAddr;
  }

  /** The address of the other end. */
  get remoteAddr(): Deno.Addr {
    return this.#conn.remoteAddr;
  }

  /** Whether it was closed at this end. */
  get closed(): boolean {
    return this.#closed;
  }

  /** How many bytes can be had without waiting. */
  get buffered(): number {
    return this.#incoming.size;
  }

  /**
   * Waits for bytes and returns at most `size` of them: at least one, or none at the end of the stream.
   *
   * The result is the caller's. Short ones share their `buffer` with others of this socket: `slice()` one before its
   * buffer is transferred.
   *
   * @throws {Timeout} When none come in time.
   * @throws {RangeError} When `size` is not a positive integer.
   */
  recv(size?: number, options?: WaitOptions): Promise<Uint8Array<ArrayBuffer>> {
    const most = size ?? LARGEST_READ;
    if (!Number.isInteger(most) || most <= 0) return refuseSize(most, "a positive integer");
    return this.#read(new Some(most), options);
  }

  /** {@link Socket.recv} into a buffer of the caller; returns how many bytes were put there, 0 at the end. */
  recvInto(buffer: Uint8Array, options?: WaitOptions): Promise<number> {
    return this.#read(new SomeInto(buffer), options);
  }

  /**
   * Waits for exactly `size` bytes. When it is interrupted, what has come stays for the next reader.
   *
   * @throws {Deno.errors.UnexpectedEof} When the stream ends before; what has come stays.
   * @throws {Timeout} When they do not come in time; the time counts for all together.
   * @throws {RangeError} When `size` is negative or not an integer.
   */
  recvExactly(size: number, options?: WaitOptions): Promise<Uint8Array<ArrayBuffer>> {
    if (!Number.isInteger(size) || size < 0) return refuseSize(size, "an integer and not negative");
    return this.#read(new Exactly(size), options);
  }

  /**
   * Waits for a line and returns it with its line end; at the end of the stream what is left, possibly nothing. When it
   * is interrupted, what has come stays for the next reader.
   *
   * @throws {RangeError} When the line is longer than `options.limit`; its bytes stay.
   * @throws {Timeout} When it does not come in time; the time counts for the whole line.
   */
  readLine(options: ReadLineOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { limit = 65536 } = options;
    if (!Number.isInteger(limit) || limit <= 0) return refuseSize(limit, "a positive integer");
    return this.#read(new Line(limit), options);
  }

  /** {@link Socket.recvInto} with the result of `Deno.Conn.read`: `null` at the end of the stream. */
  async read(buffer: Uint8Array): Promise<number | null> {
    const count = await this.recvInto(buffer);
    return count === 0 && buffer.length > 0 ? null : count;
  }

  /**
   * Sends some of the bytes, waiting until the system takes them, and returns how many it took.
   *
   * @throws {Deno.errors.BrokenPipe} And other errors of the runtime, when the other end is gone.
   * @throws {Timeout} When the system takes none in time.
   */
  send(data: Uint8Array, options?: WaitOptions): Promise<number> {
    return this.#outgoing.send(data, false, this.#limited(options), this.#name);
  }

  /**
   * Sends all of the bytes, and returns how many that were.
   *
   * @throws {Deno.errors.BrokenPipe} And other errors of the runtime, when the other end is gone.
   * @throws {Timeout} When that takes too long; the time counts for all together, and a part may have been sent.
   */
  sendAll(data: Uint8Array, options?: WaitOptions): Promise<number> {
    return this.#outgoing.send(data, true, this.#limited(options), this.#name);
  }

  /** {@link Socket.send}, for `Deno.Conn`. */
  write(data: Uint8Array): Promise<number> {
    return this.send(data);
  }

  /**
   * Ends one direction, or both, which is the default: `"write"` tells the other end that nothing more will come,
   * `"read"` makes reads here find the end of the stream. Whoever waits for that direction is woken.
   *
   * The end of the write direction has to wait for a write that was given up and still goes on. When that wait is
   * interrupted, the direction ends all the same as soon as it can.
   */
  async shutdown(how?: "read" | "write" | "both", options?: WaitOptions): Promise<void> {
    if (this.#closed) throw badResource();
    if (how !== "write") this.#incoming.end();
    if (how !== "read" && !this.#writeClosed) {
      this.#writeClosed = true;
      this.#outgoing.fail(badResource());
      await until(this.#conn.closeWrite(), this.#limited(options));
    }
  }

  /** {@link Socket.shutdown} of the write direction, for `Deno.Conn`. */
  async closeWrite(): Promise<void> {
    await this.shutdown("write");
  }

  /** Closes it at once and wakes whoever waits with `Deno.errors.BadResource`. Closing again is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#incoming.fail(badResource());
    this.#outgoing.fail(badResource());
    this.#conn.close();
  }

  /** Completes the handshake of a TLS connection; for others it has nothing to do. Can be limited like any wait. */
  async handshake(options?: WaitOptions): Promise<void> {
    if (!isTls(this.#conn)) return;
    const conn = this.#conn;
    await parkWait<void>(
      (wait) => {
        conn.handshake().then(() => wait.resume(), (error) => wait.fail(error));
      },
      this.#limited(options),
      HANDSHAKE,
    );
  }

  /** The protocol agreed on with ALPN, once the handshake of a TLS connection is done. */
  async alpnProtocol(options?: WaitOptions): Promise<string | null> {
    if (!isTls(this.#conn)) return null;
    await this.handshake(options);
    return (await this.#conn.handshake()).alpnProtocol;
  }

  /** Keeps the process alive while reads are pending; the default. */
  ref(): void {
    this.#conn.ref();
  }

  /** Lets the process end while reads are pending. */
  unref(): void {
    this.#conn.unref();
  }

  /** Whether small writes are sent at once instead of being collected (TCP); on by default for servers' sockets. */
  setNoDelay(noDelay = true): void {
    if ("setNoDelay" in this.#conn) (this.#conn as Deno.TcpConn).setNoDelay(noDelay);
  }

  /** Whether the system checks now and then that an idle peer is still there (TCP). */
  setKeepAlive(keepAlive = true): void {
    if ("setKeepAlive" in this.#conn) (this.#conn as Deno.TcpConn).setKeepAlive(keepAlive);
  }

  /** The incoming bytes as a stream; cancelling it closes the socket. */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#readable ??= new ReadableStream({
      pull: async (controller) => {
        const chunk = await this.recv();
        if (chunk.length > 0) return controller.enqueue(chunk);
        controller.close();
      },
      cancel: () => this.close(),
    }, { highWaterMark: 0 });
  }

  /** The outgoing bytes as a stream; closing it ends the write direction, aborting it closes the socket. */
  get writable(): WritableStream<Uint8Array<ArrayBufferLike>> {
    return this.#writable ??= new WritableStream({
      write: async (chunk) => void await this.sendAll(chunk),
      close: () => this.shutdown("write"),
      abort: () => this.close(),
    });
  }

  /** The end of a `using` block: {@link Socket.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** For example `<Socket 127.0.0.1:8000 from 127.0.0.1:52114>`. */
  toString(): string {
    if (this.#closed) return "<Socket [closed]>";
    return `<Socket ${formatAddress(this.localAddr)} from ${formatAddress(this.remoteAddr)}>`;
  }

  #read<T>(request: ReadRequest<T>, options: WaitOptions | undefined): Promise<T> {
    return this.#incoming.read(request, this.#limited(options), this.#name);
  }

  #name = (): string => this.toString();

  #limited(options: WaitOptions | undefined): WaitOptions | undefined {
    if (this.timeout === null || options?.timeout !== undefined) return options;
    return { ...options, timeout: this.timeout };
  }
}

/** What there is, up to a size. */
class Some implements ReadRequest<Uint8Array<ArrayBuffer>> {
  readonly wanted: number;

  constructor(size: number) {
    this.wanted = size;
  }

  take(incoming: Incoming): Uint8Array<ArrayBuffer> | undefined {
    return incoming.size === 0 ? undefined : incoming.take(this.wanted);
  }

  atEnd(incoming: Incoming): Uint8Array<ArrayBuffer> {
    return incoming.take(0);
  }
}

/** What there is, into a buffer. */
class SomeInto implements ReadRequest<number> {
  readonly #target: Uint8Array;
  readonly wanted: number;

  constructor(target: Uint8Array) {
    this.#target = target;
    this.wanted = target.length;
  }

  take(incoming: Incoming): number | undefined {
    return incoming.size === 0 && this.wanted > 0 ? undefined : incoming.takeInto(this.#target);
  }

  atEnd(): number {
    return 0;
  }
}

/** All or nothing. */
class Exactly implements ReadRequest<Uint8Array<ArrayBuffer>> {
  readonly wanted: number;

  constructor(size: number) {
    this.wanted = size;
  }

  take(incoming: Incoming): Uint8Array<ArrayBuffer> | undefined {
    return incoming.size < this.wanted ? undefined : incoming.take(this.wanted);
  }

  atEnd(incoming: Incoming): never {
    throw new Deno.errors.UnexpectedEof(
      `The stream ended after ${incoming.size} of ${this.wanted} bytes`,
    );
  }
}

/** Up to and with a line end. */
class Line implements ReadRequest<Uint8Array<ArrayBuffer>> {
  readonly #limit: number;
  /** How many bytes are known to hold no line end. */
  #searched = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get wanted(): number {
    return this.#limit + 1;
  }

  take(incoming: Incoming): Uint8Array<ArrayBuffer> | undefined {
    const at = incoming.indexOf(NEWLINE, this.#searched);
    this.#searched = incoming.size;
    const length = at === -1 ? incoming.size : at + 1;
    if (length > this.#limit) throw new RangeError(`The line is longer than ${this.#limit} bytes`);
    return at === -1 ? undefined : incoming.take(length);
  }

  atEnd(incoming: Incoming): Uint8Array<ArrayBuffer> {
    return incoming.take(incoming.size);
  }
}

function refuseSize(size: number, wanted: string): Promise<never> {
  return Promise.reject(
    new RangeError(`Cannot receive as the size must be ${wanted}: received ${size}`),
  );
}

function isTls(conn: Deno.Conn): conn is Deno.TlsConn {
  return "handshake" in conn;
}

function badResource(): Error {
  return new Deno.errors.BadResource("The socket was closed in another greenlet");
}
