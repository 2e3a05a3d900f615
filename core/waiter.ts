/**
 * A parked wait: the one thing that can be resumed, fail, time out or be interrupted, and only once.
 *
 * Whatever settles it first wins. From then on it has left its scope and its wait queue, its timer is stopped and its
 * undo function has run if it had to, so that a hand-off that finds it settled goes on to the next waiter.
 *
 * @module
 */

import { rejectVisibly } from "./awaiting_frames.ts";
import { Interrupt } from "./errors.ts";
import { hub, type Runnable } from "./scheduler.ts";
import type { Scope, ScopeMember } from "./scope.ts";
import type { Timer, TimerTarget } from "./timer_heap.ts";

/**
 * One parked call: what `suspend` hands to the code that registers it somewhere.
 *
 * @example
 * ```ts
 * import { suspend, type Waiter } from "@gevent/deno";
 *
 * let parked: Waiter<string> | undefined;
 * setTimeout(() => parked?.resume("hello"), 1);
 * console.assert(await suspend<string>((waiter) => void (parked = waiter)) === "hello");
 * ```
 */
export interface Waiter<T> {
  /**
   * Wakes the greenlet with a value. Returns `false`, and does nothing, when the wait has been settled before: the
   * value then belongs to somebody else.
   */
  resume(value: T): boolean;
  /** Wakes the greenlet with an error; returns `false` when the wait has been settled before. */
  fail(error: unknown): boolean;
  /** Whether the wait is over: resumed, failed, timed out or interrupted. */
  readonly settled: boolean;
}

/** What a wait is for, and what its own timeout does; one constant for each blocking call. */
export interface WaitKind<T> {
  /** Shown where blocked greenlets are listed, for example `Queue.get`. */
  readonly name: string;
  /**
   * Settles the wait when its own timeout expires. `error` is the exception to raise where the outcome is an error.
   * Leave it out to raise that error.
   */
  expired?(waiter: Waiter<T>, error: () => unknown): void;
  /** Makes the error for a timeout in ms, in place of a `Timeout`; a `Timeout` that was passed is raised itself. */
  timeoutError?(): unknown;
}

/** A list of waits that a wait may stand in; it leaves it by itself when it is settled. */
export interface WaitList<T> {
  /** Takes the wait out. */
  remove(wait: Wait<T>): void;
}

/** A timeout object given as `timeout`: it may be what interrupts the wait. */
export interface OwnTimeout {
  /** What it raises. */
  readonly raised: unknown;
}

let executorResolve!: (value: never) => void;
let executorReject!: (error: unknown) => void;
// One function for all promises: a closure for each wait would be the largest part of its cost.
const rememberSettlers = (
  resolve: (value: never) => void,
  reject: (error: unknown) => void,
): void => {
  executorResolve = resolve;
  executorReject = reject;
};

const PARKED = 0;
const RESUMED = 1;
const FAILED = 2;
const INTERRUPTED = 3;

/** What a blocking call gives when it is interrupted before it has begun to wait. */
export function rejected(error: unknown): Promise<never> {
  hub.noteInterrupt(error);
  return Promise.reject(error);
}

/** The implementation of {@link Waiter}; also a hub entry, a timer target and a member of its scope. */
export class Wait<T> implements Waiter<T>, Runnable, TimerTarget, ScopeMember {
  /** What the caller awaits. */
  readonly promise: Promise<T>;
  /** Where the wait was begun. */
  readonly scope: Scope;
  /** What it is for. */
  readonly kind: WaitKind<T>;
  /** See {@link ScopeMember.order}. */
  readonly order: number;
  /** See {@link ScopeMember.memberIndex}. */
  memberIndex = 0;
  /** The wait queue it stands in, with its neighbours there. */
  list: WaitList<T> | null = null;
  /** See {@link Wait.list}. */
  nextInList: Wait<T> | null = null;
  /** See {@link Wait.list}. */
  previousInList: Wait<T> | null = null;
  /** What whoever parks here brings along, such as the item of a blocked `put`. */
  brought: unknown = undefined;
  /** What limits the wait: a timer, a timeout object, an abort signal. */
  limit: WaitLimit<T> | null = null;

  #resolve: (value: T) => void;
  #reject: (error: unknown) => void;
  #state: typeof PARKED | typeof RESUMED | typeof FAILED | typeof INTERRUPTED = PARKED;
  #outcome: unknown = undefined;
  /** Takes back what the park function registered, if that is not undone by leaving the list. */
  #undo: (() => void) | null = null;

