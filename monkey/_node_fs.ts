/**
 * Waiting for node's functions for files.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import fs from "node:fs";
import fsPromises, { type FileHandle } from "node:fs/promises";
import { type AdoptedKind, adoptingScope } from "../core/adopt.ts";
import { adopted, adoptedAbortable, withArgument, type WithSignal } from "./_adopted.ts";
import { Greenery, type Methods } from "./_greenery.ts";
import { AdoptedIterator } from "./_iterator.ts";
import { KeptReads } from "./_kept.ts";
import type { Patcher } from "./registry.ts";

const READ: AdoptedKind = { name: "FileHandle.read" };
const READV: AdoptedKind = { name: "FileHandle.readv" };

type AnyFunction = (...args: unknown[]) => unknown;

/** Functions that take a signal, and where. */
const ABORTABLE: Readonly<Record<string, number>> = { readFile: 1, writeFile: 2 };

/** Functions that return iterators. */
const ITERATING: ReadonlySet<string> = new Set(["glob", "watch"]);

/** `close` is not among them: whoever closes a file in a `finally` block wants it closed. */
const HANDLE_METHODS = [
  "appendFile",
  "chmod",
  "chown",
  "datasync",
  "readFile",
  "stat",
  "sync",
  "truncate",
  "utimes",
  "write",
  "writeFile",
  "writev",
] as const;

const handles = new Greenery<FileHandle>((native) => {
  const methods: Record<string, AnyFunction> = {};
  for (const name of HANDLE_METHODS) {
    const method = native[name] as AnyFunction;
    const kind = { name: `FileHandle.${name}` };
    methods[name] = function (this: FileHandle, ...args: unknown[]): unknown {
      return adopted(() => Reflect.apply(method, this, args) as Promise<unknown>, kind);
    };
  }
  const { read, readv } = native as unknown as Record<"read" | "readv", AnyFunction>;
  methods["read"] = function (this: FileHandle, ...args) {
    const wish = wishOfRead(args);
    const plain = (): Promise<unknown> => Reflect.apply(read, this, args) as Promise<unknown>;
    return readAs(this, wish, plain, read, READ);
  };
  methods["readv"] = function (this: FileHandle, ...args) {
    const wish = wishOfReadv(args);
    const plain = (): Promise<unknown> => Reflect.apply(readv, this, args) as Promise<unknown>;
    return readAs(this, wish, plain, read, READV);
  };
  return methods as Methods<FileHandle>;
});

/** What somebody wants to read. */
interface Wish {
  readonly targets: readonly Uint8Array[];
  /** `null` for where the file is. */
  readonly position: number | bigint | null;
  /** What the call returns, but for the number of bytes. */
  readonly result: object;
}

/** What was read for nobody, where the files are. */
const reads = new WeakMap<FileHandle, KeptReads>();

/**
 * Reads into a buffer of our own, as nothing may be written into that of a caller who was killed; what comes then from
 * where the file is goes to the next read.
 */
function readAs(
  file: FileHandle,
  wish: Wish | undefined,
  plain: () => Promise<unknown>,
  read: AnyFunction,
  kind: AdoptedKind,
): Promise<unknown> {
  let kept = reads.get(file);
  if (adoptingScope() === undefined && (kept?.idle ?? true)) return plain();
  if (wish === undefined) return adopted(plain, kind);
  const readAt = async (own: Uint8Array, position: Wish["position"]): Promise<number | null> => {
    const result = Reflect.apply(read, file, [own, 0, own.length, position]);
    return (await (result as Promise<{ bytesRead: number }>)).bytesRead || null;
  };
  if (kept === undefined) reads.set(file, kept = new KeptReads((own) => readAt(own, null)));
  const { targets, position, result } = wish;
  const own = new Uint8Array(targets.reduce((size, { length }) => size + length, 0));
  const reading = position === null
    ? kept.read(own, kind)
    : adopted(() => readAt(own, position), kind);
  return (async () => {
    const bytesRead = await reading ?? 0;
    let at = 0;
    for (const target of targets) {
      target.set(own.subarray(at, Math.min(at + target.length, bytesRead)));
      at = Math.min(at + target.length, bytesRead);
    }
    return { ...result, bytesRead };
  })();
}

/** What is to be read, as `read` understands its arguments; `undefined` for what it is going to refuse. */
function wishOfRead([first, second, ...rest]: readonly unknown[]): Wish | undefined {
  const options =
    (!isBytes(first)
      ? first
      : second == null || typeof second === "object"
      ? { ...second, buffer: first }
      : { buffer: first, offset: second, length: rest[0], position: rest[1] }) as {
        readonly buffer?: unknown;
        readonly offset?: number | null;
        readonly length?: number | null;
        readonly position?: unknown;
      } | null;
  const buffer = options?.buffer ?? Buffer.alloc(16384);
  const position = positionOf(options?.position);
  if (!isBytes(buffer) || position === undefined) return undefined;
  const offset = options?.offset ?? 0;
  const length = options?.length ?? buffer.byteLength - offset;
  const isRange = Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 &&
    length >= 0 && offset + length <= buffer.byteLength;
  if (!isRange) return undefined;
  const target = new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length);
  return { targets: [target], position, result: { buffer } };
}

function wishOfReadv([buffers, at]: readonly unknown[]): Wish | undefined {
  const position = positionOf(at);
  if (!Array.isArray(buffers) || !buffers.every(isBytes) || position === undefined) {
    return undefined;
  }
  const targets = buffers.map(({ buffer, byteOffset, byteLength }) =>
    new Uint8Array(buffer, byteOffset, byteLength)
  );
  return { targets, position, result: { buffers } };
}

function isBytes(value: unknown): value is ArrayBufferView {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

function positionOf(value: unknown): number | bigint | null | undefined {
  if (value == null) return null;
  if (!Number.isSafeInteger(value) && typeof value !== "bigint") return undefined;
  return (value as number | bigint) < 0 ? null : value as number | bigint;
}

/** Patches the functions of `node:fs/promises`, and the files that they open. */
export function patchNodeFs(patcher: Patcher): void {
  for (const module of new Set<unknown>([fsPromises, fs.promises])) {
    const functions = module as Record<string, AnyFunction>;
    for (const name of Object.keys(functions)) {
      const shown = `${module === fsPromises ? "node:fs/promises" : "node:fs.promises"}.${name}`;
      patcher.method(functions, name, shown, (fn) => cooperative(name, fn));
    }
  }
}

function cooperative(name: string, fn: AnyFunction): AnyFunction {
  const kind = { name: `fs.promises.${name}` };
  const at = ABORTABLE[name];
  const call: AnyFunction = name === "open"
    ? (...args) => (fn(...args) as Promise<FileHandle>).then((handle) => handles.apply(handle))
    : fn;
  if (ITERATING.has(name)) {
    return (...args) => {
      const result = call(...args);
      return adoptingScope() === undefined ? result : new AdoptedIterator(result as never, kind);
    };
  }
  if (at === undefined) return (...args) => adopted(() => call(...args) as Promise<unknown>, kind);
  return (...args) => {
    const given = typeof args[at] === "string" ? { encoding: args[at] } : args[at];
    const begin = (all: unknown): Promise<unknown> =>
      call(...withArgument(args, at, all)) as Promise<unknown>;
    return adoptedAbortable(given as WithSignal | undefined, begin, kind);
  };
}
