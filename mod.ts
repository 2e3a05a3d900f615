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
  assertSwitches,
  type AssertSwitchesOptions,
  FailedToSwitch,
} from "./core/assert_switches.ts";
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
export { green, type GreenCall, type GreenOptions, ungreen } from "./core/green.ts";
export {
  type GetOptions,
  Greenlet,
  type GreenletClass,
  type KillOptions,
  type LinkTarget,
} from "./core/greenlet.ts";
export { Group, type GroupJoinOptions, type GroupOptions } from "./core/group.ts";
export { getHub, type Hub, type HubStats } from "./core/hub.ts";
export type { ImapOptions, Items } from "./core/imap.ts";
export { type FormatOptions, formatRunInfo, GreenletTree, printRunInfo } from "./core/inspect.ts";
export { joinAll, type JoinAllOptions, killAll } from "./core/join.ts";
export type { Linkable } from "./core/links.ts";
export { Local, local } from "./core/local.ts";
export { Loop, type LoopRunOptions } from "./core/loop.ts";
export { main } from "./core/main.ts";
export {
  MemoryMonitor,
  type MemoryMonitorOptions,
  type MemoryReport,
} from "./core/memory_monitor.ts";
export { Pool, type PoolAddOptions } from "./core/pool.ts";
export { RawGreenlet } from "./core/raw_greenlet.ts";
export { shield } from "./core/shield.ts";
export { onSignal, shutdown, type SignalHandler } from "./core/signal.ts";
export { idle, sleep, type SleepOptions } from "./core/sleep.ts";
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
export type { ItemStore } from "./sync/item_store.ts";
export { Lock } from "./sync/lock.ts";
export { LifoQueue } from "./sync/lifo_queue.ts";
export { PriorityQueue, type PriorityQueueOptions } from "./sync/priority_queue.ts";
export { type JoinableQueueOptions, Queue } from "./sync/queue.ts";
export { RLock } from "./sync/rlock.ts";
export {
  type AcquireOptions,
  BoundedSemaphore,
  DummySemaphore,
  Semaphore,
} from "./sync/semaphore.ts";
export {
  type QueueOptions,
  type QueueWaitOptions,
  SimpleQueue,
  StopIteration,
} from "./sync/simple_queue.ts";
export { type Address, formatAddress, parseAddress, type ParsedAddress } from "./net/address.ts";
export { type BackdoorOptions, BackdoorServer } from "./net/backdoor_server.ts";
export { BaseServer, type BaseServerOptions, type StopOptions } from "./net/base_server.ts";
export { connect, type ConnectOptions } from "./net/connect.ts";
export {
  type DatagramHandler,
  DatagramServer,
  type DatagramServerOptions,
} from "./net/datagram_server.ts";
export {
  type DatagramConnectOptions,
  type DatagramOptions,
  DatagramSocket,
} from "./net/datagram_socket.ts";
export type {
  Datagram,
  DatagramControls,
  DatagramDemand,
  DatagramTransport,
} from "./net/datagram_transport.ts";
export { lookup, resolve } from "./net/dns.ts";
export type { DnsRecords, HostAddress, NameServer, RecordsAnswer } from "./net/dns_records.ts";
export { Poller, type PollEvents, type PollResult } from "./net/poller.ts";
export type { Readiness, Selectable } from "./net/readiness.ts";
export {
  type LookupOptions,
  type ResolveOptions,
  Resolver,
  type ResolverOptions,
} from "./net/resolver.ts";
export { select, waitRead, waitWrite } from "./net/select.ts";
export {
  type ReadLineOptions,
  type SendFileOptions,
  Socket,
  type Transport,
} from "./net/socket.ts";
export { socketPair } from "./net/socket_pair.ts";
export { type StreamHandler, StreamServer, type StreamServerOptions } from "./net/stream_server.ts";
export {
  acceptTls,
  startTls,
  type TlsCertificate,
  type TlsClientOptions,
  type TlsServerOptions,
} from "./net/tls.ts";
export { type PeerCertificate, type TlsEngine, type TlsInfo } from "./net/tls_info.ts";
export { type AccessLogEntry, formatAccessLog } from "./http/access_log.ts";
export type { HttpApp, HttpErrorHandler, HttpInfo } from "./http/app.ts";
export { type BodyChunk, type HttpResult, streamed, type StreamedBody } from "./http/body.ts";
export { connectWebSocket, type ConnectWebSocketOptions } from "./http/connect_websocket.ts";
export { HttpError, WebSocketError } from "./http/errors.ts";
export { eventStream, type EventStreamOptions, type ServerSentEvent } from "./http/event_stream.ts";
export type { ConnectionState, GuardOptions, HttpConnection } from "./http/guard.ts";
export { type BodyOptions, readBytes, readJson, readText } from "./http/request_body.ts";
export type { RequestLimits } from "./http/request_limits.ts";
export { HttpServer, type HttpServerOptions } from "./http/server.ts";
export {
  upgradeWebSocket,
  type WebSocketHandler,
  type WebSocketOptions,
} from "./http/upgrade_websocket.ts";
export { WebSocketConnection, type WebSocketMessage } from "./http/websocket.ts";
export type { WebSocketLimits } from "./http/websocket_limits.ts";
