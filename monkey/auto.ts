/**
 * Patches everything when it is loaded: `deno run --preload` of this file, before the program itself, or the first import
 * of a program. gevent's `python -m gevent.monkey`.
 *
 * @example
 * ```ts
 * import "@gevent/deno/monkey/auto";
 * import { isPatched } from "@gevent/deno/monkey";
 *
 * console.assert(isPatched("fetch"));
 * ```
 *
 * @module
 */

import { patchAll } from "./patch_all.ts";
import type { Patches } from "./registry.ts";

/** What was patched. */
export const patches: Patches = patchAll();
