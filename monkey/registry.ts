/**
 * Who has replaced what: every patch goes through here, so that it can be asked about and taken back exactly.
 *
 * A patch is the replacement of one property of one object. What it was before is kept as a whole descriptor, since many of
 * the runtime's functions are accessor properties. Patches belong to surfaces, such as `fetch`, which is how users name
 * them. There is one table for each isolate, as that is what has one set of globals.
 *
 * @module
 */

import { requireOptions } from "../core/arguments.ts";
import { forgetOriginal, isStill, saveOriginal } from "../core/originals.ts";

/**
 * What every patch function takes.
 *
 * @example
 * ```ts
 * import { patchFetch, type PatchOptions } from "@gevent/deno/monkey";
 *
 * const warnings: string[] = [];
 * const options: PatchOptions = { onWarning: (message) => warnings.push(message) };
 * using _patch = patchFetch(options);
 * console.assert(warnings.length === 0);
 * ```
 */
export interface PatchOptions {
  /** Gets what users should know, such as what has been loaded too early; by default it is printed to stderr. */
  readonly onWarning?: (message: string) => void;
}

/** One property that was replaced, or another change. */
interface Patch {
  readonly surface: string;
  readonly name: string;
  /** The object whose property was replaced, and by what: a value, or functions of an accessor. */
  readonly target?: object;
  readonly key?: PropertyKey;
  readonly replacements?: readonly unknown[];
  /** Gets what was there before. */
  readonly original?: () => unknown;
  /** Puts back what was there before. */
  readonly undo: () => void;
}

/** In the order in which they were made. */
const patches = new Set<Patch>();
/** What patched functions were, those of accessors too, for as long as they live, also after they were taken back. */
const originals = new WeakMap<object, object>();

/**
 * What one call of a patch function has replaced, and nothing that was replaced before; made by those functions.
 *
 * @example
 * ```ts
 * import { isPatched, patchFetch } from "@gevent/deno/monkey";
 *
 * {
 *   using patches = patchFetch();
 *   console.assert(patches.names.includes("fetch") && isPatched("fetch"));
 *   console.assert(patchFetch().names.length === 0); // done already
 * }
 * console.assert(!isPatched("fetch"));
 * ```
 */
export class Patches implements Disposable {
  readonly #patches: readonly Patch[];

  /** Made by the patch functions. */
  constructor(patches: Iterable<object>) {
    this.#patches = [...patches] as Patch[];
  }

  /** What was replaced, for example `Deno.connect`. */
  get names(): readonly string[] {
    return this.#patches.map((patch) => patch.name);
  }

