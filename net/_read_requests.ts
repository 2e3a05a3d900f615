/**
 * What readers of a socket want: decisions to be made each time bytes have come.
 *
 * @module
 */

import type { Incoming, ReadRequest } from "./_incoming.ts";

const NEWLINE = 10;

/** What there is, up to a size. */
export class Some implements ReadRequest<Uint8Array<ArrayBuffer>> {
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
export class SomeInto implements ReadRequest<number> {
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
export class Exactly implements ReadRequest<Uint8Array<ArrayBuffer>> {
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
export class Line implements ReadRequest<Uint8Array<ArrayBuffer>> {
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
