/**
 * Files as sources of bytes for a socket.
 *
 * @module
 */

import type { ByteSource } from "./_outgoing.ts";

/** What a file is read in: a read takes a thread of the runtime, which costs more than the copying of some kilobytes. */
const CHUNK = 262_144;

/** Part of a file, read from where it stands. */
export class FileSource implements ByteSource {
  readonly #file: Pick<Deno.FsFile, "read" | "seek">;
  readonly #start: number;
  #left: number;
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #reading: Promise<number | null> | undefined;
  #read = 0;
  /** See {@link ByteSource.sent}. */
  sent = 0;

  /** At most `count` bytes of a file that stands at `start`. */
  constructor(file: Pick<Deno.FsFile, "read" | "seek">, start: number, count: number) {
    this.#file = file;
    this.#start = start;
    this.#left = count;
  }

  /** See {@link ByteSource.next}. */
  async next(): Promise<Uint8Array | null> {
    if (this.#left === 0) return null;
    this.#buffer ??= new Uint8Array(Math.min(CHUNK, this.#left));
    this.#reading = this.#file.read(this.#buffer.subarray(0, Math.min(CHUNK, this.#left)));
    const count = await this.#reading;
    if (count === null) return null;
    this.#read += count;
    this.#left -= count;
    return this.#buffer.subarray(0, count);
  }

  /** Leaves the file behind the last byte that is known to be sent, also when there was no time to send all that was read. */
  async putBack(): Promise<void> {
    try {
      await this.#reading; // the runtime cannot cancel it, and it moves the position
      if (this.sent === this.#read) return;
      await this.#file.seek(this.#start + this.sent, Deno.SeekMode.Start);
    } catch {
      // The file is closed or cannot be read: whoever sends is told of that already.
    }
  }
}
