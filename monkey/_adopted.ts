/**
 * The usual form of a patched call.
 *
 * @module
 */

import { adopt, type AdoptedKind, adoptingScope, type AdoptOptions } from "../core/adopt.ts";

/** Calls a function of the runtime; in a greenlet, what it returns is waited for cooperatively. */
export function adopted<T>(
  begin: () => Promise<T>,
  kind: AdoptedKind,
  options?: AdoptOptions<T>,
): Promise<T> {
  const scope = adoptingScope();
  return scope === undefined ? begin() : adopt(scope, begin, kind, options);
}
