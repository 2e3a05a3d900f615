/**
 * The watchers of the event loop: what can happen, and whom to call then. They are small, share their base class and are
 * read together, hence one file.
 *
 * @module
 */

import { requireFunction, requireNumber, requirePositive } from "./arguments.ts";
import { hub } from "./scheduler.ts";
import type { Timer } from "./timer_heap.ts";

/** What a watcher tells its loop. */
export interface LoopHooks {
  /** A watcher that counts has become active, or has ceased to be. */
  count(change: 1 | -1): void;
  /** A watcher has called its function. */
  called(): void;
}

/**
 * Something that calls a function when it happens: the base of the watchers of a {@link Loop}.
 *
 * @example
 * ```ts
 * import { Loop, type Watcher } from "@gevent/deno";
 *
 * const watcher: Watcher = new Loop().timer(60_000);
 * watcher.start(() => {});
 * console.assert(watcher.active);
 * watcher.close();
 * ```
 */
export abstract class Watcher implements Disposable {
  readonly #hooks: LoopHooks;
  #call: (() => unknown) | undefined;
  #ref = true;
  #closed = false;

  /** Made by the methods of {@link Loop}. */
  constructor(hooks: unknown) {
    this.#hooks = hooks as LoopHooks;
  }

  /** Whether it has been started and not stopped. */
  get active(): boolean {
    return this.#call !== undefined;
  }

  /** Whether {@link Loop.run} waits for it, and the process lives on for its timer if it has one; default `true`. */
  get ref(): boolean {
    return this.#ref;
  }

