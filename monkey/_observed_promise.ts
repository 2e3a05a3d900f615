/**
 * A `Promise` that tells an {@link AwaitGraph} what happens to promises, and is else the built-in one.
 *
 * It shares the built-in one's prototype, so that the promises of async functions, which are always built-in ones, count as
 * its instances, and nobody can tell the two apart by a promise.
 *
 * @module
 */

import { types } from "node:util";
import v8 from "node:v8";
import type { AwaitGraph } from "./_await_graph.ts";

type Executor = (
  resolve: (value: unknown) => void,
  reject: (reason?: unknown) => void,
) => void;

/** What is in place while promises are observed. */
export interface Observation {
  /** Puts everything back. */
  end(): void;
}

const COMBINATORS = ["all", "allSettled", "any", "race"] as const;

/** Replaces the global `Promise`, and `constructor` and `then` of its prototype. */
export function observePromises(graph: AwaitGraph): Observation {
  const Native = Promise;
  const { prototype } = Native;
  const nativeThen = prototype.then;
  const saved = {
    Promise: Object.getOwnPropertyDescriptor(globalThis, "Promise")!,
    constructor: Object.getOwnPropertyDescriptor(prototype, "constructor")!,
    then: Object.getOwnPropertyDescriptor(prototype, "then")!,
  };
  const Observed = makeConstructor(Native, graph);
  const { then } = {
    then(this: Promise<unknown>, onFulfilled: unknown, onRejected: unknown): Promise<unknown> {
      const byProgram = graph.onThen(this, onFulfilled, onRejected);
      const outer = graph.deriving;
      graph.deriving = true;
      try {
        const derived = Reflect.apply(nativeThen, this, [onFulfilled, onRejected]);
        if (byProgram) graph.onCombined(derived, [this]);
        return derived;
      } finally {
        graph.deriving = outer;
      }
    },
  };
  Object.defineProperty(prototype, "then", { ...saved.then, value: then });
  Object.defineProperty(prototype, "constructor", {
    configurable: true,
    enumerable: false,
    get(this: object): unknown {
      // The built-in one is the fast way, and what is derived with it is the same.
      if (graph.deriving) return Native;
      graph.onConstructorRead(this);
      return Observed;
    },
    set(this: object, value: unknown): void {
      Object.defineProperty(this, "constructor", {
        value,
        writable: true,
        configurable: true,
        enumerable: this !== prototype,
      });
    },
  });
  Object.defineProperty(globalThis, "Promise", { ...saved.Promise, value: Observed });
  const stop = v8.promiseHooks.onInit(
    ((promise: object, parent: object | undefined) => graph.onInit(promise, parent)) as never,
  ) as unknown as () => void;

  return {
    end(): void {
      stop();
      Object.defineProperty(prototype, "then", saved.then);
      Object.defineProperty(prototype, "constructor", saved.constructor);
      // A program may have put its own in place since.
      if (globalThis.Promise === Observed as unknown) {
        Object.defineProperty(globalThis, "Promise", saved.Promise);
      }
    },
  };
}

function makeConstructor(Native: PromiseConstructor, graph: AwaitGraph): PromiseConstructor {
  function construct(executor: Executor, newTarget: object): Promise<unknown> {
    const target = newTarget === Observed ? Native : newTarget;
    const begun = typeof executor === "function" ? graph.beginPromise() : undefined;
    if (begun === undefined) return Reflect.construct(Native, [executor], target as never);
    const promise = Reflect.construct(Native, [
      (resolve: (value: unknown) => void, reject: (reason?: unknown) => void) => {
        begun.resolveIs(resolve);
        return executor(resolve, reject);
      },
    ], target as never);
    begun(promise);
    return promise;
  }

  // A function and not a class: of a class only the prototype of its own could be had.
  const Observed = function Promise(this: unknown, executor: Executor): Promise<unknown> {
    if (new.target === undefined) {
      throw new TypeError("Promise constructor cannot be invoked without 'new'");
    }
    return construct(executor, new.target);
  } as unknown as PromiseConstructor;
  for (const key of Reflect.ownKeys(Native)) {
    const descriptor = Object.getOwnPropertyDescriptor(Native, key)!;
    Object.defineProperty(Observed, key, descriptor);
  }
  for (const name of COMBINATORS) wrapCombinator(Observed, name, graph);
  const { resolve: nativeResolve } = Native;
  const { resolve } = {
    resolve(this: unknown, value: unknown): Promise<unknown> {
      try {
        return Reflect.apply(nativeResolve, this, [value]);
      } finally {
        graph.forgetConstructorRead();
      }
    },
  };
  Object.defineProperty(resolve, "length", { value: nativeResolve.length, configurable: true });
  Object.defineProperty(Observed, "resolve", {
    writable: true,
    configurable: true,
    value: resolve,
  });
  return Observed;
}

/** Has the graph told which promises a combined one waits for. */
function wrapCombinator(
  Observed: PromiseConstructor,
  name: typeof COMBINATORS[number],
  graph: AwaitGraph,
): void {
  const native = Observed[name] as (items: Iterable<unknown>) => Promise<unknown>;
  const wrapper = {
    [name](this: unknown, items: Iterable<unknown>): Promise<unknown> {
      const sources: object[] = [];
      graph.combining++;
      try {
        const combined: Promise<unknown> = Reflect.apply(native, this, [tap(items, sources)]);
        graph.onCombined(combined, sources);
        return combined;
      } finally {
        graph.combining--;
      }
    },
  }[name]!;
  Object.defineProperty(Observed, name, { writable: true, configurable: true, value: wrapper });
}

/**
 * The same items, of which the promises are remembered. Each property is read as often, and in the same order, as the
 * built-in does it; what it refuses, it gets to see as it is.
 */
function tap(items: Iterable<unknown>, promises: object[]): Iterable<unknown> {
  if (typeof items !== "object" || items === null) return items;
  return {
    get [Symbol.iterator](): Iterable<unknown>[typeof Symbol.iterator] {
      const iterate = items[Symbol.iterator];
      if (typeof iterate !== "function") return iterate;
      return () => tapIterator(Reflect.apply(iterate, items, []), promises);
    },
  };
}

function tapIterator(iterator: Iterator<unknown>, promises: object[]): Iterator<unknown> {
  if (!isObject(iterator)) return iterator;
  return {
    get next(): Iterator<unknown>["next"] {
      const next: unknown = iterator.next;
      if (typeof next !== "function") return next as never;
      return () => {
        const step: IteratorResult<unknown> = Reflect.apply(next, iterator, []);
        if (!isObject(step)) return step;
        if (step.done) return { done: true, value: undefined };
        const { value } = step;
        if (types.isPromise(value)) promises.push(value);
        return { done: false, value };
      };
    },
    get return(): NonNullable<Iterator<unknown>["return"]> {
      const close: unknown = iterator.return;
      if (typeof close !== "function") return close as never;
      return () => Reflect.apply(close, iterator, []);
    },
  };
}

function isObject(value: unknown): boolean {
  return typeof value === "function" || (typeof value === "object" && value !== null);
}
