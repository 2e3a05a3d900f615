/**
 * Clients of others, made interruptible from outside.
 *
 * A green object is a proxy. What is called through it, or comes out of it, is waited for at this border and nowhere
 * else: the library behind it runs as ever, on its own objects, and is never interrupted in the middle of something.
 *
 * Over 400 lines, as what is green, what is data and what a proxy must answer for each is one decision, made in one place.
 *
 * @module
 */

import { requireOptions } from "./arguments.ts";
import { forItem, leaveIteration, SteppedIterator } from "./iteration.ts";
import { hub } from "./scheduler.ts";
import { currentScope } from "./scope.ts";
import { checkpoint } from "./suspend.ts";
import { dispose, until } from "./until.ts";

/**
 * A call through a green object, as adapters get to see it.
 *
 * @example
 * ```ts
 * import { green, type GreenCall } from "@gevent/deno";
 *
 * const calls: string[] = [];
 * const client = { get: (key: string) => Promise.resolve({ key, release() {} }) };
 * const orphan = (_late: unknown, { method, args }: GreenCall) => calls.push(`${String(method)}(${args})`);
 * console.assert((await green(client, { orphan }).get("a")).key === "a");
 * ```
 */
export interface GreenCall {
  /** The object whose method was called, not green; `undefined` for a function that was called on its own. */
  readonly target: unknown;
  /** The name of the method, as that of the property which the function was got from. */
  readonly method: string;
  /** What it was called with, not green. */
  readonly args: readonly unknown[];
}

/**
 * What `green` takes; it holds for all objects that come out of the green one, too.
 *
 * @example
 * ```ts
 * import { green, type GreenOptions } from "@gevent/deno";
 *
 * const options: GreenOptions = { interrupted: ({ method }) => console.log(`${method} was given up`) };
 * const client = green({ query: () => Promise.resolve(1) }, options);
 * console.assert(await client.query() === 1);
 * ```
 */
export interface GreenOptions {
  /**
   * Gets what a call brings after the wait for it was interrupted, to give it back; of a step of an async iterator, the
   * item. By default its `Symbol.dispose`, `Symbol.asyncDispose` or `release` method is called, whichever it has, unless
   * it is the very object that was called.
   */
  readonly orphan?: (late: unknown, call: GreenCall) => unknown;
  /**
   * Called at once when the wait for a call is interrupted, to end the work; it runs in the hub and cannot block. For a step
   * of an async iterator the call is the one that made it, of the method `[Symbol.asyncIterator]`; for `orphan` as well.
   */
  readonly interrupted?: (call: GreenCall) => unknown;
  /**
   * Makes each call: `proceed` calls the method on the real object, with other arguments if it is given some, and
   * returns its result, not green; what this returns counts as the result. Awaiting a lazy query is a call of its `then`,
   * whose result is what can be awaited. For adapters that have to see what a call has brought about, or to delay one.
   */
  readonly around?: (call: GreenCall, proceed: (args?: readonly unknown[]) => unknown) => unknown;
}

/**
 * Makes an object of somebody else cooperative: whatever promise one of its methods returns is waited for so that a kill
 * and a timeout end the wait at once, as by `until`; and whatever async iterable, as by `each`. gevent's counterpart is
 * monkey patching, or a package such as `zmq.green`.
 *
 * It is made for clients of databases and services, and takes an object, a function, a class or a module. Objects that
 * come out of it (connections, transactions, cursors, pipelines; also as arguments of functions that are passed to it,
 * unless they could be constructors) are green themselves. Data, and objects of the classes of the web and of Deno, are
 * what they are, and so is what stands in data: of `{ client, id }` or `[client]` make `green(client)`. Methods get the
 * real objects in place of green ones, also for those in an array or in options, such as `{ session }`, of which they then
 * get a copy. Queries that are started by being awaited stay as lazy as they were. Methods run on the real object, so that
 * private fields, getters and `instanceof` work. Listeners of event emitters get the real objects. The same object always
 * has the same green one, with the options of the first call; a method has one for each set of options. A green object
 * cannot be frozen. Outside greenlets nothing is interrupted.
 *
 * An interrupt ends the wait, not the work: the server may go on with it, and a connection stay busy until then.
 * `options.interrupted` can tell the server. What still comes is given back (see {@link GreenOptions.orphan}).
 *
 * @throws {TypeError} When `target` is not an object or a function.
 *
 * @example
 * ```ts
 * import { green, sleep, spawn } from "@gevent/deno";
 *
 * class Client {
 *   #server = new Promise<string>(() => {}); // which never answers
 *   async get(_key: string) {
 *     return await this.#server;
 *   }
 * }
 *
 * const client = green(new Client());
 * const g = spawn(() => client.get("key"));
 * await sleep(1);
 * await g.kill();
 * console.assert(g.dead && client instanceof Client);
 * ```
 */
