/**
 * What is measured of `core/`.
 *
 * @module
 */

import type { Park, Workload } from "./contestant.ts";

/** How many tasks the pools of the pool workloads run at a time. */
export const POOL_SIZE = 10;

/** How many tasks a task group has. */
export const GROUP_SIZE = 10;

/** The time limit of calls that never reach it, in ms. */
export const LIMIT = 60_000;

/** The workloads of one library; one that it has no counterpart for is left out. */
export interface CoreContestant {
  /** Two tasks give way to each other in turn. An operation is one switch. */
  readonly switch?: Workload;
  /** Tasks that only return a number are started, then all are joined. An operation is one task. */
  readonly spawn?: Workload;
  /** The same with tasks that give way once, so that all are alive at a time. */
  readonly spawnWaiting?: Workload;
  /** Two tasks send a number back and forth through two queues. An operation is one hand-over. */
  readonly queue?: Workload;
  /** Timers are started while all earlier ones are pending, then cancelled. An operation is one timer. */
  readonly timer?: Workload;
  /** The same with the timeouts that programs use. */
  readonly timeout?: Workload;
  /** One timeout after the other is started and cancelled while as many others are pending. An operation is one of them. */
  readonly busyTimeout?: Workload;
  /** A function that gives way once is called with a time limit. An operation is one call. */
  readonly withTimeout?: Workload;
  /** A task counts in a variable of its own. An operation reads and writes it. */
  readonly local?: Workload;
  /** Tasks set a variable of their own, give way and read it. An operation is one task. */
  readonly localTasks?: Workload;
  /** A function that gives way once is called for each item, by at most {@link POOL_SIZE} tasks. An operation is one item. */
  readonly poolMap?: Workload;
  /** The same with one result after the other, in the order of the items. */
  readonly poolImap?: Workload;
  /** The same with one result after the other, in the order in which the calls end. */
  readonly poolImapUnordered?: Workload;
  /** {@link GROUP_SIZE} tasks that give way once are started and awaited as a unit. An operation is one task. */
  readonly taskGroup?: Workload;
  /** See {@link Park}. */
  readonly park?: Park;
}