  /**
   * Puts everything back as it was. What somebody else has replaced since then is left alone, with a warning. Doing it
   * twice is harmless.
   */
  unpatch(): void {
    for (const patch of this.#patches.toReversed()) takeBack(patch);
  }

  /** The end of a `using` block: {@link Patches.unpatch}. */
  [Symbol.dispose](): void {
    this.unpatch();
  }

  /** Several as one. */
  static merge(all: Iterable<Patches>): Patches {
    return new Patches([...all].flatMap((one) => one.#patches));
  }
}

/**
 * Whether anything is patched; or a surface, such as `fetch` or `timers`; or one thing, by its name (`Deno.connect`) or as
 * the function that is there now. gevent's `is_module_patched` and `is_object_patched`.
 *
 * @example
 * ```ts
 * import { isPatched, patchTimers } from "@gevent/deno/monkey";
 *
 * using _patch = patchTimers();
 * console.assert(isPatched() && isPatched("timers") && isPatched("setTimeout") && isPatched(setTimeout));
 * console.assert(!isPatched("Deno.connect"));
 * ```
 */
export function isPatched(what?: string | object): boolean {
  if (what === undefined) return patches.size > 0;
  for (const patch of patches) {
    if (what === patch.surface || what === patch.name) return true;
    if (patch.replacements?.includes(what)) return true;
    if (patch.target !== undefined && prototypeOf(what) === patch.target) return true;
  }
  return false;
}

/**
 * What was there before a patch, by name (`Deno.connect`) or by the function that is there now; what is not patched is
 * returned as it is. Of an accessor of a class, such as `Deno.ChildProcess.prototype.status`, that is its getter. gevent's
 * `get_original`.
 *
 * @throws {TypeError} When a name is unknown: nothing of that name is patched, and it cannot be looked up.
 *
 * @example
 * ```ts
 * import { getOriginal, patchFetch } from "@gevent/deno/monkey";
 *
 * const before = fetch;
 * using _patch = patchFetch();
 * console.assert(getOriginal(fetch) === before && getOriginal("fetch") === before);
 * ```
 */
export function getOriginal<F extends object>(patched: F): F;
/** What was there before a patch, by its name. */
export function getOriginal(name: string): unknown;
export function getOriginal(what: object | string): unknown {
  if (typeof what !== "string") return originals.get(what) ?? what;
  for (const { name, original } of patches) if (name === what && original) return original();
  let found: unknown = globalThis;
  let isPrototype = false;
  for (const part of what.split(".")) {
    if (found === undefined || found === null) break;
    const getter = isPrototype ? Object.getOwnPropertyDescriptor(found, part)?.get : undefined;
    found = getter ?? (found as Record<string, unknown>)[part];
    isPrototype = part === "prototype";
  }
  if (found !== undefined) return found;
  throw new TypeError(`Cannot tell the original of what is not known: received '${what}'`);
}

/**
 * Takes patches back: all of them, those of a surface, or one by its name. Objects that were handed out meanwhile stay
 * cooperative. gevent cannot do this.
 *
 * @example
 * ```ts
 * import { isPatched, patchFetch, patchTimers, unpatch } from "@gevent/deno/monkey";
 *
 * patchFetch();
 * patchTimers();
 * unpatch("fetch");
 * console.assert(!isPatched("fetch") && isPatched("timers"));
 * unpatch();
 * console.assert(!isPatched());
 * ```
 */
export function unpatch(name?: string): void {
  for (const patch of [...patches].toReversed()) {
    if (name === undefined || patch.surface === name || patch.name === name) takeBack(patch);
  }
}

// deno-lint-ignore no-explicit-any -- functions of all kinds are replaced
type AnyFunction = (...args: any[]) => any;

/** Replaces the properties of one surface, in the course of one call of its patch function. */
export class Patcher {
  /** Tells the user something. */
  readonly warn: (message: string) => void;
  readonly #surface: string;
  readonly #made: Patch[] = [];

  /** `surface` is what users call all that is going to be patched. */
  constructor(surface: string, options: PatchOptions = {}) {
    requireOptions(options);
    this.#surface = surface;
    this.warn = options.onWarning ?? ((message) => console.warn(message));
  }

  /** What was replaced so far. */
  get patches(): Patches {
    return new Patches(this.#made);
  }

  /**
   * Replaces a function by what `make` makes of it, with the same name, length and properties. Leaves it alone when it is
   * patched already, or when there is none: some are there only with a flag of the runtime.
   */
  method<T extends object, K extends keyof T>(
    target: T,
    key: K,
    name: string,
    make: (original: T[K] & AnyFunction) => AnyFunction,
  ): void {
    this.value(target, key, name, (original) => {
      if (typeof original !== "function") return original;
      return disguise(make(original as never), original as unknown as AnyFunction) as T[K];
    });
  }

  /** {@link Patcher.method} for what is no function, or makes itself look like the original. */
  value<T extends object, K extends keyof T>(
    target: T,
    key: K,
    name: string,
    make: (original: T[K]) => T[K],
  ): void {
    if (isKnown(target, key)) return;
    const original = target[key];
    if (original === undefined) return;
    const replacement = make(original);
    if (replacement === original) return;
    originals.set(replacement as object, original as object);
    const before = Object.getOwnPropertyDescriptor(target, key);
    this.#replace(
      target,
      key,
      name,
      { value: replacement, writable: before?.writable ?? true },
      () => valueOf(target, key, before),
    );
  }

  /** Replaces the functions of an accessor property; those that `make` does not give stay. */
  accessor<T extends object>(
    target: T,
    key: keyof T,
    name: string,
    make: (before: PropertyDescriptor) => Pick<PropertyDescriptor, "get" | "set">,
  ): void {
    if (isKnown(target, key)) return;
    const before = Object.getOwnPropertyDescriptor(target, key);
    if (before?.get === undefined && before?.set === undefined) return;
    const after = { get: before.get, set: before.set, ...make(before) } as PropertyDescriptor;
    for (const part of ["get", "set"] as const) {
      const [replacement, original] = [after[part], before[part]];
      if (replacement === original || replacement === undefined || original === undefined) continue;
      originals.set(disguise(replacement, original), original);
    }
    this.#replace(target, key, name, after, () => before.get ?? before.set);
  }

  /** Makes a change of another kind, unless it was made already; `make` returns what takes it back. */
  change(name: string, make: () => () => void): void {
    for (const patch of patches) if (patch.name === name) return;
    this.#note({ surface: this.#surface, name, undo: make() });
  }

  #replace(
    target: object,
    key: PropertyKey,
    name: string,
    replacement: PropertyDescriptor,
    original: () => unknown,
  ): void {
    const before = Object.getOwnPropertyDescriptor(target, key);
    const after = {
      ...replacement,
      configurable: before?.configurable ?? true,
      enumerable: before?.enumerable ?? false,
    };
    if (!Reflect.defineProperty(target, key, after)) {
      this.warn(`Cannot patch ${name} as somebody has made it unchangeable`);
      return;
    }
    saveOriginal(target, key, before, after);
    this.#note({
      surface: this.#surface,
      name,
      target,
      key,
      replacements: [after.value, after.get, after.set].filter((one) => originals.has(one)),
      original,
      undo: () => {
        forgetOriginal(target, key);
        if (!isStill(target, key, after)) {
          this.warn(
            `Cannot put ${name} back as somebody else has replaced it since it was patched`,
          );
        } else if (before === undefined) Reflect.deleteProperty(target, key);
        else Reflect.defineProperty(target, key, before);
      },
    });
  }

  #note(patch: Patch): void {
    patches.add(patch);
    this.#made.push(patch);
  }
}

function valueOf(
  target: object,
  key: PropertyKey,
  before: PropertyDescriptor | undefined,
): unknown {
  if (before === undefined) return Reflect.get(Object.getPrototypeOf(target), key, target);
  return before.get === undefined ? before.value : before.get.call(target);
}

function prototypeOf(what: unknown): unknown {
  return typeof what === "function" ? what.prototype : undefined;
}

function isKnown(target: object, key: PropertyKey): boolean {
  for (const patch of patches) if (patch.target === target && patch.key === key) return true;
  return false;
}

function takeBack(patch: Patch): void {
  if (patches.delete(patch)) patch.undo();
}

/** Makes a function look like another one to whoever asks for its name, its length or what it has as properties. */
function disguise<F extends AnyFunction>(fn: F, original: AnyFunction): F {
  for (const key of Reflect.ownKeys(original)) {
    const own = Object.getOwnPropertyDescriptor(fn, key);
    if (own !== undefined && key !== "name" && key !== "length") continue; // it has brought one of its own
    Object.defineProperty(fn, key, Object.getOwnPropertyDescriptor(original, key)!);
  }
  return fn;
}
