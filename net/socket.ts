/**
 * Sockets whose every operation can be killed and timed out without losing a byte.
 *
 * The file is long because the class is the public face of one thing, and most of it is documentation; what reads and writes
 * has files of its own.
 *
 * @module
 */

import { shield } from "../core/shield.ts";
import { checkpoint, parkWait, type WaitOptions } from "../core/suspend.ts";
import { limited } from "../core/timeout.ts";
import { until } from "../core/until.ts";
import type { WaitKind } from "../core/waiter.ts";
import { FileSource } from "./_file_source.ts";
import { Incoming, LARGEST_READ, type LateBytes, type ReadRequest } from "./_incoming.ts";
import { Outgoing } from "./_outgoing.ts";
import { Exactly, Line, Some, SomeInto } from "./_read_requests.ts";
import { formatAddress } from "./address.ts";
import type { Readiness, Selectable } from "./readiness.ts";
import type { TlsInfo } from "./tls_info.ts";

const HANDSHAKE: WaitKind<void> = { name: "Socket.handshake" };

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
 * What `Socket.sendFile` takes.
 *
 * @example
 * ```ts
 * import type { SendFileOptions } from "@gevent/deno/net";
 *
 * const options: SendFileOptions = { offset: 1024, count: 512, timeout: 10_000 };
 * console.assert(options.count === 512);
 * ```
 */
export interface SendFileOptions extends WaitOptions {
  /** Where in the file to begin, in bytes; by default where the file stands. */
  readonly offset?: number;
  /** How many bytes to send at most; by default up to the end of the file. */
  readonly count?: number;
}

/**
 * What a socket needs of a connection: what each `Deno.Conn` has.
 *
 * @example
 * ```ts
 * import { Socket, type Transport } from "@gevent/deno/net";
 *
 * const wrap = (transport: Transport): Socket => new Socket(transport);
 * console.assert(wrap.length === 1);
 * ```
 */
export type Transport = Pick<
  Deno.Conn,
  "localAddr" | "remoteAddr" | "read" | "write" | "closeWrite" | "close" | "ref" | "unref"
>;

/** The connection of a socket that has been given up, and what a read of it may still bring. */
export interface Released {
  /** From now on that of whoever asked for it. */
  readonly conn: Transport;
  /** What belongs before the bytes that are read from it; see `Incoming.release`. */
  readonly late: LateBytes | undefined;
}

/**
 * Takes the connection out of a socket, which is closed from then on, for whoever wraps it up in another protocol.
 * Throws when somebody reads or writes it, or when bytes have come that nobody has read.
 */
export let releaseTransport: (socket: Socket) => Released;

/** What a connection must have to be one of TLS. */
type TlsTransport = Transport & {
  handshake(): Promise<Deno.TlsHandshakeInfo>;
  /** Only those of node:tls have it. */
  info?(): TlsInfo;
};

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
export class Socket implements Deno.Conn, Selectable {
  static {
    releaseTransport = (socket) => socket.#release();
  }

  readonly #conn: Transport;
  #timeout: number | null = null;
  readonly #incoming: Incoming;
  readonly #outgoing: Outgoing;
  #writeClosed = false;
  #closed = false;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #writable: WritableStream<Uint8Array<ArrayBufferLike>> | undefined;

  /** Takes over a connection of the runtime: nobody else may read or write it from now on. */
  constructor(conn: Transport) {
    this.#conn = conn;
    this.#incoming = new Incoming(conn);
    this.#outgoing = new Outgoing(conn);
  }

  /**
   * The timeout in ms of every operation that is not given one; `null`, the default, for none: gevent's `settimeout` and
   * `gettimeout`. With 0 an operation that cannot be done at once raises a `Timeout`.
   *
   * @throws {TypeError} When it is set to something else than a number or `null`.
   * @throws {RangeError} When it is set to a negative number or `NaN`.
   */
  get timeout(): number | null {
    return this.#timeout;
  }

