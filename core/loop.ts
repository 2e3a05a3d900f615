/**
 * The event loop as gevent's `core.loop` shows it: watchers that call functions.
 *
 * Greenlets do not need it. It is for code that is written for callbacks, and for building things like a hub of one's own.
 *
 * @module
 */

import { hub } from "./scheduler.ts";
import { countDown, parkWait, requireWaitOptions, type WaitOptions } from "./suspend.ts";
import { WaitQueue } from "./wait_queue.ts";
import type { WaitKind } from "./waiter.ts";
import {
  AsyncWatcher,
  CallbackWatcher,
  IdleWatcher,
  type LoopHooks,
  SignalWatcher,
  StatWatcher,
  TimerWatcher,
  type Watcher,
} from "./watcher.ts";

const RUN: WaitKind<boolean> = { name: "Loop.run", expired: (waiter) => void waiter.resume(false) };

/**
 * What `Loop.run` takes.
 *
 * @example
 * ```ts
 * import { Loop, type LoopRunOptions } from "@gevent/deno";
 *
 * const options: LoopRunOptions = { timeout: 1000 };
 * console.assert(await new Loop().run(options));
 * ```
 */
export interface LoopRunOptions extends WaitOptions {
  /** Return after the first callback. */
  readonly once?: boolean;
}

/**
 * A set of watchers, which call functions when something happens: gevent's `core.loop`.
 *
 * Watchers work whether or not somebody waits in {@link Loop.run}; that waits until no watcher is active that counts
 * (see {@link Watcher.ref}). Callbacks are called by the hub and cannot block.
 *
 * @example
 * ```ts
 * import { Loop } from "@gevent/deno";
 *
 * const loop = new Loop();
 * const timer = loop.timer(1, 1); // after 1 ms, then every 1 ms
 * let ticks = 0;
 * timer.start(() => {
 *   if (++ticks === 3) timer.stop();
 * });
 * await loop.run();
 * console.assert(ticks === 3);
 * ```
 */
export class Loop {
  readonly #runners: WaitQueue<boolean> = new WaitQueue();
  /** Those who run it once. */
  readonly #onceRunners: WaitQueue<boolean> = new WaitQueue();
  #active = 0;

  /** Milliseconds on the hub's clock. */
  now(): number {
    return hub.clock.now();
  }

  /** How many watchers are active that keep {@link Loop.run} waiting. */
  get activeCount(): number {
    return this.#active;
  }

  /**
   * Calls back after `after` ms, and every `repeat` ms from then on unless that is 0.
   *
   * @throws {RangeError} When `repeat` is negative.
   */
  timer(after: number, repeat = 0): TimerWatcher {
    return new TimerWatcher(this.#hooks(), after, repeat);
  }

  /** Calls back in the hub's next turn, once: gevent's `run_callback`. */
  callback<A extends unknown[]>(fn: (...args: A) => unknown, ...args: A): Watcher {
    const watcher = new CallbackWatcher(this.#hooks());
    watcher.start(fn, ...args);
    return watcher;
  }

  /** Calls back each time its `send` is called. */
  async(): AsyncWatcher {
    return new AsyncWatcher(this.#hooks());
  }

  /** Calls back again and again while there is nothing else to do. */
  idle(): IdleWatcher {
    return new IdleWatcher(this.#hooks());
  }

  /** Calls back each time the process gets a signal; starting it throws a `TypeError` for one that does not exist. */
  signal(signal: Deno.Signal): SignalWatcher {
    return new SignalWatcher(this.#hooks(), signal);
  }

  /**
   * Calls back when a file has changed, looked at every `interval` ms (default 1000); needs `--allow-read`.
   */
  stat(path: string | URL, interval = 1000): StatWatcher {
    return new StatWatcher(this.#hooks(), path, interval);
  }

  /**
   * Waits until no watcher is active that counts, and returns `true`; `false` after its own timeout, or when
   * {@link Loop.break} was called.
   */
  async run(options: LoopRunOptions = {}): Promise<boolean> {
    requireWaitOptions(options);
    const runners = options.once ? this.#onceRunners : this.#runners;
    using remaining = countDown(options.timeout);
    for (;;) {
      const isOver = await parkWait<boolean>(
        (wait) => {
          runners.add(wait);
          if (this.#active === 0) runners.resumeAll(true);
        },
        { timeout: remaining(), signal: options.signal },
        RUN,
      );
      // The last callback may have woken somebody who has started another watcher by now.
      if (!isOver || this.#active === 0) return isOver;
    }
  }

  /** Makes {@link Loop.run} return now; watchers stay active. gevent's `break_`. */
  break(): void {
    this.#resumeAll(false);
  }

  #hooks(): LoopHooks {
    return {
      count: (change) => {
        this.#active += change;
        if (this.#active === 0) this.#resumeAll(true);
      },
      called: () => void this.#onceRunners.resumeAll(this.#active === 0),
    };
  }

  #resumeAll(isOver: boolean): void {
    this.#runners.resumeAll(isOver);
    this.#onceRunners.resumeAll(isOver);
  }
}
