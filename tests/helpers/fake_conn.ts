/**
 * A connection whose other end is the test.
 *
 * @module
 */

import { nextTurn } from "../../core/clock.ts";
import { idle } from "../../core/sleep.ts";
import { Socket } from "../../net/socket.ts";

/** Bytes come in when the test feeds them, and leave when it lets them. */
export class FakeConn implements Deno.Conn {
  readonly localAddr: Deno.NetAddr = { transport: "tcp", hostname: "127.0.0.1", port: 1 };
  readonly remoteAddr: Deno.NetAddr = { transport: "tcp", hostname: "127.0.0.1", port: 2 };
  /** What was written, write by write. */
  readonly written: Uint8Array[] = [];
  /** The sizes of the buffers that were read into. */
  readonly readSizes: number[] = [];
  writeClosed = false;
  closed = false;
  #read: { buffer: Uint8Array; done: PromiseWithResolvers<number | null> } | undefined;
  #writes: { data: Uint8Array; done: PromiseWithResolvers<number> }[] = [];
  #flowing = false;

  /** Whether a read is under way. */
  get reading(): boolean {
    return this.#read !== undefined;
  }

  /** How many writes are under way. */
  get writing(): number {
    return this.#writes.length;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#read !== undefined) throw new Error("Two reads at a time");
    this.readSizes.push(buffer.length);
    const done = Promise.withResolvers<number | null>();
    this.#read = { buffer, done };
    return done.promise;
  }

  /** Completes the read that is under way. What is returned was told to the reader before. */
  feed(data: Uint8Array | null): Promise<unknown> {
    const { buffer, done } = this.#endRead();
    if (data !== null) buffer.set(data);
    done.resolve(data === null ? null : data.length);
    return done.promise;
  }

  /** Lets the read that is under way fail. */
  failRead(error: unknown): void {
    this.#endRead().done.reject(error);
  }

  write(data: Uint8Array): Promise<number> {
    const done = Promise.withResolvers<number>();
    this.#writes.push({ data, done });
    if (this.#flowing) void this.take();
    return done.promise;
  }

  /**
   * Completes the first write, with so many of its bytes; waits until there is one, as sockets write in batches. What is
   * returned was told to the writer before.
   */
  take(count: number = Infinity): Promise<unknown> {
    if (this.#writes.length === 0) return nextTurn().then(() => this.take(count));
    const { data, done } = this.#writes.shift()!;
    const taken = data.slice(0, count);
    this.written.push(taken);
    done.resolve(taken.length);
    return done.promise;
  }

  /** Lets the first write fail; waits as {@link FakeConn.take} does. */
  async failWrite(error: unknown): Promise<void> {
    if (this.#writes.length === 0) await nextTurn();
    this.#writes.shift()!.done.reject(error);
  }

  /** Completes all writes, those that come as well. */
  flow(): Promise<unknown> {
    this.#flowing = true;
    let last: Promise<unknown> = Promise.resolve();
    while (this.#writes.length > 0) last = this.take();
    return last;
  }

  /** Has to wait for the writes that are under way, as that of the runtime. */
  async closeWrite(): Promise<void> {
    await Promise.all(this.#writes.map(({ done }) => done.promise));
    this.writeClosed = true;
  }

  close(): void {
    this.closed = true;
    const canceled = new Deno.errors.Interrupted("operation canceled");
    if (this.#read !== undefined) this.failRead(canceled);
    while (this.#writes.length > 0) this.failWrite(canceled);
  }

  ref(): void {}
  unref(): void {}

  get readable(): never {
    throw new Error("Not for tests");
  }

  get writable(): never {
    throw new Error("Not for tests");
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #endRead(): { buffer: Uint8Array; done: PromiseWithResolvers<number | null> } {
    const read = this.#read;
    if (read === undefined) throw new Error("Nobody reads");
    this.#read = undefined;
    return read;
  }
}

/** Registers a test that is given a socket and plays its other end. */
export function fakeConnTest(
  name: string,
  fn: (socket: Socket, conn: FakeConn) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const conn = new FakeConn();
    const socket = new Socket(conn);
    try {
      await fn(socket, conn);
    } finally {
      socket.close();
      await idle(); // sockets look at what is going on once a turn
    }
  });
}
