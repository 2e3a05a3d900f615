/**
 * The one place where the library waits.
 *
 * Every blocking call is `suspend` with a function that registers the waiter somewhere. That is what makes a greenlet
 * killable and time-limited wherever it is parked.
 *
 * @module
 */

import { requireFunction } from "./arguments.ts";
import { BlockingSwitchOutError, GreenletExit } from "./errors.ts";
import { hub } from "./scheduler.ts";
import { type Scope, scopeOfCaller } from "./scope.ts";
import { lend, Timeout } from "./timeout.ts";
import { rejected, Wait, type Waiter, type WaitKind, WaitLimit } from "./waiter.ts";

/**
 * What every blocking call takes as its last argument.
 *
 * @example
 * ```ts
 * import { Event, type WaitOptions } from "@gevent/deno";
 *
 * const options: WaitOptions = { timeout: 1, signal: new AbortController().signal };
 * console.assert(await new Event().wait(options) === false);
 * ```
 */
export interface WaitOptions {
  /**
   * Milliseconds to wait at most, or a `Timeout` whose expiry counts as the call's own; 0 gives others one turn;
   * `null`, `undefined` and `Infinity` wait for as long as it takes. A `Timeout` that is not running is started for this call
   * alone, hits nothing else, and is stopped when the call ends; one that is running goes on as it is.
   */
  readonly timeout?: number | Timeout | null | undefined;
  /** Ends the wait with `signal.reason` when it is aborted. */
  readonly signal?: AbortSignal | null | undefined;
}

const SUSPEND: WaitKind<never> = { name: "suspend" };

/**
 * Parks the current greenlet until the waiter is resumed, fails, or is interrupted: gevent's `Waiter` and
 * `hub.switch()` in one.
 *
 * `park` is called at once with the waiter and registers it: in a queue, with a timer, with an operation. What `park`
 * returns undoes that; it is called exactly once, and only when the wait is interrupted or times out. A kill, a
 * `Timeout` and an abort reject the returned promise with their error, after the undo; its own timeout rejects it with
 * a `Timeout`. An interrupted wait that nobody awaits is not an unhandled rejection.
 *
 * @param park Registers the waiter; may return the undo function.
 * @param options The wait's own timeout in ms, and an abort signal.
 * @param kind What the wait is for and what its own timeout does.
 * @returns What the waiter is resumed with.
 * @throws {BlockingSwitchOutError} In a hub callback.
 * @throws {TypeError} When `park` is not a function, or the options make no sense.
 *
 * @example A one-shot DOM event as an interruptible wait
 * ```ts
 * import { suspend } from "@gevent/deno";
 *
 * function once(target: EventTarget, type: string): Promise<Pick<globalThis.Event, "type">> {
 *   return suspend((waiter) => {
 *     const listener = (event: Pick<globalThis.Event, "type">) => waiter.resume(event);
 *     target.addEventListener(type, listener, { once: true });
 *     return () => target.removeEventListener(type, listener);
 *   });
 * }
 *
 * const target = new EventTarget();
 * setTimeout(() => target.dispatchEvent(new CustomEvent("ready")), 1);
 * console.assert((await once(target, "ready")).type === "ready");
 * ```
 */
export function suspend<T = void>(
  park: (waiter: Waiter<T>) => void | (() => void),
  options?: WaitOptions,
  kind: WaitKind<T> = SUSPEND,
): Promise<T> {
  try {
    requireFunction(park, "park");
  } catch (error) {
    return Promise.reject(error);
  }
  return parkWait(park, options, kind);
}

/** {@link suspend}, for park functions that put the wait in a wait queue. */
export function parkWait<T>(
  park: (wait: Wait<T>) => void | (() => void),
  options: WaitOptions | undefined,
  kind: WaitKind<T>,
): Promise<T> {
  const scope = scopeOfCaller();
  const refused = refusal(scope, options);
  if (refused !== undefined) return refused;
  const wait = new Wait<T>(scope, kind);
  try {
    if (options !== undefined) limitWait(wait, options);
    const undo = park(wait);
    if (undo !== undefined) wait.setUndo(undo);
  } catch (error) {
    wait.fail(error);
  }
  if (hub.running === scope.root) hub.running = null;
  return wait.promise;
}

/**
 * For a blocking call that might not need to wait: gives the rejection that it must return instead of going on, if the
 * greenlet has an interrupt outstanding, was killed, or the signal is aborted. Nothing may have been taken before.
 */
export function checkpoint(options?: WaitOptions): Promise<never> | undefined {
  return refusal(scopeOfCaller(), options);
}