export function green<T extends object>(target: T, options?: GreenOptions): T {
  if ((typeof target !== "object" || target === null) && typeof target !== "function") {
    throw new TypeError(
      `Cannot make green what is not an object or a function: received ${Deno.inspect(target)}`,
    );
  }
  requireOptions(options);
  return (originals.has(target) ? target : familyOf(options).proxyOf(target)) as T;
}

/**
 * The object behind a green one; anything else is returned as it is. For comparing them, and for code that has to have
 * the real one.
 *
 * @example
 * ```ts
 * import { green, ungreen } from "@gevent/deno";
 *
 * const client = { get: () => Promise.resolve(1) };
 * console.assert(green(client) !== client && ungreen(green(client)) === client);
 * ```
 */
export function ungreen<T>(value: T): T {
  return (originals.get(value as object) ?? value) as T;
}

/** Green objects by what is behind them. Not the hub's: a proxy belongs to the object, whoever made it first. */
const proxies = new WeakMap<object, object>();
/** What is behind green objects, and behind functions that were passed to them. */
const originals = new WeakMap<object, object>();
/** Stands for functions that were passed to green objects. */
const callbacks = new WeakSet<object>();

type AnyFunction = (...args: unknown[]) => unknown;

/** What is passed to these stays what it is: it is compared with what is passed to others later. */
const LISTENER_METHODS: ReadonlySet<string> = new Set([
  "addEventListener",
  "addListener",
  "off",
  "on",
  "once",
  "prependListener",
  "prependOnceListener",
  "removeEventListener",
  "removeListener",
]);

/** Objects that came out of one another, and share options. */
class GreenFamily {
  readonly #options: GreenOptions;
  readonly #handler: ProxyHandler<object>;
  /** Methods are called as functions of their own, which knows nothing of `then` and its like: they have handlers. */
  readonly #then: ProxyHandler<AnyFunction>;
  readonly #catch: ProxyHandler<AnyFunction>;
  readonly #finally: ProxyHandler<AnyFunction>;
  readonly #iterate: ProxyHandler<AnyFunction>;
  readonly #callback: ProxyHandler<AnyFunction>;
  /** What functions of another name are called on the objects they were got from. */
  readonly #names = new WeakMap<AnyFunction, string>();
  /** Functions by handler. They are the family's: objects with other options have the same methods. */
  readonly #functions = new Map<ProxyHandler<never>, WeakMap<object, AnyFunction>>();

