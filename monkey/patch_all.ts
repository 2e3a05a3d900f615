/**
 * Everything at once.
 *
 * @module
 */

import { requireOptions } from "../core/arguments.ts";
import { patchConnect } from "./patch_connect.ts";
import { patchDatagram } from "./patch_datagram.ts";
import { patchDns } from "./patch_dns.ts";
import { patchFetch } from "./patch_fetch.ts";
import { patchFs } from "./patch_fs.ts";
import { patchListen } from "./patch_listen.ts";
import { patchNode, type PatchNodeOptions } from "./patch_node.ts";
import { patchProcess } from "./patch_process.ts";
import { patchServe } from "./patch_serve.ts";
import { patchStreams } from "./patch_streams.ts";
import { patchTimers } from "./patch_timers.ts";
import { patchTls } from "./patch_tls.ts";
import { patchWebSocket } from "./patch_web_socket.ts";
import { Patches, type PatchOptions } from "./registry.ts";

/** In the order in which they are patched. */
const SURFACES = {
  connect: patchConnect,
  listen: patchListen,
  tls: patchTls,
  datagram: patchDatagram,
  dns: patchDns,
  streams: patchStreams,
  fetch: patchFetch,
  timers: patchTimers,
  webSocket: patchWebSocket,
  serve: patchServe,
  process: patchProcess,
  fs: patchFs,
  node: patchNode,
} as const;

/**
 * What `patchAll` takes: `false` leaves a surface alone, by default all are patched.
 *
 * @example
 * ```ts
 * import { isPatched, patchAll, type PatchAllOptions } from "@gevent/deno/monkey";
 *
 * const options: PatchAllOptions = { serve: false, fs: false };
 * using _patches = patchAll(options);
 * console.assert(isPatched("fetch") && !isPatched("serve"));
 * ```
 */
export interface PatchAllOptions extends PatchOptions {
  /** See `patchConnect`. */
  readonly connect?: boolean;
  /** See `patchListen`. */
  readonly listen?: boolean;
  /** See `patchTls`. */
  readonly tls?: boolean;
  /** See `patchDatagram`. */
  readonly datagram?: boolean;
  /** See `patchDns`. */
  readonly dns?: boolean;
  /** See `patchStreams`. */
  readonly streams?: boolean;
  /** See `patchFetch`. */
  readonly fetch?: boolean;
  /** See `patchTimers`. */
  readonly timers?: boolean;
  /** See `patchWebSocket`. */
  readonly webSocket?: boolean;
  /** See `patchServe`. */
  readonly serve?: boolean;
  /** See `patchProcess`. */
  readonly process?: boolean;
  /** See `patchFs`. */
  readonly fs?: boolean;
  /** See `patchNode`; may be its options. */
  readonly node?: boolean | PatchNodeOptions;
}

/**
 * Patches all functions of the runtime that wait: gevent's `patch_all`.
 *
 * From then on code that has never heard of greenlets can be killed and timed out where it waits for them, takes its turn
 * with others, and knows its greenlet. Outside greenlets, save inside `withTimeout`, and for work that a greenlet has
 * started without awaiting it, nothing changes. Do it before anything else is loaded, best with `deno run --preload` and `monkey/auto.ts`: what packages
 * have taken to themselves by then stays what it was. Not part of it is `patchAwaits`, which is experimental.
 *
 * Calling it again patches what the first call was told to leave alone, and nothing twice.
 *
 * @returns What was replaced by this call, and takes it back, also at the end of a `using` block.
 * @throws {TypeError} When an option is unknown, or the options are no object.
 *
 * @example
 * ```ts
 * import { sleep, spawn } from "@gevent/deno";
 * import { isPatched, patchAll } from "@gevent/deno/monkey";
 *
 * {
 *   using _patches = patchAll();
 *   const g = spawn(() => new Promise((resolve) => setTimeout(resolve, 60_000)));
 *   await sleep(1);
 *   await g.kill();
 *   console.assert(g.dead);
 * }
 * console.assert(!isPatched());
 * ```
 */
export function patchAll(options: PatchAllOptions = {}): Patches {
  requireOptions(options);
  for (const name of Object.keys(options)) {
    if (name === "onWarning" || Object.hasOwn(SURFACES, name)) continue;
    throw new TypeError(
      `Cannot patch what is not known: received the option '${name}', known are ${
        Object.keys(SURFACES).join(", ")
      }`,
    );
  }
  const { onWarning } = options;
  const common: PatchOptions = onWarning === undefined ? {} : { onWarning };
  const done: Patches[] = [];
  for (const [name, patch] of Object.entries(SURFACES)) {
    const wanted = options[name as keyof typeof SURFACES] ?? true;
    if (wanted === false) continue;
    done.push(patch(typeof wanted === "object" ? { ...common, ...wanted } : common));
  }
  return Patches.merge(done);
}
