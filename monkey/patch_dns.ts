/**
 * Patching name lookups.
 *
 * @module
 */

import { adopt, type AdoptedKind, adoptingScope } from "../core/adopt.ts";
import { abortable } from "./_signals.ts";
import { Patcher, type Patches, type PatchOptions } from "./registry.ts";

const RESOLVE: AdoptedKind = { name: "Deno.resolveDns" };

/**
 * Patches `Deno.resolveDns`: a lookup can be interrupted, which ends it. gevent's `patch_dns`.
 *
 * @returns What was replaced, and takes it back.
 *
 * @example
 * ```ts
 * import { isPatched, patchDns } from "@gevent/deno/monkey";
 *
 * using _patch = patchDns();
 * console.assert(isPatched("Deno.resolveDns"));
 * ```
 */
export function patchDns(options: PatchOptions = {}): Patches {
  const patcher = new Patcher("dns", options);
  patcher.method(
    Deno,
    "resolveDns",
    "Deno.resolveDns",
    (resolve) => (query: string, type: Deno.RecordType, options?: Deno.ResolveDnsOptions) => {
      const scope = adoptingScope();
      if (scope === undefined) return resolve(query, type as "A", options);
      const { signal, abandon } = abortable(options?.signal);
      const begin = (): Promise<string[]> => resolve(query, type as "A", { ...options, signal });
      return adopt(scope, begin, RESOLVE, { abandon });
    },
  );
  return patcher.patches;
}
