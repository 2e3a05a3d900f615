/**
 * TLS on top of any connection, done by `node:tls` of the runtime.
 *
 * The runtime's own `Deno.TlsConn` keeps the file descriptor of a connection that was closed during its handshake, or
 * while the peer took no data, until the peer goes away. Here the connection below is ours, and is closed at once. And
 * there is no other way to begin TLS as a server on a connection that exists, or to see certificates of clients.
 *
 * The engine takes whatever it is given, so this gives it no more than somebody reads.
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import type { PeerCertificate as NodeCertificate, TLSSocket } from "node:tls";
import { nextTurn } from "../core/clock.ts";
import type { LateBytes } from "./_incoming.ts";
import { closeQuietly, isRuntimeError } from "./_runtime_errors.ts";
import type { Released, Transport } from "./socket.ts";
import type { PeerCertificate, TlsInfo } from "./tls_info.ts";

/** The modules of the runtime that are needed: loaded when TLS is first used, as that takes longer than this library. */
export interface NodeModules {
  readonly crypto: typeof import("node:crypto");
  readonly net: typeof import("node:net");
  readonly stream: Pick<typeof import("node:stream"), "Duplex">;
  readonly tls: typeof import("node:tls");
  readonly url: typeof import("node:url");
}

let modules: Promise<NodeModules> | undefined;

/** Loads what is needed. */
export function loadNodeTls(): Promise<NodeModules> {
  return modules ??= load();
}

async function load(): Promise<NodeModules> {
  const [crypto, net, stream, tls, url] = await Promise.all([
    import("node:crypto"),
    import("node:net"),
    import("node:stream"),
    import("node:tls"),
    import("node:url"),
  ]);
  return { crypto, net, stream, tls, url };
}

const SMALLEST_BUFFER = 4096;
const LARGEST_BUFFER = 65536;

/** How many turns of the event loop the engine gets to write that the connection is closed. */
const TURNS_TO_SAY_GOODBYE = 4;

interface Operation<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** What is told about a handshake: one of both. */
export interface HandshakeListener {
  /** It is done, and the certificate of the other end is all right. */
  secured(socket: TLSSocket): void;
  /** It has failed. */
  failed(error: Error): void;
}

/** A connection with TLS: what `Socket` needs, with at most one read and one write at a time. */
export class NodeTlsConn implements Transport {
  readonly #conn: Transport;
  readonly #source: Reader;
  /** What is encrypted goes through here. */
  readonly #stream: Duplex;
  /** The engine wants more from {@link NodeTlsConn.#stream}, and is not yet getting it. */
  #isThirsty = false;
  /** Once the handshake is done. */
  #tls: TLSSocket | undefined;
  readonly #secured: PromiseWithResolvers<Deno.TlsHandshakeInfo> = Promise.withResolvers();
  #closed = false;
  #ended = false;
  /** Why nothing more can be read. */
  #failure: Error | undefined;
  /** Why nothing more can be written. Kept apart: what the peer has said before it went is still to be read. */
  #writeFailure: Error | undefined;
  #rest: Uint8Array | null = null;
  #reader: (Operation<number | null> & { readonly buffer: Uint8Array }) | undefined;
  readonly #writers = new Set<Operation<unknown>>();
  /** Writes of the engine that are under way. */
  #writing = 0;

