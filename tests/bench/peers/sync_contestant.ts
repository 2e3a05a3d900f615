/**
 * What is measured of `sync/`.
 *
 * @module
 */

import type { Workload } from "./contestant.ts";

/** How many items a queue with a limit holds. */
export const QUEUE_SIZE = 100;

/** How many tasks want a permit or a lock that others hold. */
export const RIVALS = 100;

/** How many permits a semaphore has. */
export const PERMITS = 10;

/** The workloads of one library; one that it has no counterpart for is left out. */
export interface SyncContestant {
  /** Two tasks wake each other through two events, which they clear again. An operation is one wake-up. */
  readonly event?: Workload;
  /** All tasks wait for one event, which is set. An operation is one task that is woken; starting them does not count. */
  readonly eventWaiters?: Workload;
  /** Two tasks send each other results, each through an object of its own. An operation is one result. */
  readonly asyncResult?: Workload;
  /** A task takes a permit and gives it back; there always is one. An operation is both. */
  readonly semaphore?: Workload;
  /** {@link RIVALS} tasks share {@link PERMITS} permits, and give way while they hold one. */
  readonly semaphoreContended?: Workload;
  /** A task takes a lock and gives it back. An operation is both. */
  readonly lock?: Workload;
  /** {@link RIVALS} tasks share a lock, and give way while they hold it. */
  readonly lockContended?: Workload;
  /** One task fills a queue that holds all, then another one empties it. An operation is one item, as in those below. */
  readonly unboundedQueue?: Workload;
  /** One task puts, another one gets, through the simplest queue, which has no limit. */
  readonly simpleQueue?: Workload;
  /** The same through the usual queue, with room for {@link QUEUE_SIZE}. */
  readonly boundedQueue?: Workload;
  /** The same through one that gives the newest item first. */
  readonly lifoQueue?: Workload;
  /** The same through one that gives the smallest item first; the items come unsorted. */
  readonly priorityQueue?: Workload;
  /** The same through one that stores nothing: whoever puts waits for the one who gets. */
  readonly channel?: Workload;
  /** One task puts {@link QUEUE_SIZE} items and waits until another one has got and finished them, again and again. */
  readonly joinableQueue?: Workload;
}
