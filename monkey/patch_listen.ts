/**
 * Patching `Deno.listen`.
 *
 * @module
 */

import { greenListener } from "./_green_conn.ts";
import { Patcher, type Patches, type PatchOptions } from "./registry.ts";

/**
 * Patches `Deno.listen`: accepting can be interrupted, and so can all that is done with accepted connections, as with those
 * of `patchConnect`. A connection that comes for an accept that was killed goes to the next one. Part of what gevent's
 * `patch_socket` does.
 *
 * @returns What was replaced, and takes it back.
 *
 * @example
 * ```ts
 * import { sleep, spawn } from "@gevent/deno";
 * import { patchListen } from "@gevent/deno/monkey";
 *
 * using _patch = patchListen();
 * using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const g = spawn(async () => {
 *   for await (const conn of listener) conn.close();
 * });
 * await sleep(1);
 * await g.kill();
 * console.assert(g.dead);
 * ```
 */
export function patchListen(options: PatchOptions = {}): Patches {
  const patcher = new Patcher("listen", options);
  patcher.method(
    Deno,
    "listen",
    "Deno.listen",
    (listen) => (options: Deno.ListenOptions) => greenListener(listen(options as never)),
  );
  return patcher.patches;
}
