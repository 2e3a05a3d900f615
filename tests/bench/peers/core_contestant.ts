/**
 * What the contestants of the core comparison have in common.
 *
 * @module
 */

/** Does so many operations of one kind, one after the other or at once. */
export type Workload = (operations: number) => void | Promise<void>;

/** The workloads of one library; one that a library has no counterpart for is left out. */
export interface Contestant {
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
  /** Starts tasks that wait for one event, and returns once all do; what it returns lets them go. */
  readonly park?: (tasks: number) => Promise<() => void | Promise<void>>;
}

/** The name of a workload that is timed. */
export type TimedWorkload = Exclude<keyof Contestant, "park">;

/** When the timers of the timer workloads are due, in ms: far off, and not in the order in which they are started. */
export function timerDelay(index: number): number {
  return 60_000 + (index * 7919) % 10_007;
}
