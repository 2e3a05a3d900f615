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
export { Actor, type ActorOptions, type Supervision } from "./actor.ts";
export { AsyncResult, type AsyncResultGetOptions } from "./async_result.ts";
export { Barrier, BrokenBarrierError } from "./barrier.ts";
export { Channel } from "./channel.ts";
export { Condition } from "./condition.ts";
export { Event } from "./event.ts";
export type { ItemStore } from "./item_store.ts";
export { Lock } from "./lock.ts";
export { LifoQueue } from "./lifo_queue.ts";
export { PriorityQueue, type PriorityQueueOptions } from "./priority_queue.ts";
export { type JoinableQueueOptions, Queue } from "./queue.ts";
export { RLock } from "./rlock.ts";
export { type AcquireOptions, BoundedSemaphore, DummySemaphore, Semaphore } from "./semaphore.ts";
export {
  type QueueOptions,
  type QueueWaitOptions,
  SimpleQueue,
  StopIteration,
} from "./simple_queue.ts";