/**
 * For a blocking call that did not need to wait: its result. A loop of such calls would shut out I/O and every other
 * greenlet, so now and then the caller goes to the end of the run queue first; the result is the caller's already, so
 * that cannot be interrupted.
 */
export function completed<T>(value: T): Promise<T> {
  if (!hub.shouldYield()) return Promise.resolve(value);
  const { root } = scopeOfCaller();
  if (hub.running === root) hub.running = null;
  const turn = new Promise<T>((resolve) => {
    hub.enqueue({
      run(): void {
        hub.running = root;
        resolve(value);
      },
    });
  });
  hub.awaits?.onWait(turn, { settled: true, scope: root });
  return turn;
}

function refusal(scope: Scope, options: WaitOptions | undefined): Promise<never> | undefined {
  if (hub.inCallback) return rejected(new BlockingSwitchOutError());
  // A clean-up that was begun is finished, even if the greenlet has not waited for it.
  if (scope.root.ending === "killed" && !scope.sheltered) return rejected(new GreenletExit());
  const interrupt = scope.takeInterrupt();
  if (interrupt !== undefined) return rejected(interrupt.error);
  if (options === undefined) return undefined;
  const mistake = mistakeIn(options);
  if (mistake !== undefined) return Promise.reject(mistake);
  return options.signal?.aborted ? rejected(options.signal.reason) : undefined;
}

/** For a call that does something before it waits: refuses options that the wait would refuse. */
export function requireWaitOptions(options: WaitOptions | undefined): void {
  const mistake = options === undefined ? undefined : mistakeIn(options);
  if (mistake !== undefined) throw mistake;
}

function mistakeIn(options: WaitOptions): TypeError | undefined {
  // A number in their place, as gevent takes it, would be ignored, and the wait have no limit.
  if (typeof options !== "object" || options === null) {
    return new TypeError(
      `Cannot wait as the options must be an object: received ${Deno.inspect(options)}`,
    );
  }
  const { timeout, signal } = options;
  if (
    typeof timeout === "number"
      ? Number.isNaN(timeout)
      : timeout != null && !(timeout instanceof Timeout)
  ) {
    return new TypeError(
      `Cannot wait as 'timeout' must be a number of milliseconds or a Timeout: received ${timeout}`,
    );
  }
  if (
    signal != null &&
    (typeof signal.aborted !== "boolean" || typeof signal.addEventListener !== "function")
  ) {
    return new TypeError(
      `Cannot wait as 'signal' must be an AbortSignal: received ${Deno.inspect(signal)}`,
    );
  }
  return undefined;
}

/**
 * What {@link countDown} gives: the timeout for the next wait; to be disposed of when the call ends. For waits that come all
 * the same it counts on, without the `Timeout`, which has stopped by then.
 */
export interface CountDown extends Disposable {
  (): WaitOptions["timeout"];
}

/**
 * For a blocking call that waits several times: the timeout for each of them, so that `timeout` is for all together.
 * A `Timeout` is lent to the call as a whole, and given to each wait for as long as it is running.
 *
 * @throws {TypeError} When it is a `Timeout` that was closed.
 */
export function countDown(timeout: WaitOptions["timeout"]): CountDown {
  let left = (): WaitOptions["timeout"] => timeout;
  let giveBack: (() => void) | undefined;
  if (timeout instanceof Timeout) {
    const deadline = timeout.pending ? undefined : hub.clock.now() + (timeout.ms ?? Infinity);
    let isOver = false;
    let isBack = false;
    const end = lend(timeout, { expire: () => void (isOver = true) });
    // Once it has expired or was cancelled, a wait that it is given to would start it over.
    left = () => {
      if (isOver) return new Timeout(0, timeout.raised as Error);
      if (isBack) return deadline! - hub.clock.now();
      return timeout.pending ? timeout : undefined;
    };
    giveBack = () => {
      isBack ||= deadline !== undefined && timeout.pending;
      end?.();
    };
  } else if (typeof timeout === "number") {
    const deadline = hub.clock.now() + timeout;
    left = () => deadline - hub.clock.now();
  }
  return Object.assign(left, { [Symbol.dispose]: () => giveBack?.() });
}

function limitWait<T>(wait: Wait<T>, { timeout, signal }: WaitOptions): void {
  if (timeout instanceof Timeout) {
    wait.limit = new WaitLimit(timeout);
    wait.limit.giveBack = lend(timeout, wait);
  } else if (timeout != null && timeout !== Infinity) {
    wait.limit = new WaitLimit(undefined, () => new Timeout(timeout));
    wait.limit.timer = hub.addTimer(timeout, wait);
  }
  if (signal) (wait.limit ??= new WaitLimit()).listen(signal, wait);
}