  set ref(ref: boolean) {
    if (typeof ref !== "boolean") {
      throw new TypeError(
        `Cannot tell whether a watcher counts as 'ref' must be true or false: received ${
          Deno.inspect(ref)
        }`,
      );
    }
    if (ref === this.#ref) return;
    this.#ref = ref;
    if (!this.active) return;
    this.#hooks.count(ref ? 1 : -1);
    this.counted();
  }

  /**
   * Has a function called, with these arguments, when it happens. Starting again replaces the function. It is called in the
   * hub, where it cannot block; an error is reported to the hub. Nobody waits for an `async` function, whose error is
   * reported as well: one that has to block is better given to `spawn` by the function.
   *
   * @throws {TypeError} When `fn` is not a function, or the watcher was closed.
   */
  start<A extends unknown[]>(fn: (...args: A) => unknown, ...args: A): void {
    requireFunction(fn, "fn");
    if (this.#closed) throw new TypeError("Cannot start a watcher that was closed");
    const wasActive = this.active;
    if (!wasActive) this.begin(); // which may throw
    this.#call = () => fn(...args);
    if (!wasActive && this.#ref) this.#hooks.count(1);
  }

  /** Stops it; it can be started again. */
  stop(): void {
    if (!this.active) return;
    this.#call = undefined;
    this.end();
    if (this.#ref) this.#hooks.count(-1);
  }

  /** Stops it for good. */
  close(): void {
    this.stop();
    this.#closed = true;
  }

  /** Calls the function as if it had happened: gevent's `feed`. */
  feed(): void {
    const call = this.#call;
    if (call === undefined) return;
    hub.runCallback(call);
    this.#hooks.called();
  }

  /** Calls the function for the last time. It is no longer active by then, so that the function can start it anew. */
  protected feedLast(): void {
    const call = this.#call;
    if (call === undefined) return;
    const counted = this.#ref;
    this.#call = undefined;
    hub.runCallback(call);
    if (counted) this.#hooks.count(-1);
    this.#hooks.called();
  }

  /** The end of a `using` block: {@link Watcher.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Called when it is to count, or no longer, while it is active. */
  protected counted(): void {}

  /** Begins to watch. */
  protected abstract begin(): void;

  /** Ends watching. */
  protected abstract end(): void;
}

/**
 * Watches the time; see `Loop.timer`.
 *
 * @example
 * ```ts
 * import { Loop, type TimerWatcher } from "@gevent/deno";
 *
 * const loop = new Loop();
 * const timer: TimerWatcher = loop.timer(1);
 * timer.start(() => {});
 * await loop.run();
 * console.assert(!timer.active);
 * ```
 */
export class TimerWatcher extends Watcher {
  readonly #after: number;
  readonly #repeat: number;
  #timer: Timer | undefined;
  #due = 0;

  /** Made by `Loop.timer`. */
  constructor(hooks: unknown, after: number, repeat: number) {
    super(hooks);
    requireNumber(after, "after");
    if (typeof repeat !== "number" || !(repeat >= 0)) {
      throw new RangeError(
        `Cannot create a timer as 'repeat' must be a number and not negative: received ${
          Deno.inspect(repeat)
        }`,
      );
    }
    this.#after = after;
    this.#repeat = repeat;
  }

  /**
   * Starts the repeating over: the next call comes in `repeat` ms. Without a `repeat` there is nothing to start: it is stopped,
   * as by libev, without a call.
   *
   * @throws {TypeError} When `fn` is not a function, or the watcher was closed.
   */
  again<A extends unknown[]>(fn: (...args: A) => unknown, ...args: A): void {
    this.start(fn, ...args);
    if (this.#repeat === 0) return this.stop();
    this.end();
    this.#due = hub.clock.now() + this.#repeat;
    this.#arm();
  }

  /** Begins to watch. */
  protected override begin(): void {
    this.#due = hub.clock.now() + Math.max(this.#after, 0);
    this.#arm();
  }

  /** Ends watching. */
  protected override end(): void {
    if (this.#timer !== undefined) hub.removeTimer(this.#timer);
    this.#timer = undefined;
  }

  /** Makes the timer count as this does. */
  protected override counted(): void {
    this.#timer = withRef(this.#timer!, this.ref);
  }

  #arm(): void {
    const fire = (): void => this.#fire();
    this.#timer = hub.addTimer(this.#due - hub.clock.now(), { fire }, 0, this.ref);
  }

  #fire(): void {
    this.#timer = undefined;
    if (this.#repeat > 0) {
      // From the time it was due, not from now, so that it does not drift; but without making up for lost calls.
      this.#due = Math.max(this.#due + this.#repeat, hub.clock.now());
      this.#arm();
      this.feed();
    } else {
      this.feedLast();
    }
  }
}

/** Watches for the hub's next turn, once; see `Loop.callback`. */
export class CallbackWatcher extends Watcher {
  #round: object | undefined;

  /** Begins to watch. */
  protected override begin(): void {
    const round = this.#round = {};
    hub.enqueueCallback(() => {
      if (this.#round === round) this.feedLast();
    });
  }

  /** Ends watching. */
  protected override end(): void {
    this.#round = undefined;
  }
}

/**
 * Watches for its own {@link AsyncWatcher.send}; see `Loop.async`.
 *
 * @example
 * ```ts
 * import { Loop } from "@gevent/deno";
 *
 * const loop = new Loop();
 * const watcher = loop.async();
 * watcher.start(() => watcher.stop());
 * watcher.send();
 * await loop.run();
 * ```
 */
export class AsyncWatcher extends Watcher {
  /** What was sent; another one after it was stopped and started again. */
  #sent: object | undefined;

  /** Has the function called in the hub's next turn; several calls before that count as one. */
  send(): void {
    if (this.#sent !== undefined || !this.active) return;
    const sent = this.#sent = {};
    hub.enqueueCallback(() => {
      if (this.#sent !== sent) return;
      this.#sent = undefined;
      this.feed();
    });
  }

  /** Whether it was sent and has not been called yet. */
  get pending(): boolean {
    return this.#sent !== undefined;
  }

  /** Begins to watch. */
  protected override begin(): void {}

  /** Ends watching. */
  protected override end(): void {
    this.#sent = undefined;
  }
}

/**
 * Watches for nothing to do; see `Loop.idle`.
 *
 * @example
 * ```ts
 * import { Loop } from "@gevent/deno";
 *
 * const loop = new Loop();
 * const idle = loop.idle();
 * idle.start(() => idle.stop());
 * await loop.run();
 * ```
 */
export class IdleWatcher extends Watcher {
  #round: object | undefined;

  /** Begins to watch. */
  protected override begin(): void {
    const round = this.#round = {};
    void this.#watch(round);
  }

  /** Ends watching. */
  protected override end(): void {
    this.#round = undefined;
  }

  async #watch(round: object): Promise<void> {
    while (this.#round === round) {
      await hub.turn();
      if (hub.queued === 0) hub.enqueueCallback(() => this.#round === round && this.feed());
    }
  }
}

/**
 * Watches for a signal; see `Loop.signal`.
 *
 * @example
 * ```ts
 * import { Loop } from "@gevent/deno";
 *
 * using watcher = new Loop().signal("SIGUSR2");
 * watcher.start(() => {});
 * console.assert(watcher.active);
 * ```
 */
export class SignalWatcher extends Watcher {
  /** The signal it watches for. */
  readonly signal: Deno.Signal;
  // By way of the hub, as the runtime calls it in the context of whoever listened first.
  readonly #listener = (): void => hub.enqueueCallback(() => this.feed());

  /** Made by `Loop.signal`. */
  constructor(hooks: unknown, signal: Deno.Signal) {
    super(hooks);
    this.signal = signal;
  }

  /** Begins to watch. */
  protected override begin(): void {
    Deno.addSignalListener(this.signal, this.#listener);
  }

  /** Ends watching. */
  protected override end(): void {
    Deno.removeSignalListener(this.signal, this.#listener);
  }
}

/**
 * Watches a file; see `Loop.stat`.
 *
 * @example
 * ```ts
 * import { Loop } from "@gevent/deno";
 *
 * using watcher = new Loop().stat("deno.json", 60_000);
 * watcher.start(() => {});
 * console.assert(watcher.path === "deno.json");
 * ```
 */
export class StatWatcher extends Watcher {
  /** The file it watches. */
  readonly path: string | URL;
  /** How often it looks, in ms. */
  readonly interval: number;
  #attr: Deno.FileInfo | null | undefined;
  #prev: Deno.FileInfo | null | undefined;
  #timer: Timer | undefined;

  /** Made by `Loop.stat`. */
  constructor(hooks: unknown, path: string | URL, interval: number) {
    super(hooks);
    if (typeof path !== "string" && !(path instanceof URL)) {
      throw new TypeError(
        `Cannot watch a file as 'path' must be a string or a URL: received ${Deno.inspect(path)}`,
      );
    }
    requirePositive(interval, "interval");
    this.path = path;
    this.interval = interval;
  }

  /** What is known of the file now; `null` when it does not exist, `undefined` before the first look. */
  get attr(): Deno.FileInfo | null | undefined {
    return this.#attr;
  }

  /** What was known of the file before it changed. */
  get prev(): Deno.FileInfo | null | undefined {
    return this.#prev;
  }

  /** Begins to watch. */
  protected override begin(): void {
    this.#attr = look(this.path);
    this.#arm();
  }

  /** Ends watching. */
  protected override end(): void {
    if (this.#timer !== undefined) hub.removeTimer(this.#timer);
    this.#timer = undefined;
  }

  /** Makes the timer count as this does. */
  protected override counted(): void {
    this.#timer = withRef(this.#timer!, this.ref);
  }

  #arm(): void {
    this.#timer = hub.addTimer(this.interval, { fire: () => this.#fire() }, 0, this.ref);
  }

  #fire(): void {
    this.#arm();
    const attr = look(this.path);
    if (signature(attr) === signature(this.#attr)) return;
    this.#prev = this.#attr;
    this.#attr = attr;
    this.feed();
  }
}

/** The same timer, due when it was, that counts or does not. */
function withRef(timer: Timer, ref: boolean): Timer {
  hub.removeTimer(timer);
  return hub.addTimer(timer.deadline - hub.clock.now(), timer.target, timer.priority, ref);
}

function look(path: string | URL): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

function signature(info: Deno.FileInfo | null | undefined): string {
  return info ? `${info.size} ${info.mtime?.getTime()} ${info.ino} ${info.mode}` : String(info);
}
