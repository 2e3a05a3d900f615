/**
 * Patching the readers and writers of web streams.
 *
 * @module
 */

import { type AdoptedKind, adoptingScope } from "../core/adopt.ts";
import { adopted, adoptedAbortable, adoptedEnd } from "./_adopted.ts";
import { KeptResults } from "./_kept.ts";
import { Patcher, type Patches, type PatchOptions } from "./registry.ts";

const READ: AdoptedKind = { name: "ReadableStreamDefaultReader.read" };
const PIPE: AdoptedKind = { name: "ReadableStream.pipeTo" };

type Result = ReadableStreamReadResult<unknown>;

/** A result, and whose it was to be. */
interface Brought {
  readonly result: Result;
  readonly owner: object;
}

type AnyFunction = (...args: unknown[]) => unknown;

/**
 * What came for reads that were killed, by stream: whoever reads next gets it, also with another reader. A reader that was
 * made before the patch stands for its stream.
 */
const kept = new WeakMap<object, KeptResults<Brought>>();
const streamOfReader = new WeakMap<object, ReadableStream<unknown>>();

/**
 * Patches what waits in web streams, wherever they come from: bodies, connections, files, child processes, transforms.
 * `read` of a reader, `for await` over a stream and `pipeTo` can be interrupted, and so can `write`, `close` and `ready`
 * of a writer.
 *
 * What comes for a read that was killed goes to the next read of the same stream, by a reader, a loop, `pipeTo`, `pipeThrough`
 * or `tee`. A loop or a pipe that is interrupted
 * cancels its stream, as leaving the loop does.
 *
 * @returns What was replaced, and takes it back.
 *
 * @example
 * ```ts
 * import { sleep, spawn } from "@gevent/deno";
 * import { patchStreams } from "@gevent/deno/monkey";
 *
 * using _patch = patchStreams();
 * let cancelled = false;
 * const stream = new ReadableStream({ cancel: () => void (cancelled = true) });
 * const g = spawn(async () => {
 *   for await (const _chunk of stream); // which never comes
 * });
 * await sleep(1);
 * await g.kill();
 * console.assert(g.dead && cancelled && !stream.locked);
 * ```
 */
export function patchStreams(options: PatchOptions = {}): Patches {
  const patcher = new Patcher("streams", options);
  patchReading(patcher);
  patchWriting(patcher);
  return patcher.patches;
}

function patchReading(patcher: Patcher): void {
  const { prototype } = ReadableStream;
  patcher.method(
    prototype,
    "getReader",
    "ReadableStream.prototype.getReader",
    (getReader) =>
      function (this: ReadableStream<unknown>, ...args: []) {
        const reader = getReader.apply(this, args);
        streamOfReader.set(reader, this);
        return reader;
      },
  );
  patcher.method(
    ReadableStreamDefaultReader.prototype,
    "read",
    "ReadableStreamDefaultReader.prototype.read",
    (read) =>
      function (this: ReadableStreamDefaultReader<unknown>) {
        return readChunk(this, () => read.call(this));
      },
  );
  patcher.method(
    ReadableStreamBYOBReader.prototype,
    "read",
    "ReadableStreamBYOBReader.prototype.read",
    (read) =>
      function (
        this: ReadableStreamBYOBReader,
        view: ArrayBufferView<ArrayBuffer>,
        options?: ReadableStreamBYOBReaderReadOptions,
      ) {
        return readInto(this, view, options, (own, least) => read.call(this, own, least));
      },
  );
  patcher.method(prototype, "pipeTo", "ReadableStream.prototype.pipeTo", (pipeTo) =>
    function (
      this: ReadableStream<unknown>,
      target: WritableStream<unknown>,
      options?: StreamPipeOptions,
    ) {
      const begin = (all: StreamPipeOptions | undefined): Promise<void> => {
        const loop = loopWithKept(this);
        if (loop === undefined) return pipeTo.call(this, target, all);
        const piped = pipeTo.call(ReadableStream.from(loop), target, all);
        // A pipe that fails may leave its source as it is, for others.
        const release = (): void => loop.release();
        piped.then(release, release);
        return piped;
      };
      return adoptedAbortable(options, begin, PIPE);
    });
  for (const name of ["pipeThrough", "tee"] as const) {
    patcher.method(
      prototype,
      name,
      `ReadableStream.prototype.${name}`,
      (method) =>
        function (this: ReadableStream<unknown>, ...args: unknown[]) {
          const loop = loopWithKept(this);
          if (loop === undefined) return Reflect.apply(method as AnyFunction, this, args);
          try {
            return Reflect.apply(method as AnyFunction, ReadableStream.from(loop), args);
          } catch (error) {
            loop.release();
            throw error;
          }
        },
    );
  }
  for (const name of ["values", Symbol.asyncIterator] as const) {
    const shown = name === "values" ? ".values" : "[Symbol.asyncIterator]";
    patcher.method(
      prototype,
      name,
      `ReadableStream.prototype${shown}`,
      (values) =>
        function (this: ReadableStream<unknown>, options?: ReadableStreamIteratorOptions) {
          return adoptingScope() === undefined && (kept.get(this)?.idle ?? true)
            ? values.call(this, options)
            : new StreamIterator(this, options?.preventCancel === true);
        },
    );
  }
  patchCancel(patcher, prototype, "ReadableStream");
  for (const type of [ReadableStreamDefaultReader, ReadableStreamBYOBReader]) {
    patchCancel(patcher, type.prototype, type.name);
    patchPromise(patcher, type.prototype, type.name, "closed");
  }
}

