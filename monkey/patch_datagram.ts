/**
 * Patching datagram sockets.
 *
 * @module
 */

import { greenDatagrams } from "./_green_conn.ts";
import { Patcher, type Patches, type PatchOptions } from "./registry.ts";

/** Only there when the runtime was started with `--unstable-net`. */
interface UnstableDeno {
  listenDatagram(options: object): Deno.DatagramConn;
}

/**
 * Patches `Deno.listenDatagram`, which is there with `--unstable-net` only: receiving and sending can be interrupted. A
 * datagram that comes for a receive that was killed goes to the next one.
 *
 * @returns What was replaced, and takes it back.
 *
 * @example
 * ```ts
 * import { patchDatagram } from "@gevent/deno/monkey";
 *
 * using patches = patchDatagram();
 * console.assert(patches.names.length === ("listenDatagram" in Deno ? 1 : 0));
 * ```
 */
export function patchDatagram(options: PatchOptions = {}): Patches {
  const patcher = new Patcher("datagram", options);
  patcher.method(
    Deno as unknown as UnstableDeno,
    "listenDatagram",
    "Deno.listenDatagram",
    (listen) => (options: object) => greenDatagrams(listen(options)),
  );
  return patcher.patches;
}
