/**
 * Variables that each greenlet has its own copy of.
 *
 * @module
 */

import { localsOf } from "./greenlet.ts";
import { getCurrent } from "./spawn.ts";

/**
 * Makes an object whose properties every greenlet sees its own values of: gevent's `local`.
 *
 * The values vanish when the greenlet ends; code outside all greenlets has a copy, too. With `init`, each greenlet
 * starts from what that returns, called when the greenlet first touches the object; methods on its prototype work.
 *
 * @throws {TypeError} When `init` is not a function, or does not return an object.
 *
 * @example
 * ```ts
 * import { local, spawn } from "@gevent/deno";
 *
 * const request = local<{ user?: string }>();
 * request.user = "main";
 * const g = spawn(() => {
 *   request.user = "alice";
 *   return request.user;
 * });
 * console.assert(await g.get() === "alice");
 * console.assert(request.user === "main");
 * ```
 */
export function local<T extends object>(init: () => T = () => ({}) as T): T {
  return new Local(init) as unknown as T;
}

/**
 * What `local` makes; `new Local(init)` is the same, for code that prefers a class.
 *
 * @example
 * ```ts
 * import { Local, spawn } from "@gevent/deno";
 *
 * const counter = new Local(() => ({ n: 0 })) as unknown as { n: number };
 * await spawn(() => counter.n++).join();
 * console.assert(counter.n === 0);
 * ```
 */
export class Local<T extends object = Record<string, unknown>> {
  /**
   * Makes an object with a copy for each greenlet.
   *
   * @param init Makes the initial values of one greenlet.
   * @throws {TypeError} When `init` is not a function.
   */
  constructor(init: () => T = () => ({}) as T) {
    if (typeof init !== "function") {
      throw new TypeError(
        `Cannot create a local as 'init' must be a function: received ${Deno.inspect(init)}`,
      );
    }
    return new Proxy(this, new LocalHandler(init));
  }
}

/** Sends every operation on the object to the current greenlet's copy. */
class LocalHandler<T extends object> implements ProxyHandler<object> {
  readonly #init: () => T;
  /** The copies of greenlets that ended go with their maps; an ended greenlet's code gets a fresh copy each time. */
  constructor(init: () => T) {
    this.#init = init;
  }

  get(_target: object, key: PropertyKey): unknown {
    const values = this.#values();
    const value = Reflect.get(values, key, values);
    return typeof value === "function" && !Object.hasOwn(values, key) ? value.bind(values) : value;
  }

  set(_target: object, key: PropertyKey, value: unknown): boolean {
    return Reflect.set(this.#values(), key, value);
  }

  has(_target: object, key: PropertyKey): boolean {
    return Reflect.has(this.#values(), key);
  }

  deleteProperty(_target: object, key: PropertyKey): boolean {
    return Reflect.deleteProperty(this.#values(), key);
  }

  ownKeys(): (string | symbol)[] {
    return Reflect.ownKeys(this.#values());
  }

  getOwnPropertyDescriptor(_target: object, key: PropertyKey): PropertyDescriptor | undefined {
    const descriptor = Reflect.getOwnPropertyDescriptor(this.#values(), key);
    // The proxy's own target does not have the property, which must therefore not be reported as fixed.
    return descriptor === undefined ? undefined : { ...descriptor, configurable: true };
  }

  defineProperty(_target: object, key: PropertyKey, descriptor: PropertyDescriptor): boolean {
    return Reflect.defineProperty(this.#values(), key, { ...descriptor, configurable: true });
  }

  getPrototypeOf(): object | null {
    return Reflect.getPrototypeOf(this.#values());
  }

  #values(): T {
    const locals = localsOf(getCurrent());
    const known = locals?.get(this);
    if (known !== undefined) return known as T;
    const values = this.#init();
    if (typeof values !== "object" || values === null) {
      throw new TypeError(
        `Cannot use a local as its 'init' must return an object: received ${Deno.inspect(values)}`,
      );
    }
    locals?.set(this, values);
    return values;
  }
}
