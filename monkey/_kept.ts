/**
 * Operations that nobody can cancel, for waits that somebody can: what comes for a wait that was given up is kept for the
 * next one. So a read that was killed has read nothing.
 *
 * @module
 */

import { type AdoptedKind, adoptingScope, adoptParked, type ParkingLot } from "../core/adopt.ts";

/** Whoever waits: a greenlet, or code outside, whose waits cannot be given up. */
interface Taker<T> {
  resume(value: T): boolean;
  fail(error: unknown): boolean;
}

/** Those who wait, in order. */
class Line<T> {
  #waiting: LineEntry<T>[] = [];

  get first(): LineEntry<T> | undefined {
    return this.#waiting[0];
  }

  add(entry: LineEntry<T>): void {
    this.#waiting.push(entry);
  }

  shift(): LineEntry<T> | undefined {
    return this.#waiting.shift();
  }

  remove(entry: LineEntry<T>): void {
    const at = this.#waiting.indexOf(entry);
    if (at !== -1) this.#waiting.splice(at, 1);
  }
}

/** A place in a line. */
abstract class LineEntry<T> implements ParkingLot<T> {
  taker!: Taker<T>;
  readonly #line: Line<T>;

  constructor(line: Line<T>) {
    this.#line = line;
  }

  park(taker: Taker<T>): void {
    this.taker = taker;
    this.#line.add(this);
    this.serve();
  }

  abandon(): void {
    this.#line.remove(this);
  }

  /** Takes the place, and waits; a greenlet leaves it when it is interrupted. */
  wait(kind: AdoptedKind): Promise<T> {
    const scope = adoptingScope();
    if (scope !== undefined) return adoptParked(scope, this, kind);
    return new Promise((resolve, reject) =>
      this.park({
        resume: (value) => (resolve(value), true),
        fail: (error) => (reject(error), true),
      })
    );
  }

  /** Sees to it that those in the line get what is there. */
  protected abstract serve(): void;
}

class ResultEntry<T> extends LineEntry<T> {
  readonly begin: () => Promise<T>;
  readonly #results: KeptResults<T>;

  constructor(line: Line<T>, results: KeptResults<T>, begin: () => Promise<T>) {
    super(line);
    this.#results = results;
    this.begin = begin;
  }

  protected override serve(): void {
    this.#results.serve();
  }
}

/** Things that come one at a time, such as connections that are accepted. At most one operation is under way. */
export class KeptResults<T> {
  readonly #line = new Line<T>();
  readonly #kept: T[] = [];
  #operating = false;

  /** Whether nothing is kept or under way, so that one need not come here. */
  get idle(): boolean {
    return !this.#operating && this.#kept.length === 0;
  }

