/**
 * Writing log lines to stderr together.
 *
 * Writing each line by itself costs a server two thirds of its rate.
 *
 * @module
 */

import { hub } from "../core/scheduler.ts";
import type { Timer, TimerTarget } from "../core/timer_heap.ts";

/** How long, in ms, a line waits for others. */
const PAUSE = 10;
/** How many characters are collected at most before they are written. */
const MOST = 65536;

/** Lines on their way to stderr. */
class LogBuffer implements TimerTarget {
  #lines: string[] = [];
  #size = 0;
  #timer: Timer | undefined;
  #listening = false;

  /** Writes a line, soon. */
  add(line: string): void {
    if (!this.#listening) this.#listen();
    this.#lines.push(line);
    this.#size += line.length;
    if (this.#size >= MOST) this.flush();
    else this.#timer ??= hub.addTimer(PAUSE, this);
  }

  /** Writes what there is, now. */
  flush(): void {
    if (this.#timer !== undefined) hub.removeTimer(this.#timer);
    this.#timer = undefined;
    if (this.#lines.length === 0) return;
    const text = this.#lines.join("\n");
    this.#lines = [];
    this.#size = 0;
    console.error(text);
  }

  /** The pause is over. */
  fire(): void {
    this.flush();
  }

  /** The process ends after one of these events, or goes on. Only a signal that nobody handles comes without any. */
  #listen(): void {
    this.#listening = true;
    for (const event of ["unload", "error", "unhandledrejection"]) {
      addEventListener(event, () => this.flush());
    }
  }
}

/** One for all servers, so that their lines stay in order. */
export const stderrLog: LogBuffer = new LogBuffer();
