/**
 * A watch over the memory that the program uses.
 *
 * @module
 */

import { requireFunction, requireOptions, requirePositive } from "./arguments.ts";
import { hub } from "./scheduler.ts";
import type { Timer } from "./timer_heap.ts";

/**
 * That the program uses too much memory, or no longer does: gevent's `MemoryUsageThresholdExceeded` and
 * `MemoryUsageUnderThreshold`.
 *
 * @example
 * ```ts
 * import type { MemoryReport } from "@gevent/deno";
 *
 * const show = ({ usage, maxUsage }: MemoryReport) => `${usage} of ${maxUsage} bytes`;
 * console.assert(show({ usage: 600, maxUsage: 500, peak: 700 }) === "600 of 500 bytes");
 * ```
 */
export interface MemoryReport {
  /** How much is used now, in bytes. */
  readonly usage: number;
  /** How much may be used, in bytes. */
  readonly maxUsage: number;
  /** The most that was seen since it became too much, in bytes. */
  readonly peak: number;
}

/**
 * What `MemoryMonitor` takes.
 *
 * @example
 * ```ts
 * import { MemoryMonitor, type MemoryMonitorOptions } from "@gevent/deno";
 *
 * const options: MemoryMonitorOptions = {
 *   maxUsage: 200 * 2 ** 20,
 *   measure: () => Deno.memoryUsage().heapUsed,
 * };
 * console.assert(new MemoryMonitor(options).check() > 0);
 * ```
 */
export interface MemoryMonitorOptions {
  /** How much may be used, in bytes; gevent's `max_memory_usage`. */
  readonly maxUsage: number;
  /** How often to look, in ms; default 5000. gevent's `memory_monitor_period`. */
  readonly period?: number;
  /** Tells how much is used, in bytes; by default the resident set of the whole process, `Deno.memoryUsage().rss`. */
  readonly measure?: () => number;
  /** Called with each look that finds too much, and more than the last one did; prints it to stderr by default. */
  readonly onExceeded?: (report: MemoryReport) => unknown;
  /** Called with the first look that finds no longer too much; prints it to stderr by default. */
  readonly onUnder?: (report: MemoryReport) => unknown;
}

/**
 * Looks now and then how much memory the program uses, and says so when it is too much and still growing, and when it
 * is fine again: the memory part of gevent's monitor thread.
 *
 * Looking is a timer of the hub. It does not keep the process alive, follows the virtual clock, and has to wait while a
 * greenlet blocks the event loop, which `BlockingMonitor` is for. What is called is called in the hub and cannot block:
 * let it `spawn` what has to wait, such as handing work over to another process.
 *
 * @example
 * ```ts
 * import { MemoryMonitor, type MemoryReport, sleep } from "@gevent/deno";
 *
 * const cache = new Map<string, string>([["key", "value"]]);
 * let used = 100; // in earnest, leave `measure` out
 * using monitor = new MemoryMonitor({
 *   maxUsage: 50,
 *   period: 1,
 *   measure: () => used,
 *   onExceeded({ usage }: MemoryReport) {
 *     console.assert(usage === 100);
 *     cache.clear();
 *     used = 10;
 *   },
 *   onUnder: ({ peak }: MemoryReport) => console.assert(peak === 100),
 * });
 * monitor.start();
 * await sleep(20);
 * console.assert(cache.size === 0);
 * ```
 */
export class MemoryMonitor implements Disposable {
  readonly #maxUsage: number;
  readonly #period: number;
  readonly #measure: () => number;
  readonly #onExceeded: (report: MemoryReport) => unknown;
  readonly #onUnder: (report: MemoryReport) => unknown;
  #timer: Timer | undefined;
  /** What the last look has found, if it was too much; else 0. */
  #exceeding = 0;
  #peak = 0;

  /**
   * Makes a monitor that does not look yet.
   *
   * @throws {RangeError} When `maxUsage` or `period` is not a positive number.
   * @throws {TypeError} When one of the functions is none.
   */
  constructor(options: MemoryMonitorOptions) {
    requireOptions(options);
    const given: Partial<MemoryMonitorOptions> = options ?? {};
    const { maxUsage, period = 5000, measure = residentSet } = given;
    const { onExceeded = printExceeded, onUnder = printUnder } = given;
    requirePositive(maxUsage, "maxUsage");
    requirePositive(period, "period");
    requireFunction(measure, "measure");
    requireFunction(onExceeded, "onExceeded");
    requireFunction(onUnder, "onUnder");
    this.#maxUsage = maxUsage as number;
    this.#period = period;
    this.#measure = measure;
    this.#onExceeded = onExceeded;
    this.#onUnder = onUnder;
  }

  /** Begins to look, for the first time in one period. Does nothing when it has begun. */
  start(): void {
    if (this.#timer === undefined) this.#arm();
  }

  /** Ceases to look. It can be started again, and knows what it has found before. */
  stop(): void {
    if (this.#timer !== undefined) hub.removeTimer(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Looks now, calls whom there is to call, and returns how much is used, in bytes. Never blocks.
   *
   * @throws {TypeError} When the function that measures does not return a number.
   */
  check(): number {
    const usage = this.#measure();
    if (typeof usage !== "number" || Number.isNaN(usage)) {
      throw new TypeError(
        `Cannot watch the memory as 'measure' must return a number: received ${
          Deno.inspect(usage)
        }`,
      );
    }
    const before = this.#exceeding;
    this.#peak = Math.max(this.#peak, usage);
    const report: MemoryReport = { usage, maxUsage: this.#maxUsage, peak: this.#peak };
    if (usage > this.#maxUsage) {
      this.#exceeding = usage;
      if (usage > before) hub.runCallback(this.#onExceeded, report);
    } else {
      this.#exceeding = this.#peak = 0;
      if (before > 0) hub.runCallback(this.#onUnder, report);
    }
    return usage;
  }

  /** The end of a `using` block: {@link MemoryMonitor.stop}. */
  [Symbol.dispose](): void {
    this.stop();
  }

  /** For messages. */
  toString(): string {
    return `<MemoryMonitor ${megabytes(this.#maxUsage)}${this.#timer ? " watching" : ""}>`;
  }

  #arm(): void {
    const fire = (): void => {
      this.#arm(); // before anything can fail
      this.check();
    };
    this.#timer = hub.addTimer(this.#period, { fire }, 0, false);
  }
}

function residentSet(): number {
  return Deno.memoryUsage().rss;
}

function printExceeded({ usage, maxUsage }: MemoryReport): void {
  print(`${megabytes(usage)} of memory are used, more than ${megabytes(maxUsage)}`);
}

function printUnder({ usage, peak }: MemoryReport): void {
  print(`${megabytes(usage)} of memory are used again, after ${megabytes(peak)}`);
}

function print(text: string): void {
  console.error(`${new Date().toISOString()} ${text}`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
