/**
 * gevent for Deno: greenlets that can be killed, timed out, joined, pooled and inspected wherever they wait, with the
 * queues, locks and servers that go with them.
 *
 * @example
 * ```ts
 * import { joinAll, sleep, spawn } from "@gevent/deno";
 *
 * const g = spawn(async () => {
 *   try {
 *     await sleep(60_000);
 *   } finally {
 *     console.assert(true, "clean-up runs, whatever ends the greenlet");
 *   }
 * });
 * await sleep(1);
 * await g.kill();
 * await joinAll([g]);
 * ```
 *
 * @module
 */

export * from "./core/mod.ts";
export * from "./sync/mod.ts";
export * from "./net/mod.ts";
export * from "./http/mod.ts";