/** Cancelling gives up also what is kept. */
function patchCancel<T extends ReadableStream<unknown> | ReadableStreamGenericReader>(
  patcher: Patcher,
  prototype: T,
  type: string,
): void {
  const kind = { name: `${type}.cancel` };
  patcher.method(
    prototype as ReadableStream,
    "cancel",
    `${type}.prototype.cancel`,
    (cancel) =>
      function (this: ReadableStream, ...args) {
        return adoptedEnd(() => {
          const stream = streamOfReader.get(this);
          // A stream that is locked refuses, and so does a reader that was released.
          if (stream?.locked ?? !this.locked) kept.get(stream ?? this)?.drop();
          return cancel.apply(this, args);
        }, kind);
      },
  );
}

/** How to read a stream with what is kept, of which the runtime knows nothing; `undefined` where there is no need to. */
function loopWithKept(stream: ReadableStream<unknown>): StreamIterator | undefined {
  const isAsEver = (kept.get(stream)?.idle ?? true) || stream.locked;
  return isAsEver ? undefined : new StreamIterator(stream, false);
}

function patchWriting(patcher: Patcher): void {
  const { prototype } = WritableStreamDefaultWriter;
  patchEach(patcher, WritableStream.prototype, "WritableStream", ["abort", "close"], adoptedEnd);
  patchEach(patcher, prototype, "WritableStreamDefaultWriter", ["abort", "close"], adoptedEnd);
  patchEach(patcher, prototype, "WritableStreamDefaultWriter", ["write"]);
  patchPromise(patcher, prototype, "WritableStreamDefaultWriter", "closed");
  patchPromise(patcher, prototype, "WritableStreamDefaultWriter", "ready");
}

/** Methods whose promises are waited for as they are. */
function patchEach<T extends object>(
  patcher: Patcher,
  prototype: T,
  type: string,
  names: readonly (keyof T & string)[],
  wait: typeof adopted = adopted,
): void {
  for (const name of names) {
    const kind = { name: `${type}.${name}` };
    patcher.method(
      prototype,
      name,
      `${type}.prototype.${name}`,
      (method) =>
        function (this: T, ...args: unknown[]) {
          return wait(
            () => Reflect.apply(method as AnyFunction, this, args) as Promise<unknown>,
            kind,
          );
        },
    );
  }
}

/** Properties that are promises, which natively count as handled. */
function patchPromise<T extends object>(
  patcher: Patcher,
  prototype: T,
  type: string,
  name: keyof T & string,
): void {
  const kind = { name: `${type}.${name}` };
  patcher.accessor(prototype, name, `${type}.prototype.${name}`, ({ get }) => ({
    get(this: T) {
      const native = get!.call(this);
      const promise = adopted(() => native, kind);
      // Nobody has to take its rejection. But with two who wait for it, it could not be seen before who awaits it.
      if (promise !== native) native.catch(() => promise.catch(() => {}));
      return promise;
    },
  }));
}