  constructor(options: GreenOptions) {
    this.#options = options;
    this.#handler = {
      get: (target, key) => this.#get(behind(target), key),
      set: (target, key, value) => Reflect.set(behind(target), key, ungreen(value), behind(target)),
      has: (target, key) => Reflect.has(behind(target), key),
      ownKeys: (target) => Reflect.ownKeys(behind(target)),
      getOwnPropertyDescriptor: (target, key) => descriptorOf(target, key),
      defineProperty: (target, key, descriptor) =>
        Reflect.defineProperty(behind(target), key, descriptor),
      deleteProperty: (target, key) => Reflect.deleteProperty(behind(target), key),
      // From then on the engine would insist on the properties that the stand-in has, and on their values.
      preventExtensions: () => false,
      apply: (target, self, args) => this.#call(target as AnyFunction, self, args),
      construct: (target, args, newTarget) =>
        this.#construct(target as AnyFunction, args, newTarget),
    };
    this.#then = {
      apply: (target, self, [onValue, onError]) =>
        this.#settle(target, self).then(onValue as AnyFunction, onError as AnyFunction),
    };
    this.#catch = {
      apply: (_target, self, [onError]) =>
        this.#settle(thenOf(self), self).then(undefined, onError as AnyFunction),
    };
    this.#finally = {
      apply: (_target, self, [onEnd]) =>
        this.#settle(thenOf(self), self).finally(onEnd as () => void),
    };
    this.#iterate = {
      apply: (target, self, args) => {
        const call: GreenCall = {
          target: ungreen(self),
          method: "[Symbol.asyncIterator]",
          args,
        };
        const iterator = Reflect.apply(target, call.target, args) as AsyncIterator<unknown>;
        return this.#iterator(iterator, call);
      },
    };
    this.#callback = {
      apply: (target, self, args) => {
        const result = Reflect.apply(target, self, args.map((argument) => this.wrap(argument)));
        return isPlainPromise(result) ? result.then(ungreenAll) : ungreenAll(result);
      },
    };
  }

  /** The green object for an object or a function. */
  proxyOf(target: object): object {
    const known = proxies.get(target);
    if (known !== undefined) return known;
    const proxy = typeof target === "function"
      ? this.#functionFor(target as AnyFunction, this.#handler)
      : new Proxy(standIn(target), this.#handler);
    proxies.set(target, proxy);
    originals.set(proxy, target);
    return proxy;
  }

  /** What comes out of a green object: green as well, unless it is mere data. */
  wrap(value: unknown): unknown {
    if (!hasBehaviour(value)) return value;
    const original = originals.get(value);
    if (original !== undefined) return callbacks.has(value) ? original : value;
    return typeof value === "function"
      ? this.#functionFor(value as AnyFunction, this.#handler)
      : this.proxyOf(value);
  }

  #get(target: object, key: PropertyKey): unknown {
    const value: unknown = Reflect.get(target, key, target);
    if (typeof value !== "function" && typeof value !== "object") return value;
    if (key === "constructor" || key === "prototype") return value;
    if (typeof value === "function") this.#noteName(value as AnyFunction, key);
    const handler = this.#handlerFor(target, key);
    const green = handler !== undefined && typeof value === "function"
      ? this.#functionFor(value as AnyFunction, handler)
      : this.wrap(value);
    // A function is its own stand-in, and the engine insists on the values of what cannot change.
    return green !== value && typeof target === "function" && isFixed(target, key) ? value : green;
  }

  #nameOf(fn: AnyFunction): string {
    return this.#names.get(fn) ?? fn.name;
  }

  #noteName(fn: AnyFunction, key: PropertyKey): void {
    const name = typeof key === "symbol" ? `[${key.description}]` : String(key);
    if (this.#nameOf(fn) !== name) this.#names.set(fn, name);
  }

  #handlerFor(target: object, key: PropertyKey): ProxyHandler<AnyFunction> | undefined {
    if (key === "then") return this.#then;
    if (key === Symbol.asyncIterator) return this.#iterate;
    if (key === "catch") return isThenable(target) ? this.#catch : undefined;
    if (key === "finally") return isThenable(target) ? this.#finally : undefined;
    return undefined;
  }

  #functionFor(fn: AnyFunction, handler: ProxyHandler<never>): AnyFunction {
    let known = this.#functions.get(handler);
    if (known === undefined) this.#functions.set(handler, known = new WeakMap());
    let proxy = known.get(fn);
    if (proxy === undefined) {
      known.set(fn, proxy = new Proxy(fn, handler as ProxyHandler<AnyFunction>));
      originals.set(proxy, fn);
    }
    return proxy;
  }

  #call(fn: AnyFunction, self: unknown, args: unknown[]): unknown {
    const target = ungreen(self);
    const call: GreenCall = { target, method: this.#nameOf(fn), args: this.#prepare(fn, args) };
    const proceed = (given = call.args): unknown => Reflect.apply(fn, target, given as unknown[]);
    const { around } = this.#options;
    const result = around === undefined ? proceed() : around(call, proceed);
    return isPlainPromise(result) ? this.#wait(result, call) : this.wrap(result);
  }

  #construct(fn: AnyFunction, args: unknown[], newTarget: object): object {
    const instance: object = Reflect.construct(
      fn,
      this.#prepare(fn, args),
      ungreen(newTarget) as AnyFunction,
    );
    // A subclass must get the real object, or its fields would be on the proxy.
    return ungreen(newTarget) === fn ? this.proxyOf(instance) : instance;
  }

  #prepare(fn: AnyFunction, args: unknown[]): unknown[] {
    const takesListener = LISTENER_METHODS.has(this.#nameOf(fn));
    return args.map((argument) => {
      const original = ungreen(argument);
      if (takesListener || original !== argument) return original;
      return isCallback(argument) ? this.#callbackOf(argument) : ungreenWithin(argument);
    });
  }

  #callbackOf(fn: AnyFunction): AnyFunction {
    const callback = this.#functionFor(fn, this.#callback);
    callbacks.add(callback);
    return callback;
  }

  /** Has a promise that is more than a promise settled, which is what starts some. */
  #settle(then: AnyFunction, self: unknown): Promise<unknown> {
    const target = ungreen(self) as object;
    const call: GreenCall = { target, method: "then", args: [] };
    const proceed = (): unknown => ({
      then: (...args: unknown[]) => Reflect.apply(then, target, args),
    });
    const { around } = this.#options;
    const started = around === undefined ? proceed() : around(call, proceed);
    return this.#wait(started as PromiseLike<unknown>, call);
  }

  #wait(promise: PromiseLike<unknown>, call: GreenCall): Promise<unknown> {
    const wrap = (value: unknown): unknown => this.wrap(value);
    if (currentScope.getStore() === undefined) {
      return promise instanceof Promise
        ? promise.then(wrap)
        : new Promise((resolve, reject) =>
          void promise.then((value) => resolve(wrap(value)), reject)
        );
    }
    const { orphan = giveBack, interrupted } = this.#options;
    return until(
      {
        then: (onValue, onError) => promise.then((value) => onValue!(wrap(value)), onError),
      } as PromiseLike<unknown>,
      {
        orphan: (late) => orphan(ungreen(late), call),
        ...(interrupted === undefined ? {} : { abandon: () => interrupted(call) }),
      },
    );
  }

  /** Steps of somebody else's iterator, each of them an interruptible wait. */
  #iterator(iterator: AsyncIterator<unknown>, call: GreenCall): SteppedIterator<unknown> {
    const { orphan = giveBack, interrupted } = this.#options;
    const abandon = (): void => {
      if (interrupted !== undefined) hub.runCallback(() => interrupted(call));
      leaveIteration(iterator);
    };
    const options = { abandon, orphan: forItem((late) => orphan(late, call)) };
    return new SteppedIterator(iterator, async (begin) => {
      const interruptible = currentScope.getStore() !== undefined;
      // Asked before a step is begun whose result nobody would get.
      const refused = interruptible ? checkpoint() : undefined;
      if (refused !== undefined) {
        abandon();
        await refused;
      }
      const step = await (interruptible ? until(begin(), options) : begin());
      return step.done ? step : { done: false, value: this.wrap(step.value) };
    });
  }
}

