/**
 * Waiting for node's functions for files.
 *
 * @module
 */

import fs from "node:fs";
import fsPromises, { type FileHandle } from "node:fs/promises";
import { adopt, adoptingScope } from "../core/adopt.ts";
import { isPlainPromise } from "../core/green.ts";
import { adopted } from "./_adopted.ts";
import { Greenery, type Methods } from "./_greenery.ts";
import { AdoptedIterator } from "./_iterator.ts";
import { abortable } from "./_signals.ts";
import type { Patcher } from "./registry.ts";

type AnyFunction = (...args: unknown[]) => unknown;

/** Functions that take a signal, and where. */
const ABORTABLE: Readonly<Record<string, number>> = { readFile: 1, writeFile: 2 };

/** `close` is not among them: whoever closes a file in a `finally` block wants it closed. */
const HANDLE_METHODS = [
  "appendFile",
  "chmod",
  "chown",
  "datasync",
  "read",
  "readFile",
  "readv",
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
  return methods as Methods<FileHandle>;
});

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
  return (...args) => {
    const scope = adoptingScope();
    if (scope === undefined) return call(...args);
    if (at !== undefined) {
      const given = typeof args[at] === "string" ? { encoding: args[at] } : args[at];
      const options = given as { readonly signal?: AbortSignal } | undefined;
      const { signal, abandon } = abortable(options?.signal);
      const all = [...args];
      all[at] = { ...options, signal };
      return adopt(scope, () => call(...all) as Promise<unknown>, kind, { abandon });
    }
    const result = call(...args);
    if (isPlainPromise(result)) return adopt(scope, () => result, kind);
    return isIterator(result) ? new AdoptedIterator(result, kind) : result;
  };
}

/** What `glob` and `watch` return. */
function isIterator(value: unknown): value is AsyncIterator<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value &&
    "next" in value;
}
