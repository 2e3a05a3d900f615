/**
 * What functions of the runtime were before somebody had them patched.
 *
 * The library itself must not go through its own patches: a socket would wait inside a wait, a server would start two
 * greenlets for each request. Whoever patches notes here what was there before, and the library asks here. One table for
 * each isolate, as that is what has one set of globals.
 *
 * @module
 */

const originals = new WeakMap<object, Map<PropertyKey, PropertyDescriptor | undefined>>();

/** Notes what a property was; `undefined` for one that was inherited. */
export function saveOriginal(
  target: object,
  key: PropertyKey,
  descriptor: PropertyDescriptor | undefined,
): void {
  let ofTarget = originals.get(target);
  if (ofTarget === undefined) originals.set(target, ofTarget = new Map());
  ofTarget.set(key, descriptor);
}

/** Forgets it again: the property is what it was. */
export function forgetOriginal(target: object, key: PropertyKey): void {
  originals.get(target)?.delete(key);
}

/** What a property is, or was before it was patched. For example `original(Deno, "connect")(options)`. */
export function original<T extends object, K extends keyof T>(target: T, key: K): T[K] {
  const ofTarget = originals.get(target);
  if (ofTarget === undefined || !ofTarget.has(key)) return target[key];
  const descriptor = ofTarget.get(key);
  if (descriptor === undefined) return Reflect.get(Object.getPrototypeOf(target), key, target);
  return descriptor.get === undefined ? descriptor.value : descriptor.get.call(target);
}