  set timeout(ms: number | null) {
    if (ms !== null && typeof ms !== "number") {
      throw new TypeError(
        `Cannot set the timeout of a socket as it must be a number or null: received ${
          Deno.inspect(ms)
        }`,
      );
    }
    if (ms !== null && !(ms >= 0)) {
      throw new RangeError(
        `Cannot set the timeout of a socket as it must not be negative: received ${ms}`,
      );
    }
    this.#timeout = ms;
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
  readLine(options?: ReadLineOptions): Promise<Uint8Array<ArrayBuffer>> {
    const limit = options?.limit ?? 65536;
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

  /**
   * Sends a file, or a part of it, and returns how many bytes that were: gevent's `sendfile`. The file then stands behind
   * the last byte that is known to be sent, also when the sending failed or was interrupted. After an interrupt, one piece of
   * up to 64 KiB more may still go out: close the socket, do not go on from there.
   *
   * @throws {TypeError} When it is not a file that has a position, as a pipe has none.
   * @throws {RangeError} When `options.offset` is negative, or `options.count` not a positive integer.
   * @throws {Timeout} When it takes too long; the time counts for the whole file.
   *
   * @example
   * ```ts
   * import { connect, StreamServer } from "@gevent/deno/net";
   *
   * const path = await Deno.makeTempFile();
   * await Deno.writeTextFile(path, "Hello from a file");
   * await using server = new StreamServer("127.0.0.1:0", async (socket) => {
   *   using file = await Deno.open(path);
   *   await socket.sendFile(file, { offset: 6, count: 4 });
   * });
   * await server.start();
   * using socket = await connect(server.address);
   * console.assert(new TextDecoder().decode(await socket.recvExactly(4)) === "from");
   * await Deno.remove(path);
   * ```
   */
  sendFile(
    file: Pick<Deno.FsFile, "read" | "seek">,
    options?: SendFileOptions,
  ): Promise<number> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    const { offset, count = Infinity } = options ?? {};
    if (typeof file?.read !== "function" || typeof file.seek !== "function") {
      return Promise.reject(
        new TypeError(`Cannot send what is not an open file: received ${Deno.inspect(file)}`),
      );
    }
    if (offset !== undefined && (!Number.isInteger(offset) || offset < 0)) {
      return refuseFile("offset", "an integer and not negative", offset);
    }
    if (count !== Infinity && (!Number.isInteger(count) || count <= 0)) {
      return refuseFile("count", "a positive integer", count);
    }
    const { timeout = this.#timeout, signal } = options ?? {};
    return limited(timeout, () => this.#sendFile(file, offset, count, { signal }));
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
    return (await this.tlsInfo(options))?.alpnProtocol ?? null;
  }

  /**
   * What is known of a TLS connection once its handshake is done, such as the certificate of the other end; `null` for
   * one without TLS. gevent's `getpeercert`, `cipher`, `version` and `selected_alpn_protocol`.
   */
  async tlsInfo(options?: WaitOptions): Promise<TlsInfo | null> {
    if (!isTls(this.#conn)) return null;
    await this.handshake(options);
    return this.#conn.info?.() ?? { alpnProtocol: (await this.#conn.handshake()).alpnProtocol };
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

  /** What `select` goes by. It is writable when nobody writes, as the runtime does not tell whether the system has room. */
  get readiness(): Readiness {
    const [incoming, outgoing] = [this.#incoming, this.#outgoing];
    return {
      readable: incoming.readable,
      writable: outgoing.writable,
      failed: incoming.failed || outgoing.failed && !this.#writeClosed,
      closed: this.#closed,
      watch: (direction, changed) => (direction === "read" ? incoming : outgoing).watch(changed),
    };
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
    if (this.#timeout === null || options?.timeout !== undefined) return options;
    if (options === undefined) return { timeout: this.#timeout };
    // What is no object is refused by whoever waits.
    return Object(options) === options ? { ...options, timeout: this.#timeout } : options;
  }

  async #sendFile(
    file: Pick<Deno.FsFile, "read" | "seek">,
    offset: number | undefined,
    count: number,
    options: WaitOptions,
  ): Promise<number> {
    const whence = offset === undefined ? Deno.SeekMode.Current : Deno.SeekMode.Start;
    const seeking = file.seek(offset ?? 0, whence).catch((cause) => {
      if (cause instanceof Deno.errors.BadResource) throw cause;
      throw new TypeError("Cannot send a file that has no position, such as a pipe", { cause });
    });
    const source = new FileSource(file, await until(seeking, options), count);
    try {
      return await this.#outgoing.sendFrom(source, options, this.#name);
    } finally {
      await shield(() => source.putBack());
    }
  }

  #release(): Released {
    const obstacle = this.#incoming.obstacle(this.#name) ?? this.#outgoing.obstacle(this.#name);
    if (obstacle !== undefined) throw obstacle;
    this.#closed = true;
    const late = this.#incoming.release(badResource());
    this.#outgoing.fail(badResource());
    return { conn: this.#conn, late };
  }
}

function refuseSize(size: number, wanted: string): Promise<never> {
  return Promise.reject(
    new RangeError(`Cannot receive as the size must be ${wanted}: received ${size}`),
  );
}

function refuseFile(option: string, wanted: string, received: number): Promise<never> {
  return Promise.reject(
    new RangeError(`Cannot send file as '${option}' must be ${wanted}: received ${received}`),
  );
}

function isTls(conn: Transport): conn is TlsTransport {
  return "handshake" in conn;
}

function badResource(): Error {
  return new Deno.errors.BadResource("The socket was closed in another greenlet");
}
