/**
 * What functions of the runtime were before somebody had them patched.
 *
 * The library itself must not go through its own patches: a socket would wait inside a wait, a server would start two
 * greenlets for each request. Whoever patches notes here what was there before, and the library asks here. One table for
 * each isolate, as that is what has one set of globals.
 *
 * @module
 */

/** A property that was replaced. */
interface Replacement {
  /** What it was; `undefined` for one that was inherited. */
  readonly before: PropertyDescriptor | undefined;
  /** What it was replaced by. */
  readonly after: PropertyDescriptor;
}

const replacements = new WeakMap<object, Map<PropertyKey, Replacement>>();

/** Notes that a property was replaced. */
export function saveOriginal(
  target: object,
  key: PropertyKey,
  before: PropertyDescriptor | undefined,
  after: PropertyDescriptor,
): void {
  let ofTarget = replacements.get(target);
  if (ofTarget === undefined) replacements.set(target, ofTarget = new Map());
  ofTarget.set(key, { before, after });
}

/** Forgets it again: the property is what it was. */
export function forgetOriginal(target: object, key: PropertyKey): void {
  replacements.get(target)?.delete(key);
}

/** Whether a property is still what it was replaced by, or somebody else has replaced it since. */
export function isStill(target: object, key: PropertyKey, after: PropertyDescriptor): boolean {
  const now = Object.getOwnPropertyDescriptor(target, key);
  return now?.value === after.value && now?.get === after.get && now?.set === after.set;
}

/**
 * What a property is, or was before it was patched; for example `original(Deno, "connect")(options)`. What somebody else has
 * put over a patch, such as a stub in a test, counts.
 */
export function original<T extends object, K extends keyof T>(target: T, key: K): T[K] {
  const replacement = replacements.get(target)?.get(key);
  if (replacement === undefined || !isStill(target, key, replacement.after)) return target[key];
  const { before } = replacement;
  if (before === undefined) return Reflect.get(Object.getPrototypeOf(target), key, target);
  return before.get === undefined ? before.value : before.get.call(target);
}
