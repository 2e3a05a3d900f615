/**
 * The usual forms of a patched call.
 *
 * @module
 */

import { adopt, type AdoptedKind, adoptingScope, type AdoptOptions } from "../core/adopt.ts";
import { abortable } from "./_signals.ts";

/** Calls a function of the runtime; in a greenlet, what it returns is waited for cooperatively. */
export function adopted<T>(
  begin: () => Promise<T>,
  kind: AdoptedKind,
  options?: AdoptOptions<T>,
): Promise<T> {
  const scope = adoptingScope();
  return scope === undefined ? begin() : adopt(scope, begin, kind, options);
}

/** {@link adopted} for what gives something back: it is begun also when the wait for it is refused. */
export function adoptedEnd<T>(begin: () => Promise<T>, kind: AdoptedKind): Promise<T> {
  return adopted(begin, kind, { refuse: () => void begin().catch(() => {}) }); // nobody is left to tell
}

/** Options with a signal among them. */
export interface WithSignal {
  readonly signal?: AbortSignal | null | undefined;
}

/**
 * {@link adopted} for what takes options with a signal: giving the wait up aborts it. `begin` gets the options with a signal
 * that counts for both, the caller's and ours.
 */
export function adoptedAbortable<T, O extends WithSignal>(
  theirs: O | undefined,
  begin: (options: O | undefined) => Promise<T>,
  kind: AdoptedKind,
): Promise<T> {
  const scope = adoptingScope();
  if (scope === undefined) return begin(theirs);
  if (!canBeExtended(theirs)) return adopt(scope, () => begin(theirs), kind);
  const { signal, abandon } = abortable(theirs?.signal);
  return adopt(scope, () => begin(withSignal(theirs, signal)), kind, { abandon });
}

/** Whether these are options to which a signal can be added: what else there is, the function itself is to refuse, or to accept. */
export function canBeExtended(options: WithSignal | undefined): boolean {
  if (options === undefined) return true;
  if (typeof options !== "object" || options === null) return false;
  const { signal } = options;
  return signal == null || signal instanceof AbortSignal;
}

/** The same options but for the signal. Accessors are called on the options themselves, of which they may want private fields. */
export function withSignal<O extends WithSignal>(options: O | undefined, signal: AbortSignal): O {
  const given: object = options ?? {};
  const properties: Record<PropertyKey, PropertyDescriptor> = {};
  for (let from = given; from !== null && from !== Object.prototype;) {
    for (const key of Reflect.ownKeys(from)) {
      const property = Object.getOwnPropertyDescriptor(from, key)!;
      properties[key] ??= property.get === undefined
        ? property
        : { ...property, get: () => Reflect.get(given, key) };
    }
    from = Object.getPrototypeOf(from);
  }
  properties["signal"] = { value: signal, configurable: true, enumerable: true, writable: true };
  return Object.create(Object.getPrototypeOf(given), properties);
}

/** The arguments of a call with another one in a place. */
export function withArgument(args: readonly unknown[], at: number, value: unknown): unknown[] {
  const all = [...args];
  if (value !== undefined) all[at] = value;
  return all;
}
