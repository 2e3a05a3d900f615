/**
 * Limits in time for any stretch of code.
 *
 * @module
 */

import { requireFunction, requireOptions } from "./arguments.ts";
import { Interrupt } from "./errors.ts";
import { hub } from "./scheduler.ts";
import { currentScope, mainScope, Scope, scopeOfCaller } from "./scope.ts";
import type { Timer } from "./timer_heap.ts";

/** Before ordinary timers that are due at the same time: what just made it in time did not. */
const TIMEOUT_PRIORITY = -1;

/**
 * What a timeout raises instead of itself: an error, a class to make one of, or a text for its own message.
 *
 * @example
 * ```ts
 * import { Timeout, type TimeoutException } from "@gevent/deno";
 *
 * class TooSlow extends Error {}
 * const exception: TimeoutException = TooSlow;
 * console.assert(new Timeout(10, exception).raised instanceof TooSlow);
 * ```
 */
export type TimeoutException = Error | (new () => Error) | string | null;

/** A call that a timeout object was given to. */
export interface LimitedCall {
  /** The time is over; `error` makes what the timeout raises. */
  expire(error: () => unknown): void;
}

/**
 * Has a timeout object limit a call, and nothing beside it: starts it for that call, unless it is running. What it returns is
 * to be called when the call ends, and stops it with the last call that it was lent to. `undefined` when it is running for
 * the scope of whoever started it: then it hits that as a whole.
 *
 * @throws {TypeError} When it was closed.
 */
export let lend: (timeout: Timeout, call: LimitedCall) => (() => void) | undefined;

/**
 * Raises an exception in the greenlet that started it once its time is over, at whatever that greenlet waits for then:
 * gevent's `Timeout`.
 *
 * It goes on counting until it fires, is cancelled or its `using` block ends, so prefer `using` or `withTimeout`. It
 * hits every wait of the scope it was started in; started outside a greenlet it only hits waits begun after it. When
 * nothing is waiting at that moment, the next wait raises it. Given to a call as its `timeout` without having been started,
 * it counts for that call, and hits that only, whatever else its greenlet waits for side by side.
 *
 * @example
 * ```ts
 * import { sleep, Timeout } from "@gevent/deno";
 *
 * try {
 *   using _ = Timeout.start(1);
 *   await sleep(60_000);
 * } catch (error) {
 *   console.assert(error instanceof Timeout);
 * }
 * ```
 */
export class Timeout extends Interrupt {
  /** The class name, as for every error. */
  override readonly name: string = "Timeout";
  /** The duration in ms; `null` never expires. */
  readonly ms: number | null;
  #exception: TimeoutException;
  #raised: unknown;
  #timer: Timer | undefined;
  /** What it was started for; `undefined` when it is lent to calls. */
  #scope: Scope | undefined;
  #since = 0;
  #calls: Set<LimitedCall> | undefined;
  #closed = false;

  static {
    lend = (timeout, call) => timeout.#lend(call);
  }

  /**
   * Makes a timeout that is not counting yet.
   *
   * @param ms The duration in ms; `null` or `undefined` never expires; 0 or less is due at once.
   * @param exception What is raised; by default the timeout itself.
   * @throws {TypeError} When `ms` is not a number, or `exception` neither an error, a class of errors nor a text.
   */
  constructor(ms?: number | null, exception: TimeoutException = null) {
    if (ms != null && (typeof ms !== "number" || Number.isNaN(ms))) {
      throw new TypeError(
        `Cannot create a timeout as 'ms' must be a number or null: received ${Deno.inspect(ms)}`,
      );
    }
    if (!isTimeoutException(exception)) {
      throw new TypeError(
        `Cannot create a timeout as 'exception' must be an error, a class of errors or a text: received ${
          Deno.inspect(exception)
        }`,
      );
    }
    super(ms == null ? "" : `${ms} ms${typeof exception === "string" ? `: ${exception}` : ""}`);
    this.ms = ms ?? null;
    this.#exception = exception;
  }

  /**
   * Makes a timeout and starts it: gevent's `Timeout.start_new`. Given a timeout it starts that one, unless it is
   * running already, and returns it.
   *
   * @example
   * ```ts
   * import { Timeout } from "@gevent/deno";
   *
   * using timeout = Timeout.start(60_000);
   * console.assert(timeout.pending);
   * ```
   */
  static start(ms?: number | null | Timeout, exception: TimeoutException = null): Timeout {
    const timeout = ms instanceof Timeout ? ms : new Timeout(ms, exception);
    if (!timeout.pending) timeout.start();
    return timeout;
  }

  /** What is raised when it expires: the same object each time. */
  get raised(): unknown {
    if (this.#raised === undefined) {
      const exception = this.#exception;
      if (exception === null || typeof exception === "string") this.#raised = this;
      else this.#raised = typeof exception === "function" ? new exception() : exception;
    }
    return this.#raised;
  }

  /** Whether it is counting. */
  get pending(): boolean {
    return this.#timer !== undefined && this.#timer.index !== -1;
  }

  /**
   * Starts counting in the current greenlet.
   *
   * @throws {TypeError} When it is counting already, or was closed.
   */
  start(): void {
    if (this.pending) {
      throw new TypeError(
        `Cannot start ${this} as it is already started; to restart it, cancel it first`,
      );
    }
    this.#count();
    this.#calls?.clear();
    this.#scope = scopeOfCaller();
    this.#since = this.#scope === mainScope ? hub.nextOrder() : 0;
  }