  /** Begins a wait in a scope. */
  constructor(scope: Scope, kind: WaitKind<T>) {
    this.promise = new Promise<T>(rememberSettlers as never);
    this.#resolve = executorResolve as (value: T) => void;
    this.#reject = executorReject;
    this.scope = scope;
    this.kind = kind;
    this.order = hub.nextOrder();
    scope.join(this);
    if (hub.awaits !== null) hub.awaits.onWait(this.promise, this);
  }

  /** See {@link Waiter.settled}. */
  get settled(): boolean {
    return this.#state !== PARKED;
  }

  /** See {@link Waiter.resume}. */
  resume(value: T): boolean {
    if (this.#state !== PARKED) return false;
    this.#settle(RESUMED, value);
    return true;
  }

  /** See {@link Waiter.fail}. */
  fail(error: unknown): boolean {
    if (this.#state !== PARKED) return false;
    this.#settle(FAILED, error);
    return true;
  }

  /** Ends the wait from outside: undoes it and raises `error` in the greenlet. */
  interrupt(error: unknown): void {
    if (this.#state !== PARKED) return;
    const own = this.limit?.timeout;
    if (own !== undefined && own.raised === error) return this.expire(() => error);
    this.#takeBack();
    hub.noteInterrupt(error);
    this.#settle(INTERRUPTED, error);
  }

  /** Says how to take back what the park function registered; done at once if that very function was interrupted. */
  setUndo(undo: () => void): void {
    if (this.#state === PARKED) this.#undo = undo;
    else if (this.#state === INTERRUPTED) hub.runCallback(undo);
  }

  /** The wait's own timeout has expired. */
  expire(error: () => unknown): void {
    if (this.#state !== PARKED) return;
    this.#takeBack();
    const { expired, timeoutError } = this.kind;
    if (expired !== undefined) expired(this, error);
    else if (timeoutError !== undefined && this.limit?.timeout === undefined) {
      this.fail(timeoutError());
    } else this.fail(error());
  }

  /** The timer of {@link Wait.limit} is due. */
  fire(): void {
    this.expire(() => this.limit!.makeError!());
  }

  /** Lets the greenlet go on; called by the hub when its turn has come. */
  run(): void {
    hub.running = this.scope.root;
    const outcome = this.#outcome;
    this.#outcome = undefined;
    if (this.#state === RESUMED) return this.#resolve(outcome as T);
    // What was raised from outside is somebody else's, and says itself why.
    if (this.#state === INTERRUPTED || outcome instanceof Interrupt) return this.#reject(outcome);
    rejectVisibly(this.#resolve, outcome);
  }

  #settle(state: typeof RESUMED | typeof FAILED | typeof INTERRUPTED, outcome: unknown): void {
    this.#state = state;
    this.#outcome = outcome;
    this.#undo = null;
    if (this.list !== null) this.list.remove(this);
    if (this.limit !== null) this.limit.release();
    this.scope.leave(this);
    hub.enqueue(this);
  }

  #takeBack(): void {
    // Out of the line first: what is taken back may wake or fail all who stand in it.
    if (this.list !== null) this.list.remove(this);
    const undo = this.#undo;
    if (undo === null) return;
    this.#undo = null;
    hub.runCallback(undo);
  }
}

/** What `timeout` and `signal` set up for a wait, and take down when it is over. */
export class WaitLimit<T> {
  /** The timeout object that was given, if one was. */
  readonly timeout: OwnTimeout | undefined;
  /** Makes the error for a timeout in ms, if that was given. */
  readonly makeError: (() => unknown) | undefined;
  /** The timer of a timeout in ms. */
  timer: Timer | undefined;
  /** Gives a timeout object back that was lent to the wait. */
  giveBack: (() => void) | undefined;
  #signal: AbortSignal | undefined;
  #onAbort: (() => void) | undefined;

  /** Limits `wait`; see `suspend`. */
  constructor(timeout?: OwnTimeout, makeError?: () => unknown) {
    this.timeout = timeout;
    this.makeError = makeError;
  }

  /** Interrupts the wait with the signal's reason when that is aborted. */
  listen(signal: AbortSignal, wait: Wait<T>): void {
    this.#signal = signal;
    this.#onAbort = () => wait.interrupt(signal.reason);
    signal.addEventListener("abort", this.#onAbort);
  }

  /** Takes everything down. */
  release(): void {
    if (this.timer !== undefined) hub.removeTimer(this.timer);
    this.giveBack?.();
    if (this.#signal !== undefined) this.#signal.removeEventListener("abort", this.#onAbort!);
  }
}
