/**
 * Monkey patching: makes code that has never heard of greenlets cooperate.
 *
 * @example
 * ```ts
 * import { sleep, spawn } from "@gevent/deno";
 * import { patchClass } from "@gevent/deno/monkey";
 *
 * class Client {
 *   get(): Promise<string> {
 *     return new Promise(() => {});
 *   }
 * }
 *
 * using _patch = patchClass(Client);
 * const g = spawn(() => new Client().get());
 * await sleep(1);
 * await g.kill();
 * console.assert(g.dead);
 * ```
 *
 * @module
 */

export { patchAll, type PatchAllOptions } from "./patch_all.ts";
export { greenAbortable, type GreenAbortableOptions } from "./green_abortable.ts";
export { greenIoredis } from "./green_ioredis.ts";
export { greenMysql2 } from "./green_mysql2.ts";
export { greenNats } from "./green_nats.ts";
export { greenNodeRedis } from "./green_node_redis.ts";
export { greenPg } from "./green_pg.ts";
export { greenPostgres } from "./green_postgres.ts";
export { patchAwaits, type PatchAwaitsOptions } from "./patch_awaits.ts";
export { patchClass, type PatchClassOptions } from "./patch_class.ts";
export { patchConnect } from "./patch_connect.ts";
export { patchDatagram } from "./patch_datagram.ts";
export { patchDns } from "./patch_dns.ts";
export { patchFetch } from "./patch_fetch.ts";
export { patchFs } from "./patch_fs.ts";
export { patchListen } from "./patch_listen.ts";
export { patchNode, type PatchNodeOptions } from "./patch_node.ts";
export { patchProcess } from "./patch_process.ts";
export { patchServe } from "./patch_serve.ts";
export { patchStreams } from "./patch_streams.ts";
export { patchTimers } from "./patch_timers.ts";
export { patchTls } from "./patch_tls.ts";
export { patchWebSocket } from "./patch_web_socket.ts";
export { getOriginal, isPatched, Patches, type PatchOptions, unpatch } from "./registry.ts";