  /** Stops counting, also when it has expired but found no wait to hit yet; it may be started again. */
  cancel(): void {
    if (this.#timer !== undefined) hub.removeTimer(this.#timer);
    this.#timer = undefined;
    if (this.#raised !== undefined) this.#scope?.withdraw(this.#raised);
  }

  /** Stops counting for good; gevent's `close`. */
  close(): void {
    this.cancel();
    this.#closed = true;
  }

  /** The end of a `using` block: {@link Timeout.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** For example `<Timeout 50 ms pending>`. */
  override toString(): string {
    const text = this.message === "" ? "never" : this.message;
    return `<Timeout ${text}${this.pending ? " pending" : ""}>`;
  }

  #lend(call: LimitedCall): (() => void) | undefined {
    const calls = this.#calls ??= new Set();
    if (!this.pending) {
      this.#count();
      this.#scope = undefined;
      calls.clear(); // of calls that it was lent to before it was cancelled by somebody else
    }
    if (this.#scope !== undefined) return undefined;
    calls.add(call);
    return () => {
      if (calls.delete(call) && calls.size === 0) this.cancel();
    };
  }

  #count(): void {
    if (this.#closed) throw new TypeError(`Cannot start ${this} as it was closed`);
    if (this.ms === null || this.ms === Infinity) return;
    this.#timer = hub.addTimer(this.ms, { fire: () => this.#expire() }, TIMEOUT_PRIORITY);
  }

  #expire(): void {
    if (this.#scope !== undefined) return this.#scope.interrupt(this.raised, this.#since);
    for (const call of [...this.#calls!]) call.expire(() => this.raised);
  }
}

/**
 * What `withTimeout` takes besides the time and the function.
 *
 * @example
 * ```ts
 * import { sleep, withTimeout, type WithTimeoutOptions } from "@gevent/deno";
 *
 * const options: WithTimeoutOptions<string> = { timeoutValue: "too late" };
 * console.assert(await withTimeout(1, () => sleep(60_000), options) === "too late");
 * ```
 */
export interface WithTimeoutOptions<T> {
  /** Returned when the time is over, instead of raising the timeout. */
  readonly timeoutValue?: T;
}

/**
 * Runs a function in the current greenlet and raises a `Timeout` in it when it takes too long: gevent's `with_timeout`.
 *
 * Only waits begun inside the function are interrupted, however many it runs side by side. When `options.timeoutValue`
 * is given, that is returned instead of raising; the timeout of somebody else passes through.
 *
 * @param ms Milliseconds, a `Timeout` (which is closed at the end), or `null` for no limit.
 * @returns What `fn` returns.
 * @throws {Timeout} When the time is over, unless `fn` catches it.
 * @throws {TypeError} When `ms` is not a number, or `fn` not a function.
 *
 * @example
 * ```ts
 * import { sleep, withTimeout } from "@gevent/deno";
 *
 * console.assert(await withTimeout(60_000, () => "in time") === "in time");
 * console.assert(await withTimeout(1, () => sleep(60_000), { timeoutValue: "too late" }) === "too late");
 * ```
 */
export async function withTimeout<T, V = T>(
  ms: number | Timeout | null,
  fn: () => T | PromiseLike<T>,
  options?: WithTimeoutOptions<V>,
): Promise<T | V> {
  requireFunction(fn, "fn");
  requireOptions(options);
  const timeout = ms instanceof Timeout ? ms : new Timeout(ms);
  const scope = new Scope(scopeOfCaller());
  try {
    return await currentScope.run(scope, () => {
      if (!timeout.pending) timeout.start();
      else lend(timeout, hitting(scope)); // it may be running for another call
      return scope.followResult(fn());
    });
  } catch (error) {
    if (options !== undefined && "timeoutValue" in options && error === timeout.raised) {
      return options.timeoutValue as V;
    }
    throw error;
  } finally {
    timeout.close();
    scope.close();
  }
}

/**
 * For a blocking call that waits several times: runs it all under its `timeout` and `signal` options. As in a call that
 * waits once, a `Timeout` that is running already is left alone, and one that is not is only borrowed. A signal that is
 * aborted already interrupts nothing here: `checkpoint` comes before.
 */
export async function limited<T>(
  timeout: number | Timeout | null | undefined,
  fn: () => T | PromiseLike<T>,
  signal?: AbortSignal | null,
): Promise<T> {
  if (timeout == null && !signal) return await fn();
  const scope = new Scope(scopeOfCaller());
  const onAbort = (): void => scope.interrupt(signal!.reason);
  let giveBack: (() => void) | undefined;
  try {
    giveBack = lend(timeout instanceof Timeout ? timeout : new Timeout(timeout), hitting(scope));
    signal?.addEventListener("abort", onAbort);
    return await currentScope.run(scope, () => scope.followResult(fn()));
  } finally {
    giveBack?.();
    signal?.removeEventListener("abort", onAbort);
    scope.close();
  }
}

/** What a call throws that was given this as its `timeout` and took longer. */
export function timeoutError(timeout: number | Timeout | null | undefined): unknown {
  return timeout instanceof Timeout ? timeout.raised : new Timeout(timeout);
}

function isTimeoutException(value: unknown): value is TimeoutException {
  if (value === null || typeof value === "string" || value instanceof Error) return true;
  return typeof value === "function" && (value === Error || value.prototype instanceof Error);
}

function hitting(scope: Scope): LimitedCall {
  return { expire: (error) => scope.interrupt(error()) };
}
