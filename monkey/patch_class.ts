/**
 * Making client classes cooperative in place.
 *
 * @module
 */

import { EventEmitter } from "node:events";
import { Duplex, Readable, Stream, Transform, Writable } from "node:stream";
import { adopt, type AdoptedKind, adoptingScope } from "../core/adopt.ts";
import {
  giveBack,
  type GreenCall,
  type GreenOptions,
  isFixed,
  isPlainPromise,
} from "../core/green.ts";
import { leaveIteration } from "../core/iteration.ts";
import { hub } from "../core/scheduler.ts";
import { AdoptedIterator } from "./_iterator.ts";
import { Patcher, type Patches, type PatchOptions } from "./registry.ts";

/**
 * What `patchClass` takes. For a step of an async iterator, the call that `orphan` and `interrupted` get is that of the
 * method which has returned the iterator.
 *
 * @example
 * ```ts
 * import { patchClass, type PatchClassOptions } from "@gevent/deno/monkey";
 *
 * class Client {
 *   get(): Promise<number> {
 *     return Promise.resolve(1);
 *   }
 *   close(): Promise<void> {
 *     return Promise.resolve();
 *   }
 * }
 *
 * const options: PatchClassOptions = { methods: ["get"] };
 * using patches = patchClass(Client, options);
 * console.assert(patches.names.join() === "Client.prototype.get");
 * ```
 */
export interface PatchClassOptions extends PatchOptions, Omit<GreenOptions, "around"> {
  /** The methods to patch; by default all, inherited ones as well, save those of the runtime's own classes. */
  readonly methods?: readonly PropertyKey[];
}

type AnyFunction = (...args: unknown[]) => unknown;

/** Classes whose methods are not a client's own. */
const BASES: ReadonlySet<unknown> = new Set(
  [
    Object,
    Function,
    Promise,
    EventTarget,
    EventEmitter,
    Stream,
    Readable,
    Writable,
    Duplex,
    Transform,
  ]
    .map((base) => base.prototype),
);

/** Awaiting an object must not be patched, but what starts it: that is `green`'s. */
const NOT_PATCHED: ReadonlySet<PropertyKey> = new Set(["constructor", "then", "catch", "finally"]);

/**
 * Does for all instances of a class, those that are there already as well, what `green` does for one object: promises that
 * methods return become interruptible waits of the greenlet that awaits them, and so do the steps of async iterators,
 * which are what they were in all else, save that a function that was assigned to one is not the same when it is read.
 *
 * The methods themselves are replaced, so nobody has to be handed anything else; what they return is not made green. Calls
 * within the library, of one method by another, are not interrupted in the middle: only the call that the greenlet awaits
 * is. Static methods are patched, too. A subclass that overrides a method has to be patched itself. Outside greenlets
 * nothing changes.
 *
 * @returns What was replaced, and takes it back.
 * @throws {TypeError} When `Class` is not a class.
 *
 * @example
 * ```ts
 * import { sleep, spawn } from "@gevent/deno";
 * import { patchClass } from "@gevent/deno/monkey";
 *
 * class Client {
 *   get(_key: string): Promise<string> {
 *     return new Promise(() => {}); // the server does not answer
 *   }
 * }
 *
 * using _patch = patchClass(Client);
 * const client = new Client();
 * const g = spawn(() => client.get("key"));
 * await sleep(1);
 * await g.kill();
 * console.assert(g.dead);
 * ```
 */
export function patchClass(
  // deno-lint-ignore no-explicit-any -- any class will do, also one with a private constructor
  Class: { readonly prototype: any; readonly name: string },
  options: PatchClassOptions = {},
): Patches {
  const isClass = (value: unknown): boolean =>
    typeof value === "function" && typeof value.prototype === "object";
  if (!isClass(Class)) {
    throw new TypeError(`Cannot patch what is not a class: received ${Deno.inspect(Class)}`);
  }
  const patcher = new Patcher(`class ${Class.name}`, options);
  const patch = (holder: object, keys: Iterable<PropertyKey>, path: string): void => {
    for (const key of keys) {
      const name = typeof key === "symbol"
        ? `${path}[${key.description}]`
        : `${path}.${String(key)}`;
      patcher.method(
        holder as Record<PropertyKey, AnyFunction>,
        key,
        name,
        (method) => cooperative(method, { name }, options),
      );
    }
  };
  patch(Class.prototype, options.methods ?? methodsOf(Class.prototype), `${Class.name}.prototype`);
  if (options.methods === undefined) patch(Class, staticMethodsOf(Class), Class.name);
  return patcher.patches;
}

