/**
 * A watch over greenlets that do not give way.
 *
 * @module
 */

import { Board } from "./_blocking_board.ts";
import { requireFunction, requireOptions, requirePositive } from "./arguments.ts";
import type { Greenlet } from "./greenlet.ts";
import { hub } from "./scheduler.ts";
import type { Scope } from "./scope.ts";
import { suspend } from "./suspend.ts";
import type { Waiter } from "./waiter.ts";

// Taken at load time: patching the globals later must not make the monitor depend on what it watches.
const { setInterval, clearInterval } = globalThis;

/**
 * That a greenlet has kept the hub from running for too long: gevent's `EventLoopBlocked`.
 *
 * @example
 * ```ts
 * import type { BlockingReport } from "@gevent/deno";
 *
 * const show = (report: BlockingReport) => `${report.name} blocked for ${report.ms} ms`;
 * console.assert(show({ name: "g", ms: 120 }) === "g blocked for 120 ms");
 * ```
 */
export interface BlockingReport {
  /** The name of the greenlet, or `main` for code outside all greenlets. */
  readonly name: string;
  /** For how long nothing else could run, in ms. */
  readonly ms: number;
}

/**
 * What `BlockingMonitor` takes.
 *
 * @example
 * ```ts
 * import type { BlockingMonitorOptions } from "@gevent/deno";
 *
 * const options: BlockingMonitorOptions = { maxBlockingTime: 50 };
 * console.assert(options.maxBlockingTime === 50);
 * ```
 */
export interface BlockingMonitorOptions {
  /** How long a greenlet may keep others from running, in ms, before it is reported; default 100. */
  readonly maxBlockingTime?: number;
  /** Gets the reports, once the hub runs again, and cannot block; by default they are printed to stderr. */
  readonly onBlocked?: (report: BlockingReport) => void;
}

/**
 * Watches, from a thread of its own, for greenlets that block the event loop, and says which one it was and for how long:
 * gevent's monitor thread.
 *
 * A line is printed while the loop is still blocked, so that a program that hangs for good shows where; the report
 * comes when it goes on. Stop it before the program is to end.
 *
 * @example
 * ```ts
 * import { BlockingMonitor, type BlockingReport, sleep, spawn } from "@gevent/deno";
 *
 * const reports: BlockingReport[] = [];
 * const monitor = new BlockingMonitor({ maxBlockingTime: 20, onBlocked: (report) => reports.push(report) });
 * await monitor.start();
 * const hog = spawn(() => {
 *   for (const until = Date.now() + 200; Date.now() < until;);
 * });
 * hog.name = "hog";
 * while (reports.length === 0) await sleep(10);
 * console.assert(reports[0]?.name === "hog");
 * monitor.stop();
 * ```
 */
export class BlockingMonitor implements Disposable {
  readonly #maxBlockingTime: number;
  readonly #onBlocked: (report: BlockingReport) => void;
  #worker: Worker | undefined;
  #beating: ReturnType<typeof setInterval> | undefined;
  #starting: Waiter<void> | undefined;

  /**
   * Makes a monitor that does not watch yet.
   *
   * @throws {RangeError} When `maxBlockingTime` is not positive.
   * @throws {TypeError} When `onBlocked` is not a function.
   */
  constructor(options: BlockingMonitorOptions = {}) {
    requireOptions(options);
    const { maxBlockingTime = 100, onBlocked = print } = options;
    requireFunction(onBlocked, "onBlocked");
    requirePositive(maxBlockingTime, "maxBlockingTime");
    this.#maxBlockingTime = maxBlockingTime;
    this.#onBlocked = onBlocked;
  }

  /**
   * Begins to watch; resolves when the other thread is at it, or when it was stopped before.
   *
   * @throws {TypeError} When a monitor is watching already.
   */
  async start(): Promise<void> {
    if (hub.watchdog !== null) {
      throw new TypeError("Cannot watch for blocking greenlets as somebody does already");
    }
    const board = new Board();
    hub.watchdog = (scope) => board.showRunning(scope === null ? "main" : nameOf(scope));
    board.showRunning("main");
    const period = Math.max(this.#maxBlockingTime / 4, 1);
    this.#beating = setInterval(() => board.beat(), period);
    // `main` may be waiting for everybody to end: the watch is not a reason to go on.
    Deno.unrefTimer(this.#beating);
    const worker = this.#worker = new Worker(new URL("./_blocking_worker.ts", import.meta.url), {
      type: "module",
    });
    try {
      await suspend<void>((waiter) => {
        this.#starting = waiter;
        worker.onmessage = ({ data }: MessageEvent<BlockingReport | "watching">) => {
          if (data === "watching") waiter.resume();
          else hub.runCallback(this.#onBlocked, data);
        };
        worker.onerror = (event) => {
          event.preventDefault();
          const error = event.error ?? new Error(event.message);
          if (!waiter.fail(error)) hub.handleError(this, error);
        };
        worker.postMessage({ buffer: board.buffer, maxBlockingTime: this.#maxBlockingTime });
      });
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /** Ends the watch. */
  stop(): void {
    if (this.#worker === undefined) return;
    this.#worker.terminate();
    this.#worker = undefined;
    clearInterval(this.#beating);
    hub.watchdog = null;
    this.#starting?.resume();
  }

  /** The end of a `using` block: {@link BlockingMonitor.stop}. */
  [Symbol.dispose](): void {
    this.stop();
  }

  /** For messages. */
  toString(): string {
    return "<BlockingMonitor>";
  }
}

function nameOf(scope: object): string {
  return ((scope as Scope).owner as Greenlet).name;
}

function print({ name, ms }: BlockingReport): void {
  console.error(
    `${new Date().toISOString()} ${name} blocked the event loop for ${ms.toFixed(0)} ms`,
  );
}
