/**
 * What the event loop and the thread that watches it share: whose turn it is, and a beat that shows that the loop turns.
 *
 * @module
 */

const BEAT = 0;
const NAME_LENGTH = 1;
const HEADER = 8;
const LONGEST_NAME = 60;

/** A view of the shared memory, the same on both sides. */
export class Board {
  /** The memory itself, to be sent to the other side. */
  readonly buffer: SharedArrayBuffer;
  readonly #numbers: Int32Array;
  readonly #name: Uint16Array;

  /** Makes new memory, or looks at what the other side made. */
  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(HEADER + 2 * LONGEST_NAME)) {
    this.buffer = buffer;
    this.#numbers = new Int32Array(buffer, 0, 2);
    this.#name = new Uint16Array(buffer, HEADER);
  }

  /** Shows that the event loop has turned. */
  beat(): void {
    Atomics.add(this.#numbers, BEAT, 1);
  }

  /** How often it has turned. */
  get beats(): number {
    return Atomics.load(this.#numbers, BEAT);
  }

  /** Shows whose turn it is. Called at every switch, so it must be quick; a torn name does no harm. */
  showRunning(name: string): void {
    const length = Math.min(name.length, LONGEST_NAME);
    for (let i = 0; i < length; i++) this.#name[i] = name.charCodeAt(i);
    this.#numbers[NAME_LENGTH] = length;
  }

  /** Whose turn it is. */
  get running(): string {
    return String.fromCharCode(...this.#name.subarray(0, Atomics.load(this.#numbers, NAME_LENGTH)));
  }
}
