/**
 * Patching `Deno.connect`.
 *
 * @module
 */

import type { AdoptedKind } from "../core/adopt.ts";
import { adoptedAbortable } from "./_adopted.ts";
import { greenConn } from "./_green_conn.ts";
import { Patcher, type Patches, type PatchOptions } from "./registry.ts";

const CONNECT: AdoptedKind = { name: "Deno.connect" };

/**
 * Patches `Deno.connect`: connecting can be interrupted, which ends it on the wire, and so can all that is done with
 * the connection. A read that was killed has read nothing: what comes goes to the next one. A write that was killed goes
 * on; its buffer is in use until then. Part of what gevent's `patch_socket` does.
 *
 * @returns What was replaced, and takes it back.
 *
 * @example
 * ```ts
 * import { spawn, withTimeout } from "@gevent/deno";
 * import { patchConnect } from "@gevent/deno/monkey";
 *
 * using _patch = patchConnect();
 * using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }); // accepts nobody
 * const { port } = listener.addr as Deno.NetAddr;
 * const g = spawn(async () => {
 *   using conn = await Deno.connect({ hostname: "127.0.0.1", port });
 *   return await withTimeout(5, () => conn.read(new Uint8Array(10)), { timeoutValue: "too late" });
 * });
 * console.assert(await g.get() === "too late");
 * ```
 */
export function patchConnect(options: PatchOptions = {}): Patches {
  const patcher = new Patcher("connect", options);
  patcher.method(
    Deno,
    "connect",
    "Deno.connect",
    (connect) => (options: Deno.ConnectOptions) =>
      adoptedAbortable(options, (all) => connect(all!).then(greenConn), CONNECT),
  );
  return patcher.patches;
}
