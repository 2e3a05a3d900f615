/**
 * What the contestants of the comparisons of workloads have in common.
 *
 * @module
 */

/** What may leave out the beginning and the end of a workload; without a call, all of it counts. */
export interface Stopwatch {
  /** The preparations are over. */
  start(): void;
  /** What follows only clears up. */
  stop(): void;
}

/**
 * Does so many operations of one kind and returns how many it really did, counted where their results arrive, so that
 * nobody wins by doing less. The number is a multiple of {@link UNIT}.
 */
export type Workload = (operations: number, watch: Stopwatch) => number | Promise<number>;

/** Starts tasks that wait for one event, and returns once all do; what it returns lets them go. */
export type Park = (tasks: number) => Promise<() => void | Promise<void>>;

/** Workloads may deal their operations out to two, ten or a hundred tasks. */
export const UNIT = 100;

/** The numbers from 0 to `count - 1`. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}

/** When the timers of a workload are due, in ms: far off, and not in the order in which they are started. */
export function timerDelay(index: number): number {
  return 60_000 + shuffled(index);
}

/** Numbers below 10 007 that are not in order. */
export function shuffled(index: number): number {
  return (index * 7919) % 10_007;
}