/** Reads with a reader that brings the stream's own chunks. */
async function readChunk(reader: object, begin: () => Promise<Result>): Promise<Result> {
  const results = resultsOf(reader);
  if (results === undefined) return await begin();
  const { result } = await results.take(
    async () => ({ result: await begin(), owner: reader }),
    READ,
  );
  return result;
}

/** Reads bytes with a reader that puts them into a buffer of the caller. */
async function readInto<V extends ArrayBufferView<ArrayBuffer>>(
  reader: object,
  view: V,
  options: ReadableStreamBYOBReaderReadOptions | undefined,
  read: (
    view: ArrayBufferView<ArrayBuffer>,
    options?: ReadableStreamBYOBReaderReadOptions,
  ) => Promise<Result>,
): Promise<Result> {
  const results = resultsOf(reader);
  if (results === undefined) return await read(view, options);
  const { result, owner } = await results.take(
    async () => ({ result: await read(view, options), owner: view }),
    READ,
  );
  if (owner === view || result.done || !ArrayBuffer.isView(result.value)) return result;
  const { byteOffset, BYTES_PER_ELEMENT = 1, constructor } = view as V & Partial<Uint8Array>;
  const putBack = (bytes: Uint8Array): void =>
    results.putBack({ result: { done: false, value: bytes }, owner: results });
  let bytes = bytesOf(result.value);
  const least = Math.min((options?.min ?? 1) * BYTES_PER_ELEMENT, view.byteLength);
  while (bytes.length < least) {
    const rest = new Uint8Array(view.byteLength - bytes.length);
    let more: Result;
    try {
      ({ result: more } = await results.take(
        async () => ({ result: await read(rest), owner: rest }),
        READ,
      ));
    } catch (error) {
      putBack(bytes);
      throw error;
    }
    if (more.done || !ArrayBuffer.isView(more.value)) break;
    const both = new Uint8Array(bytes.length + more.value.byteLength);
    both.set(bytes);
    both.set(bytesOf(more.value), bytes.length);
    bytes = both;
  }
  const most = Math.min(bytes.length, view.byteLength);
  const size = most - most % BYTES_PER_ELEMENT;
  if (size < bytes.length) putBack(bytes.subarray(size));
  // The caller's buffer changes hands, as it does in a read that is not interrupted.
  const buffer = view.buffer.transfer();
  new Uint8Array(buffer, byteOffset, size).set(bytes.subarray(0, size));
  const View = constructor as new (buffer: ArrayBuffer, offset: number, length: number) => V;
  return { done: false, value: new View(buffer, byteOffset, size / BYTES_PER_ELEMENT) };
}

/** Where what comes for killed reads is kept; `undefined` when there is no need to look there. */
function resultsOf(reader: object): KeptResults<Brought> | undefined {
  const stream = streamOfReader.get(reader) ?? reader;
  let results = kept.get(stream);
  if (adoptingScope() === undefined && (results?.idle ?? true)) return undefined;
  if (results === undefined) kept.set(stream, results = new KeptResults());
  return results;
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** A loop over a stream. When a step of it is interrupted, so is the loop, and the stream is cancelled at once. */
class StreamIterator implements AsyncIterableIterator<unknown> {
  readonly #reader: ReadableStreamDefaultReader<unknown>;
  readonly #preventCancel: boolean;
  #finished = false;

  constructor(stream: ReadableStream<unknown>, preventCancel: boolean) {
    this.#reader = stream.getReader();
    this.#preventCancel = preventCancel;
  }

  async next(): Promise<IteratorResult<unknown>> {
    if (this.#finished) return { done: true, value: undefined };
    try {
      const result = await this.#reader.read();
      if (!result.done) return result;
    } catch (error) {
      void this.#finish(error).catch(() => {}); // the error itself is what the loop has to be told
      throw error;
    }
    this.release();
    return { done: true, value: undefined };
  }

  async return(value?: unknown): Promise<IteratorResult<unknown>> {
    if (!this.#finished) await this.#finish(value);
    return { done: true, value };
  }

  /** Leaves the stream to others, as it is. */
  release(): void {
    this.#finished = true;
    this.#reader.releaseLock();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #finish(reason: unknown): Promise<void> {
    this.#finished = true;
    const cancelled = this.#preventCancel ? undefined : this.#reader.cancel(reason);
    this.#reader.releaseLock();
    await cancelled;
  }
}
