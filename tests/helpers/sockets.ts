/**
 * Connected sockets for tests, and what is done with them again and again.
 *
 * @module
 */

import { ioTurn } from "../../core/clock.ts";
import { spawn } from "../../core/spawn.ts";
import { Socket } from "../../net/socket.ts";
import { eventually } from "./io_test.ts";

/** A socket of the library, connected to a connection of the runtime. */
export interface SocketPair extends Disposable {
  /** What is tested. */
  readonly socket: Socket;
  /** The other end, which does not go through the library. */
  readonly peer: Deno.TcpConn;
}

/** Makes two ends of one TCP connection. */
export async function socketPair(): Promise<SocketPair> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = listener.addr;
  const [peer, conn] = await Promise.all([Deno.connect({ hostname, port }), listener.accept()]);
  const socket = new Socket(conn);
  return {
    socket,
    peer,
    [Symbol.dispose](): void {
      socket.close();
      closeQuietly(peer);
    },
  };
}

/** Closes what may be closed already. */
export function closeQuietly(resource: { close(): void }): void {
  try {
    resource.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The bytes of a text. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** The text that bytes stand for. */
export function text(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Sends a text over a connection of the runtime, however many writes that takes. */
export async function write(conn: Deno.Conn, data: string | Uint8Array): Promise<void> {
  let rest = typeof data === "string" ? bytes(data) : data;
  while (rest.length > 0) rest = rest.subarray(await conn.write(rest));
}

/** All that comes over a connection of the runtime until its end. */
export async function readAll(conn: Deno.Conn): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const buffer = new Uint8Array(65536);
    const count = await conn.read(buffer);
    if (count === null) return await new Blob(chunks as BlobPart[]).bytes();
    chunks.push(buffer.subarray(0, count));
  }
}

/** More than the system keeps for a connection whose other end does not read. */
export const MORE_THAN_FITS: number = 32 * 1024 * 1024;

/** Sends until the system takes no more, and gives the last write up: it stays under way, and the next one waits. */
export async function clog(socket: Socket): Promise<void> {
  for (;;) {
    const sender = spawn(() => socket.sendAll(new Uint8Array(65536)));
    // As long as there is room, a write is over in no time.
    for (let turn = 0; turn < 100 && !sender.ready; turn++) await ioTurn();
    if (!sender.ready) return await sender.kill();
  }
}

/** Does something several times, and waits until no more files are open than before. */
export async function assertLeaksNoFile(action: () => Promise<unknown>): Promise<void> {
  await action(); // the runtime opens a few for itself when it first needs them
  const before = openFiles();
  for (let i = 0; i < 4; i++) await action();
  await eventually(() => openFiles() <= before);
}

function openFiles(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}
