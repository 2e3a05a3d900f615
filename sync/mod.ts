/**
 * Events, results, semaphores, locks, queues and channels between greenlets.
 *
 * @example
 * ```ts
 * import { spawn } from "@gevent/deno/core";
 * import { Queue } from "@gevent/deno/sync";
 *
 * const queue = new Queue<string>();
 * spawn(() => queue.put("hello"));
 * console.assert(await queue.get() === "hello");
 * ```
 *
 * @module
 */

export { Empty, Full, ShutDown } from "../core/errors.ts";
export { AsyncResult, type AsyncResultGetOptions } from "./async_result.ts";
export { Channel } from "./channel.ts";
export { Event } from "./event.ts";
export { Lock } from "./lock.ts";
export { Queue, type QueueOptions, type QueueWaitOptions, StopIteration } from "./queue.ts";
export { type AcquireOptions, BoundedSemaphore, Semaphore } from "./semaphore.ts";