/** Objects that were made green without options have the same methods, whichever way they come. */
const ordinary = new GreenFamily({});

function familyOf(options: GreenOptions | undefined): GreenFamily {
  return options === undefined ? ordinary : new GreenFamily(options);
}

/** What a proxy is made for: the object itself, or a copy, where the engine would not let the proxy give other values. */
function standIn(target: object): object {
  if (typeof target === "function") return target;
  const descriptors = Object.getOwnPropertyDescriptors(target) as PropertyDescriptorMap;
  const keys = Reflect.ownKeys(descriptors);
  if (!keys.some((key) => isFixed(target, key, descriptors[key as string]))) return target;
  for (const key of keys) descriptors[key as string]!.configurable = true;
  const copy: object = Object.create(Object.getPrototypeOf(target), descriptors);
  originalOfStandIn.set(copy, target);
  return copy;
}

const originalOfStandIn = new WeakMap<object, object>();

function behind(standIn: object): object {
  return originalOfStandIn.get(standIn) ?? standIn;
}

/** The descriptor of a property, which says of a copy what the engine allows: that all of it can be changed. */
function descriptorOf(standIn: object, key: PropertyKey): PropertyDescriptor | undefined {
  const target = behind(standIn);
  const descriptor = Reflect.getOwnPropertyDescriptor(target, key);
  if (descriptor !== undefined && target !== standIn) descriptor.configurable = true;
  return descriptor;
}