function cooperative(
  method: AnyFunction,
  kind: AdoptedKind,
  options: PatchClassOptions,
): AnyFunction {
  const { orphan = giveBack, interrupted } = options;
  return function (this: unknown, ...args: unknown[]): unknown {
    const result = Reflect.apply(method, this, args);
    const scope = adoptingScope();
    if (scope === undefined) return result;
    const call: GreenCall = { target: this, method: method.name, args };
    if (isAsyncIterator(result)) return interruptible(result, kind, call, options);
    if (!isPlainPromise(result)) return result;
    return adopt(scope, () => result, kind, {
      abandon: () => interrupted?.(call),
      orphan: (late) => orphan(late, call),
    });
  };
}

/** Whether it is what a generator, or a method `[Symbol.asyncIterator]`, returns; an iterable of another kind is left alone. */
function isAsyncIterator(value: unknown): value is AsyncIterableIterator<unknown> {
  if (typeof value !== "object" || value === null) return false;
  const { next, [Symbol.asyncIterator]: iterate } = value as Partial<
    AsyncIterableIterator<unknown>
  >;
  return typeof next === "function" && typeof iterate === "function" &&
    !(value instanceof EventEmitter);
}

/** What takes a step of an iterator. */
const STEPS: ReadonlySet<PropertyKey> = new Set(["next", "return", "throw"]);

/** The same iterator, whose steps can be interrupted. Cursors and lists of pages have more members, which stay theirs. */
function interruptible(
  iterator: AsyncIterableIterator<unknown>,
  kind: AdoptedKind,
  call: GreenCall,
  options: PatchClassOptions,
): AsyncIterableIterator<unknown> {
  const { orphan = giveBack, interrupted } = options;
  const steps: object = new AdoptedIterator(iterator, kind, {
    leave() {
      if (interrupted !== undefined) hub.runCallback(() => interrupted(call));
      leaveIteration(iterator);
    },
    orphan: (late) => orphan(late, call),
  });
  const own = new Map<PropertyKey, { readonly value: unknown; readonly bound: AnyFunction }>();
  const proxy = new Proxy(iterator, {
    get(target, key) {
      const holder = STEPS.has(key) && key in target ? steps : target;
      const value: unknown = Reflect.get(holder, key, holder);
      if (typeof value !== "function" || key === "constructor" || isFixed(target, key)) {
        return value;
      }
      const known = own.get(key);
      if (known?.value === value) return known.bound;
      const bound = new Proxy(value as AnyFunction, {
        apply(method, _self, args) {
          const result = Reflect.apply(method, holder, args);
          if (result === target) return proxy;
          // A cursor may have a `next` of another meaning, and make another iterator for loops.
          return key === Symbol.asyncIterator
            ? interruptible(result as AsyncIterableIterator<unknown>, kind, call, options)
            : result;
        },
      });
      own.set(key, { value, bound });
      return bound;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
  return proxy;
}

function* methodsOf(prototype: object): Iterable<PropertyKey> {
  const seen = new Set<PropertyKey>(NOT_PATCHED);
  let holder: object | null = prototype;
  while (holder !== null && !BASES.has(holder)) {
    for (const [key, descriptor] of ownProperties(holder)) {
      if (seen.has(key)) continue;
      seen.add(key);
      if (typeof descriptor.value === "function") yield key;
    }
    holder = Object.getPrototypeOf(holder);
  }
}

function* staticMethodsOf(Class: object): Iterable<PropertyKey> {
  for (const [key, { value }] of ownProperties(Class)) {
    // What can be called with `new` may be another class of the library.
    if (typeof value === "function" && !Object.hasOwn(value, "prototype")) yield key;
  }
}

function ownProperties(holder: object): [PropertyKey, PropertyDescriptor][] {
  return Reflect.ownKeys(holder).map((key) => [key, Object.getOwnPropertyDescriptor(holder, key)!]);
}
