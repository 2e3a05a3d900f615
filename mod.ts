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

export {
  BlockingMonitor,
  type BlockingMonitorOptions,
  type BlockingReport,
} from "./core/blocking_monitor.ts";
export type { Clock } from "./core/clock.ts";
export {
  BlockingSwitchOutError,
  ConcurrentObjectUseError,
  Empty,
  Full,
  GreenletExit,
  Interrupt,
  LoopExit,
  PoolFull,
  ShutDown,
} from "./core/errors.ts";
export { type GetOptions, Greenlet, type KillOptions, type LinkTarget } from "./core/greenlet.ts";
export { Group, type GroupJoinOptions } from "./core/group.ts";
export { getHub, type Hub, type HubStats } from "./core/hub.ts";
export type { ImapOptions, Items } from "./core/imap.ts";
export { type FormatOptions, formatRunInfo, GreenletTree, printRunInfo } from "./core/inspect.ts";
export { joinAll, type JoinAllOptions, killAll } from "./core/join.ts";
export type { Linkable } from "./core/links.ts";
export { Local, local } from "./core/local.ts";
export { Loop, type LoopRunOptions } from "./core/loop.ts";
export { main } from "./core/main.ts";
export { Pool, type PoolAddOptions } from "./core/pool.ts";
export { RawGreenlet } from "./core/raw_greenlet.ts";
export { shield } from "./core/shield.ts";
export { onSignal, shutdown, type SignalHandler } from "./core/signal.ts";
export { idle, sleep } from "./core/sleep.ts";
export { getCurrent, kill, spawn, spawnLater } from "./core/spawn.ts";
export { suspend, type WaitOptions } from "./core/suspend.ts";
export { TaskGroup, TaskGroupCancelled } from "./core/task_group.ts";
export {
  Timeout,
  type TimeoutException,
  withTimeout,
  type WithTimeoutOptions,
} from "./core/timeout.ts";
export { type Trace, trace, type TraceEvent } from "./core/trace.ts";
export { each, until, type UntilOptions } from "./core/until.ts";
export { iwait, wait, type WaitForOptions } from "./core/wait_for.ts";
export type { Waiter, WaitKind } from "./core/waiter.ts";
export {
  AsyncWatcher,
  IdleWatcher,
  SignalWatcher,
  StatWatcher,
  TimerWatcher,
  Watcher,
} from "./core/watcher.ts";
export { Actor, type ActorOptions, type Supervision } from "./sync/actor.ts";
export { AsyncResult, type AsyncResultGetOptions } from "./sync/async_result.ts";
export { Barrier, BrokenBarrierError } from "./sync/barrier.ts";
export { Channel } from "./sync/channel.ts";
export { Condition } from "./sync/condition.ts";
export { Event } from "./sync/event.ts";
export { Lock } from "./sync/lock.ts";
export { LifoQueue } from "./sync/lifo_queue.ts";
export { PriorityQueue, type PriorityQueueOptions } from "./sync/priority_queue.ts";
export { Queue } from "./sync/queue.ts";
export { RLock } from "./sync/rlock.ts";
export {
  type AcquireOptions,
  BoundedSemaphore,
  DummySemaphore,
  Semaphore,
} from "./sync/semaphore.ts";
export {
  type ItemStore,
  type QueueOptions,
  type QueueWaitOptions,
  SimpleQueue,
  StopIteration,
} from "./sync/simple_queue.ts";
export { type Address, formatAddress, parseAddress, type ParsedAddress } from "./net/address.ts";
export { BaseServer, type BaseServerOptions, type StopOptions } from "./net/base_server.ts";
export { connect, type ConnectOptions, type TlsClientOptions } from "./net/connect.ts";
export { type ReadLineOptions, Socket } from "./net/socket.ts";
export { type StreamHandler, StreamServer, type StreamServerOptions } from "./net/stream_server.ts";
export { type AccessLogEntry, formatAccessLog } from "./http/access_log.ts";
export { type BodyChunk, type HttpResult, streamed, type StreamedBody } from "./http/body.ts";
export { HttpError, WebSocketError } from "./http/errors.ts";
export { type BodyOptions, readBytes, readJson, readText } from "./http/request_body.ts";
export { type HttpApp, type HttpInfo, HttpServer, type HttpServerOptions } from "./http/server.ts";
export {
  upgradeWebSocket,
  WebSocketConnection,
  type WebSocketHandler,
  type WebSocketMessage,
  type WebSocketOptions,
} from "./http/websocket.ts";
