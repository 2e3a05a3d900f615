/**
 * The core: greenlets, the hub that schedules them, timeouts, groups and pools.
 *
 * @example
 * ```ts
 * import { joinAll, sleep, spawn, withTimeout } from "@gevent/deno/core";
 *
 * const workers = [1, 2, 3].map((n) =>
 *   spawn(async () => {
 *     await sleep(n);
 *     return n * n;
 *   })
 * );
 * await withTimeout(1000, () => joinAll(workers));
 * console.assert(workers.map((w) => w.value).join() === "1,4,9");
 * ```
 *
 * @module
 */

export { assertSwitches, type AssertSwitchesOptions, FailedToSwitch } from "./assert_switches.ts";
export {
  BlockingMonitor,
  type BlockingMonitorOptions,
  type BlockingReport,
} from "./blocking_monitor.ts";
export type { Clock } from "./clock.ts";
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
} from "./errors.ts";
export { green, type GreenCall, type GreenOptions, ungreen } from "./green.ts";
export {
  type GetOptions,
  Greenlet,
  type GreenletClass,
  type KillOptions,
  type LinkTarget,
} from "./greenlet.ts";
export { Group, type GroupJoinOptions, type GroupOptions } from "./group.ts";
export { getHub, type Hub, type HubStats } from "./hub.ts";
export type { ImapOptions, Items } from "./imap.ts";
export { type FormatOptions, formatRunInfo, GreenletTree, printRunInfo } from "./inspect.ts";
export { joinAll, type JoinAllOptions, killAll } from "./join.ts";
export type { Linkable } from "./links.ts";
export { Local, local } from "./local.ts";
export { Loop, type LoopRunOptions } from "./loop.ts";
export { main } from "./main.ts";
export { MemoryMonitor, type MemoryMonitorOptions, type MemoryReport } from "./memory_monitor.ts";
export { Pool, type PoolAddOptions } from "./pool.ts";
export { RawGreenlet } from "./raw_greenlet.ts";
export { shield } from "./shield.ts";
export { onSignal, shutdown, type SignalHandler } from "./signal.ts";
export { idle, sleep, type SleepOptions } from "./sleep.ts";
export { getCurrent, kill, spawn, spawnLater } from "./spawn.ts";
export { suspend, type WaitOptions } from "./suspend.ts";
export { TaskGroup, TaskGroupCancelled } from "./task_group.ts";
export { Timeout, type TimeoutException, withTimeout, type WithTimeoutOptions } from "./timeout.ts";
export { type Trace, trace, type TraceEvent } from "./trace.ts";
export { each, until, type UntilOptions } from "./until.ts";
export { iwait, wait, type WaitForOptions } from "./wait_for.ts";
export type { Waiter, WaitKind } from "./waiter.ts";
export {
  AsyncWatcher,
  IdleWatcher,
  SignalWatcher,
  StatWatcher,
  TimerWatcher,
  Watcher,
} from "./watcher.ts";
