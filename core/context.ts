/**
 * How the current scope is carried across every `await`.
 *
 * `AsyncLocalStorage` does this, and does it right, but in this runtime each `run` also makes an entry in a `WeakMap`,
 * which costs some 300 ns, and several times that in garbage collection: with a greenlet for each HTTP request half the
 * time goes there, and pauses grow from 0.3 to 9 ms. The runtime's own functions below it set and read the same
 * continuation data without the table. They are internal, so they are tried out first, and only used when they behave;
 * otherwise it is `AsyncLocalStorage`. Both carry the values of everybody's `AsyncLocalStorage` along.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";

/** Carries one value along with the flow of control. */
export interface ContextCarrier<T extends object> {
  /** Calls a function, and all that it awaits, with `value` as the current one. */
  run<A extends unknown[], R>(value: T, fn: (...args: A) => R, ...args: A): R;
  /** The current value; `undefined` outside every `run`. */
  getStore(): T | undefined;
}

/** What the runtime keeps for a flow of control: an object with an entry for each storage. */
type Mapping = Record<string, unknown> | null | undefined;

interface Internals {
  getAsyncContext(): Mapping;
  setAsyncContext(mapping: Mapping): void;
}

const KEY = "gevent";

/** A mapping with nothing but our entry, which nearly all are; a class, for the sake of fast properties. */
class OwnMapping<T> {
  readonly [KEY]: T;

  constructor(value: T) {
    this[KEY] = value;
  }
}

/** Puts an entry of its own beside those of the storages. */
class DirectCarrier<T extends object> implements ContextCarrier<T> {
  readonly #get: () => Mapping;
  readonly #set: (mapping: Mapping) => void;

  constructor({ getAsyncContext, setAsyncContext }: Internals) {
    this.#get = getAsyncContext;
    this.#set = setAsyncContext;
  }

  run<A extends unknown[], R>(value: T, fn: (...args: A) => R, ...args: A): R {
    const outer = this.#get();
    const alone = outer === undefined || outer === null || outer instanceof OwnMapping;
    this.#set(
      (alone ? new OwnMapping(value) : { __proto__: null, ...outer, [KEY]: value }) as Mapping,
    );
    try {
      return fn(...args);
    } finally {
      this.#set(outer);
    }
  }

  getStore(): T | undefined {
    return this.#get()?.[KEY] as T | undefined;
  }
}

/** Whether the internal functions are there and do what this relies on, together with `AsyncLocalStorage`. */
function isUsable(internals: Partial<Internals> | undefined): internals is Internals {
  if (typeof internals?.getAsyncContext !== "function") return false;
  if (typeof internals.setAsyncContext !== "function") return false;
  const carrier = new DirectCarrier<object>(internals as Internals);
  const storage = new AsyncLocalStorage<object>();
  const [ours, theirs] = [{}, {}];
  const before = carrier.getStore();
  const kept = carrier.run(
    ours,
    () => storage.run(theirs, () => carrier.getStore() === ours && storage.getStore() === theirs),
  );
  const added = storage.run(
    theirs,
    () => carrier.run(ours, () => carrier.getStore() === ours && storage.getStore() === theirs),
  );
  return kept && added && carrier.getStore() === before && storage.getStore() === undefined;
}

/** The fastest carrier that works with what the runtime offers. */
export function makeCarrier<T extends object>(internals: unknown): ContextCarrier<T> {
  try {
    if (isUsable(internals as Partial<Internals> | undefined)) {
      return new DirectCarrier<T>(internals as Internals);
    }
  } catch {
    // Another version of the runtime has other internals: then it has to be the public way.
  }
  return new AsyncLocalStorage<T>();
}

/** The internals of this runtime, if it is one that has them. */
export function runtimeInternals(): unknown {
  const { internal } = Deno as unknown as { internal?: symbol };
  if (internal === undefined) return undefined;
  return (Deno as unknown as Record<symbol, { core?: unknown } | undefined>)[internal]?.core;
}
