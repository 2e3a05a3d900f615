/**
 * Waiting for node's streams.
 *
 * @module
 */

import stream, { Readable } from "node:stream";
import streamPromises from "node:stream/promises";
import { type AdoptedKind, adoptingScope } from "../core/adopt.ts";
import { adoptedAbortable, type WithSignal } from "./_adopted.ts";
import { AdoptedIterator } from "./_iterator.ts";
import type { Patcher } from "./registry.ts";

const ITERATE: AdoptedKind = { name: "node:stream.Readable" };
const PIPELINE: AdoptedKind = { name: "stream.pipeline" };
const FINISHED: AdoptedKind = { name: "stream.finished" };

type StreamPromises = Record<"pipeline" | "finished", (...args: unknown[]) => Promise<unknown>>;

/** Patches `for await` over node's streams, and the functions of `node:stream/promises`. */
export function patchNodeStreams(patcher: Patcher): void {
  for (const name of [Symbol.asyncIterator, "iterator"] as const) {
    const shown = name === "iterator" ? ".iterator" : "[Symbol.asyncIterator]";
    patcher.method(
      Readable.prototype,
      name as typeof Symbol.asyncIterator,
      `node:stream.Readable.prototype${shown}`,
      (iterate) =>
        function (this: Readable, ...args: [] | [{ readonly destroyOnReturn?: boolean }?]) {
          const iterator = iterate.apply(this, args as []);
          if (adoptingScope() === undefined) return iterator;
          if (args[0]?.destroyOnReturn === false) return new AdoptedIterator(iterator, ITERATE);
          // As the end of a loop does, but also while a step is pending.
          return new AdoptedIterator(iterator, ITERATE, { leave: () => void this.destroy() });
        },
    );
  }
  const functions = streamPromises as unknown as StreamPromises;
  patcher.method(
    functions,
    "pipeline",
    "node:stream/promises.pipeline",
    (pipeline) => (...args) => {
      if (adoptingScope() === undefined) return pipeline(...args);
      const last = args.at(-1);
      const given = isOptions(last) ? last : undefined;
      const streams = given === undefined ? args : args.slice(0, -1);
      return adoptedAbortable(given, (all) => pipeline(...streams, all), PIPELINE);
    },
  );
  patcher.method(
    functions,
    "finished",
    "node:stream/promises.finished",
    (finished) => (stream, options) =>
      adoptedAbortable(
        options as WithSignal | undefined,
        (all) => finished(stream, all),
        FINISHED,
      ),
  );
  // The same functions, in an object that cannot be changed.
  patcher.accessor(
    stream,
    "promises",
    "node:stream.promises",
    () => ({ get: () => streamPromises }),
  );
}

/** Whether the last argument of `pipeline` is no stream, function or iterable. */
function isOptions(value: unknown): value is WithSignal {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && !(Symbol.iterator in value) &&
    !(Symbol.asyncIterator in value);
}
