/**
 * Patching name lookups.
 *
 * @module
 */

import type { AdoptedKind } from "../core/adopt.ts";
import { adoptedAbortable } from "./_adopted.ts";
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
    (resolve) => (query: string, type: Deno.RecordType, options?: Deno.ResolveDnsOptions) =>
      adoptedAbortable(options, (all) => resolve(query, type as "A", all), RESOLVE),
  );
  return patcher.patches;
}