  /** Waits for the next one; `begin` is called if an operation has to be begun for that. */
  take(begin: () => Promise<T>, kind: AdoptedKind): Promise<T> {
    return new ResultEntry(this.#line, this, begin).wait(kind);
  }

  /** Puts something back that was taken, before all others. */
  putBack(result: T): void {
    this.#kept.unshift(result);
  }

  /** Gives up what is kept, when nobody will come for it. */
  drop(): T[] {
    return this.#kept.splice(0);
  }

  /** Gives what is there to whoever is first, and begins an operation if more is wanted. */
  serve(): void {
    for (let first = this.#line.first; first !== undefined; first = this.#line.first) {
      if (this.#kept.length === 0) return this.#begin(first as ResultEntry<T>);
      this.#line.shift();
      if (first.taker.resume(this.#kept[0]!)) this.#kept.shift();
    }
  }

  #begin(entry: ResultEntry<T>): void {
    if (this.#operating) return;
    this.#operating = true;
    entry.begin().then((result) => {
      this.#operating = false;
      this.#kept.push(result);
      this.serve();
    }, (error) => {
      this.#operating = false;
      // It is about this operation, such as that its reader was released: that of the next one fails by itself, if it has to.
      if (this.#line.first === entry) this.#line.shift()!.taker.fail(error);
      this.serve();
    });
  }
}

/** What one read of a stream brings at most. */
const LARGEST_CHUNK = 65536;

/**
 * A stream as the runtime makes them, of what is read; `end` is called at its end, when a read fails, and when it is
 * cancelled. The resource may be closed already.
 */
export function streamOfReads(
  read: (buffer: Uint8Array) => Promise<number | null>,
  end: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      const buffer = new Uint8Array(LARGEST_CHUNK);
      const count = await read(buffer).catch((error) => {
        end();
        throw error;
      });
      if (count !== null) return controller.enqueue(buffer.subarray(0, count));
      controller.close();
      controller.byobRequest?.respond(0);
      end();
    },
    cancel: end,
  });
}

const EMPTY = new Uint8Array(0);

/** A buffer of this size is kept for the next read; larger ones go with theirs. */
const KEPT_BUFFER = 65536;

class ReadEntry extends LineEntry<number | null> {
  readonly target: Uint8Array;
  readonly #reads: KeptReads;

  constructor(line: Line<number | null>, reads: KeptReads, target: Uint8Array) {
    super(line);
    this.#reads = reads;
    this.target = target;
  }

  protected override serve(): void {
    this.#reads.serve();
  }
}

/**
 * Bytes. They are read into a buffer of our own: an operation that goes on writes into its buffer long after a killed
 * caller has put that to other use.
 */
export class KeptReads {
  readonly #read: (buffer: Uint8Array) => Promise<number | null>;
  readonly #largest: number;
  readonly #line = new Line<number | null>();
  #buffer: Uint8Array = EMPTY;
  #start = 0;
  #end = 0;
  /** The end of the stream was found for somebody who was gone by then. */
  #ended = false;
  #operation: Promise<void> | undefined;
  /** Undoes the operation, which is of no use any more. */
  #undo: (() => void) | undefined;

  /** `read` is what reads natively; `largest` how many bytes it brings at most. */
  constructor(read: (buffer: Uint8Array) => Promise<number | null>, largest: number = Infinity) {
    this.#read = read;
    this.#largest = largest;
  }

  /** Whether nothing is kept or under way, so that one need not come here. */
  get idle(): boolean {
    return this.#operation === undefined && this.kept === 0 && !this.#ended;
  }

  /** How many bytes are kept. */
  get kept(): number {
    return this.#end - this.#start;
  }

  /** Waits for bytes, and says how many were put into `target`, `null` at the end. */
  read(target: Uint8Array, kind: AdoptedKind): Promise<number | null> {
    return new ReadEntry(this.#line, this, target).wait(kind);
  }

  /** Takes kept bytes; says how many. */
  take(target: Uint8Array): number {
    const count = Math.min(target.length, this.kept);
    target.set(
      count === this.#buffer.length
        ? this.#buffer
        : this.#buffer.subarray(this.#start, this.#start + count),
    );
    this.#start += count;
    return count;
  }

  /** Resolves when no operation is under way. */
  async settled(): Promise<void> {
    await this.#operation;
  }

  /** Forgets what is kept. */
  drop(): void {
    this.#start = this.#end = 0;
    this.#ended = false;
  }

  /** Whether what is being read is going to be thrown away. */
  get disowned(): boolean {
    return this.#undo !== undefined;
  }

  /** Has what is being read for nobody thrown away; `undo` is called when it has come. */
  disown(undo: () => void): void {
    const isForNobody = this.#operation !== undefined && this.#line.first === undefined;
    if (isForNobody || this.disowned) this.#undo = undo;
  }

  /** Gives what is there to whoever is first, and begins to read if more is wanted. */
  serve(): void {
    for (let first = this.#line.first; first !== undefined; first = this.#line.first) {
      const { taker, target } = first as ReadEntry;
      if (this.kept > 0 || target.length === 0) {
        this.#line.shift();
        taker.resume(this.take(target));
      } else if (this.#ended) {
        this.#ended = false;
        this.#line.shift();
        taker.resume(null);
      } else {
        this.#operation ??= this.#begin(Math.min(target.length, this.#largest));
        return;
      }
    }
  }

  #begin(size: number): Promise<void> {
    if (this.#buffer.length < size || this.#buffer.length > KEPT_BUFFER) {
      this.#buffer = new Uint8Array(size);
    }
    this.#start = this.#end = 0;
    const buffer = this.#buffer.length === size ? this.#buffer : this.#buffer.subarray(0, size);
    return this.#read(buffer).then(this.#onRead, this.#onError);
  }

  #onRead = (count: number | null): void => {
    this.#operation = undefined;
    const undo = this.#undo;
    this.#undo = undefined;
    if (undo !== undefined) undo();
    else if (count === null) this.#ended = true;
    else this.#end = count;
    this.serve();
  };

  #onError = (error: unknown): void => {
    this.#operation = this.#undo = undefined;
    // With nobody there it is dropped: the next read fails by itself, if there is still a reason to.
    this.#line.shift()?.taker.fail(error);
    this.serve();
  };
}
