/**
 * Patching node's modules.
 *
 * @module
 */

import module from "node:module";
import { patchEvents } from "./_node_events.ts";
import { patchNodeFs } from "./_node_fs.ts";
import { hookImports } from "./_node_hooks.ts";
import {
  patchNodeDns,
  patchNodeProcesses,
  patchNodeReadline,
  patchNodeTimers,
  patchPromisify,
} from "./_node_modules.ts";
import { patchNodeStreams } from "./_node_streams.ts";
import { Patcher, type Patches, type PatchOptions } from "./registry.ts";

/**
 * What `patchNode` takes.
 *
 * @example
 * ```ts
 * import { patchNode, type PatchNodeOptions } from "@gevent/deno/monkey";
 *
 * const options: PatchNodeOptions = { esm: false, onWarning: (message) => console.log(message) };
 * using patches = patchNode(options);
 * console.assert(patches.names.includes("node:events.once"));
 * ```
 */
export interface PatchNodeOptions extends PatchOptions {
  /**
   * Have ES modules that are loaded from now on get the patched functions also when they import them by name; default
   * `false`, as it puts a module of ours in between, through an interface of the runtime that is new.
   */
  readonly esm?: boolean;
}

/** The modules whose functions are patched. */
const MODULES = [
  "node:child_process",
  "node:dns/promises",
  "node:events",
  "node:fs/promises",
  "node:readline/promises",
  "node:stream/promises",
  "node:timers",
  "node:timers/promises",
  "node:util",
] as const;

/**
 * Patches what waits in node's modules: `events.once` and `on`; `for await` over streams, and `stream/promises`;
 * `dns/promises`; `timers` and `timers/promises`; `fs/promises`; `exec` and `execFile` with `util.promisify`, and whatever
 * else `util.promisify` makes; `question` of `readline/promises`. What comes for a `read` or `readv` of a `FileHandle` that was
 * killed goes to the next one.
 *
 * Of `net`, `tls` and `http`, which have callbacks only, it reaches promises made around them: `await new Promise((resolve) =>
 * socket.once("connect", resolve))` can be interrupted when the listener is the promise's `resolve` itself and the
 * event is not one that promises are rejected with, as `error`, `close`, `end` and `exit` are. A request of `http` whose
 * answer is waited for like that is ended on the wire.
 *
 * It is seen by whoever calls `require`, or imports a module as a whole and calls its functions; not by functions that a
 * module has taken out before. ES modules that import functions by name never see it, save with `options.esm`.
 *
 * @returns What was replaced, and takes it back.
 *
 * @example
 * ```ts
 * import { sleep, spawn } from "@gevent/deno";
 * import { patchNode } from "@gevent/deno/monkey";
 * import events from "node:events";
 *
 * using _patch = patchNode();
 * const emitter = new events();
 * const g = spawn(() => events.once(emitter, "never"));
 * await sleep(1);
 * await g.kill();
 * console.assert(g.dead && emitter.listenerCount("never") === 0);
 * ```
 */
export function patchNode(options: PatchNodeOptions = {}): Patches {
  const patcher = new Patcher("node", options);
  patchEvents(patcher);
  patchNodeStreams(patcher);
  patchNodeTimers(patcher);
  patchNodeDns(patcher);
  patchNodeFs(patcher);
  patchNodeProcesses(patcher);
  patchNodeReadline(patcher);
  patchPromisify(patcher);
  const early = patcher.patches.names.length === 0 ? [] : loadedPackages();
  if (early.length > 0) {
    patcher.warn(
      `Packages that were loaded before node's modules were patched keep the functions they took from them: ${
        early.join(", ")
      }`,
    );
  }
  if (options.esm === true) patcher.change("node:module hooks", () => hookImports(MODULES));
  return patcher.patches;
}

/** The CommonJS packages that have been loaded. ES modules leave no trace. */
function loadedPackages(): string[] {
  const names = new Set<string>();
  for (const path of Object.keys(module.createRequire("file:///").cache)) {
    const match = /\/(?:node_modules|npm\/[^/]+)\/((?:@[^/]+\/)?[^/]+)\//.exec(
      path.replaceAll("\\", "/"),
    );
    if (match !== null) names.add(match[1]!);
  }
  return [...names].sort();
}