/** Whether a property can never have another value, and the one it has would have to be another one in a proxy. */
export function isFixed(
  target: object,
  key: PropertyKey,
  descriptor: PropertyDescriptor | undefined = Object.getOwnPropertyDescriptor(target, key),
): boolean {
  return descriptor !== undefined && descriptor.configurable === false &&
    descriptor.writable === false && hasBehaviour(descriptor.value);
}

/** Functions that are passed as work to do; not classes and constructors, which others compare and look into. */
function isCallback(value: unknown): value is AnyFunction {
  return typeof value === "function" && !Object.hasOwn(value, "prototype");
}

function isThenable(value: object): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>>).then === "function";
}

/** Whether it is a promise and nothing else: not one that does something when it is waited for, or can be told more. */
export function isPlainPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise && Object.getPrototypeOf(value) === Promise.prototype &&
    Object.getOwnPropertyNames(value).length === 0;
}

/** Whether a value does something, so that it may have to be waited for, in contrast to data. */
function hasBehaviour(value: unknown): value is object {
  if (typeof value === "function") return true;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  if (value instanceof Promise) return true;
  if (isPlain(value)) {
    for (const key in value) {
      if (typeof (value as Record<string, unknown>)[key] === "function") return true;
    }
    return Symbol.asyncIterator in value;
  }
  return !isOfRuntime(Object.getPrototypeOf(value).constructor) &&
    !DATA.some((type) => value instanceof type) &&
    !ArrayBuffer.isView(value);
}

/** Whether it is of no class. A prototype that somebody has written down as a plain object makes none. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype.constructor === Object;
}

/** Also what is derived from these is data. */
const DATA = [Date, Error, Iterator, Map, RegExp, Set, URL] as const;

/** Whether it is a class of the runtime: what is used with functions of the runtime, too, has to be the real object. */
function isOfRuntime(type: unknown): boolean {
  return typeof type === "function" &&
    ((globalThis as Record<string, unknown>)[type.name] === type ||
      Function.prototype.toString.call(type).endsWith("{ [native code] }"));
}

/** An argument, which may be options with green objects in them, such as `{ session }`. */
function ungreenWithin(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return ungreenAll(value);
  // By their descriptors: getters are the library's to call.
  const options = Object.getOwnPropertyDescriptors(value) as Record<string, PropertyDescriptor>;
  let isCopied = false;
  for (const property of Object.values(options)) {
    const original = originals.get(property.value);
    if (original === undefined) continue;
    property.value = original;
    isCopied = true;
  }
  return isCopied ? Object.create(Object.prototype, options) : value;
}

/** What a callback has returned to the library. */
function ungreenAll(value: unknown): unknown {
  return Array.isArray(value) && value.some((item) => ungreen(item) !== item)
    ? value.map(ungreen)
    : ungreen(value);
}

function thenOf(self: unknown): AnyFunction {
  return (ungreen(self) as { then: AnyFunction }).then;
}

/** Unless somebody knows better: what is done with what comes when nobody waits for it any more. */
export function giveBack(late: unknown, { target }: GreenCall): unknown {
  if (typeof late !== "object" || late === null || late === target) return undefined;
  if (Symbol.dispose in late || Symbol.asyncDispose in late) return dispose(late);
  const { release } = late as { release?: unknown };
  return typeof release === "function" ? release.call(late) : undefined;
}