  /** Begins the handshake: `begin` sets the engine on top of a stream. */
  constructor(
    { conn, late }: Released,
    { stream: { Duplex } }: Pick<NodeModules, "stream">,
    begin: (stream: Duplex, listener: HandshakeListener) => void,
  ) {
    this.#conn = conn;
    this.#source = new Reader(conn, late);
    this.#stream = new Duplex({
      allowHalfOpen: true,
      read: () => {
        this.#isThirsty = true;
        void this.#fill();
      },
      // A failed write is not told to the engine, which would tear everything down.
      write: (data: Uint8Array, _encoding, done) =>
        void this.#write(data).then(() => done(), (error) => this.#failWriting(error)),
      final: (done) =>
        void conn.closeWrite().then(() => done(), (error) => this.#failWriting(error)),
      destroy: (error, done) => {
        closeQuietly(conn);
        done(error);
      },
    });
    this.#stream.on("error", (error) => this.#fail(error));
    this.#stream.on("close", () => void this.#closedBelow());
    this.#secured.promise.catch(() => {}); // nobody has to wait for it
    try {
      begin(this.#stream, {
        secured: (socket) => this.#adopt(socket),
        failed: (error) => this.#fail(error),
      });
    } catch (error) {
      this.#stream.destroy();
      throw error;
    }
  }

  /** The address of this end. */
  get localAddr(): Deno.Addr {
    return this.#conn.localAddr;
  }

  /** The address of the other end. */
  get remoteAddr(): Deno.Addr {
    return this.#conn.remoteAddr;
  }

  /** Waits until the handshake is done. */
  handshake(): Promise<Deno.TlsHandshakeInfo> {
    return this.#secured.promise;
  }

  /** What came of the handshake. */
  info(): TlsInfo {
    const socket = this.#tls! as TLSSocket & { servername?: string | false | null };
    return {
      alpnProtocol: socket.alpnProtocol || null,
      version: socket.getProtocol() ?? undefined,
      cipher: socket.getCipher()?.standardName ?? socket.getCipher()?.name,
      serverName: socket.servername || undefined,
      peerCertificate: toPeerCertificate(socket.getPeerCertificate()),
    };
  }

  /** See `Deno.Conn.read`. */
  read(buffer: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => {
      this.#reader = { buffer, resolve, reject };
      this.#serve();
    });
  }

  /** See `Deno.Conn.write`; always takes all. */
  write(data: Uint8Array): Promise<number> {
    return this.#operate((tls, done) => tls.write(data, done), data.length);
  }

  /** See `Deno.Conn.closeWrite`. */
  closeWrite(): Promise<void> {
    return this.#operate((tls, done) => tls.end(done), undefined);
  }

  /**
   * Closes the connection. The peer is told, so that it can tell this from being cut off, if that can be written without
   * waiting for the peer.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const tls = this.#tls;
    const isFree = this.#writing === 0 && this.#failure === undefined &&
      this.#writeFailure === undefined;
    this.#fail(new Deno.errors.BadResource("The connection was closed"));
    if (tls !== undefined && isFree) void this.#sayGoodbye(tls);
    else this.#stream.destroy();
  }

  /** See `Deno.Conn.ref`. */
  ref(): void {
    this.#conn.ref();
  }

  /** See `Deno.Conn.unref`. */
  unref(): void {
    this.#conn.unref();
  }

  /** See `Deno.TcpConn.setNoDelay`. */
  setNoDelay(noDelay?: boolean): void {
    if ("setNoDelay" in this.#conn) (this.#conn as Deno.TcpConn).setNoDelay(noDelay);
  }

  /** See `Deno.TcpConn.setKeepAlive`. */
  setKeepAlive(keepAlive?: boolean): void {
    if ("setKeepAlive" in this.#conn) (this.#conn as Deno.TcpConn).setKeepAlive(keepAlive);
  }

  async #sayGoodbye(tls: TLSSocket): Promise<void> {
    tls.end();
    for (let turn = 0; turn < TURNS_TO_SAY_GOODBYE; turn++) await nextTurn();
    this.#stream.destroy();
  }

  /** There comes nothing more; what has come before may just be about to be decrypted, or to be complained about. */
  async #closedBelow(): Promise<void> {
    if (this.#failure === undefined) await nextTurn();
    if (this.#tls === undefined || this.#stream.destroyed) {
      this.#fail(new Deno.errors.UnexpectedEof(GONE));
    }
  }

  #adopt(socket: TLSSocket): void {
    if (this.#failure !== undefined) return void socket.destroy();
    this.#tls = socket;
    this.#secured.resolve({ alpnProtocol: socket.alpnProtocol || null });
    socket
      .on("readable", () => this.#serve())
      .on("end", () => {
        this.#ended = true;
        this.#serve();
      })
      .on("error", (error: Error) => this.#fail(error));
  }

  /** Gives the engine more to decrypt, unless nobody reads: it would take all that comes, without any limit. */
  async #fill(): Promise<void> {
    const unread = (this.#tls?.readableLength ?? 0) + (this.#rest?.length ?? 0);
    if (!this.#isThirsty || unread >= LARGEST_BUFFER) return;
    this.#isThirsty = false;
    try {
      const data = await this.#source.read();
      if (!this.#stream.destroyed) this.#stream.push(data);
      if (data === null && this.#tls === undefined) void this.#closedBelow();
    } catch (error) {
      this.#stream.destroy(error as Error);
    }
  }

  #serve(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    if (this.#closed) return this.#endRead().reject(this.#failure);
    const data: Uint8Array | null = this.#rest ?? this.#tls?.read() as Buffer | null ?? null;
    if (data !== null) {
      const count = Math.min(data.length, reader.buffer.length);
      reader.buffer.set(data.subarray(0, count));
      this.#rest = count < data.length ? data.subarray(count) : null;
      this.#endRead().resolve(count);
      void this.#fill();
    } else if (this.#ended) this.#endRead().resolve(null);
    else if (this.#failure !== undefined) this.#endRead().reject(this.#failure);
  }

  #endRead(): Operation<number | null> {
    const reader = this.#reader!;
    this.#reader = undefined;
    return reader;
  }

  /** The engine or the connection has failed, or is closed. */
  #fail(error: Error): void {
    const failure = this.#failure ??= explain(error, this.#tls === undefined);
    this.#secured.reject(failure);
    this.#serve();
    this.#failWriting(failure);
    if (this.#tls === undefined) this.#stream.destroy();
  }

  #failWriting(error: Error): void {
    const failure = this.#writeFailure ??= error;
    if (this.#tls === undefined) this.#secured.reject(failure);
    for (const writer of this.#writers) writer.reject(failure);
    this.#writers.clear();
  }

  async #operate<T>(
    begin: (tls: TLSSocket, done: (error?: Error | null) => void) => void,
    result: T,
  ): Promise<T> {
    if (this.#tls === undefined) await this.#secured.promise;
    if (this.#writeFailure !== undefined) throw this.#writeFailure;
    const writer = Promise.withResolvers<T>();
    this.#writers.add(writer as Operation<unknown>);
    begin(this.#tls!, (error) => {
      this.#writers.delete(writer as Operation<unknown>);
      if (error == null) writer.resolve(result);
      else writer.reject(this.#writeFailure ?? error);
    });
    return await writer.promise;
  }

  /** Writes what the engine has encrypted. */
  async #write(data: Uint8Array): Promise<void> {
    this.#writing++;
    for (let sent = 0; sent < data.length;) sent += await this.#conn.write(data.subarray(sent));
    this.#writing--; // a write that fails stays: nothing can be written after it
  }
}

/** Reads a connection in pieces as large as what comes in. */
class Reader {
  readonly #conn: Transport;
  #late: LateBytes | undefined;
  #size = SMALLEST_BUFFER;

  constructor(conn: Transport, late: LateBytes | undefined) {
    this.#conn = conn;
    this.#late = late;
  }

  /** The next bytes, which are the caller's; `null` at the end. */
  async read(): Promise<Uint8Array | null> {
    const late = await this.#late;
    this.#late = undefined;
    if (late !== undefined) return late;
    const buffer = new Uint8Array(this.#size);
    const count = await this.#conn.read(buffer);
    if (count === this.#size) this.#size = Math.min(this.#size * 4, LARGEST_BUFFER);
    return count === null ? null : buffer.subarray(0, count);
  }
}

const GONE = "The peer has closed the connection";

/** Turns an error of the engine into one that callers can tell from others. */
function explain(error: Error, inHandshake: boolean): Error {
  if (isRuntimeError(error)) return error;
  if ((error as { code?: string }).code === "ECONNRESET") {
    return new Deno.errors.UnexpectedEof(GONE, { cause: error });
  }
  const what = inHandshake ? "handshake" : "connection";
  return new Deno.errors.InvalidData(`The TLS ${what} has failed: ${error.message}`, {
    cause: error,
  });
}

function toPeerCertificate(certificate: NodeCertificate | null): PeerCertificate | null {
  if (certificate?.raw === undefined) return null;
  const { subject, issuer, subjectaltname, serialNumber, fingerprint256, raw } = certificate;
  return {
    subject: toRecord(subject),
    issuer: toRecord(issuer),
    subjectAltName: subjectaltname,
    validFrom: new Date(certificate.valid_from),
    validTo: new Date(certificate.valid_to),
    serialNumber,
    fingerprint256,
    raw: new Uint8Array(raw),
  };
}

function toRecord(name: object): Readonly<Record<string, string | string[]>> {
  return { ...name as Record<string, string | string[]> };
}
