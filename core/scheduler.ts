/**
 * The engine of the hub: decides who runs next.
 *
 * It is one endless async function. It takes entries off a FIFO run queue and lets the greenlet it woke run until that
 * one parks again, ends, or awaits something the library knows nothing of; only then comes the next. Draining happens
 * in microtasks; once per switch interval a macrotask lets I/O and timers in, however busy the queue is.
 *
 * Over 400 lines, since splitting the loop from the state it works on would scatter its invariants.
 *
 * Invariants: the function is started once, outside every greenlet, so that what it calls is in no greenlet's context;
 * whoever is in the run queue has already left whatever it was waiting in; the clock is armed only when the hub goes
 * to sleep.
 *
 * @module
 */

import { RaisedErrors } from "./_raised_errors.ts";
import { requirePositive } from "./arguments.ts";
import { type Clock, ioTurn, nextTurn, SystemClock } from "./clock.ts";
import { Deque } from "./deque.ts";
import { BlockingSwitchOutError } from "./errors.ts";
import type { Hub, HubStats } from "./hub.ts";
import { LinkedList } from "./linked_list.ts";
import { type Timer, TimerHeap, type TimerTarget } from "./timer_heap.ts";

/** An entry of the run queue. */
export interface Runnable {
  /** Called by the hub when its turn has come; must not throw. */
  run(): void;
}

/** Knows the awaits of promises from elsewhere; scopes are `core/scope.ts`'s. */
export interface AwaitObserver {
  /** Awaits what the function of a scope has returned, in that scope. */
  enclose<T>(body: PromiseLike<T>): Promise<T>;
  /** Raises an error at the innermost awaits of what runs in a scope, save waits of the library; says whether it could. */
  interrupt(scope: object, error: unknown): "raised" | "later" | "elsewhere";
  /** A wait of the library has begun; its promise, or the function that resolves that. It is forgotten if `undefined`. */
  onWait(promise: object, wait: object | undefined): void;
  /** Whether the function of a scope awaits such a wait, in the end. */
  reaches(scope: object, wait: object): boolean;
  /** What the function of a scope awaits, from the outside in: a line of text each. */
  chain(scope: object): string[];
}

/** A parked call of `idle`. */
interface Idler {
  resume(value: undefined): boolean;
}

/**
 * How many microtasks a woken greenlet gets to reach its next wait before the next one is let in. Deep call chains need
 * one for each `await` on the way back up; a greenlet that awaits a promise from elsewhere uses them all.
 */
const PATIENCE = 16;

/** Bounds for the number of entries run between two looks at the time. */
const MOST_UNCHECKED = 256;

/**
 * How many entries are run between two turns of the event loop where the clock is not the real one: it must not depend
 * on how fast the machine is. As many as keep what the turns cost, some 60 µs each, to a few percent.
 */
const ENTRIES_PER_TURN = 4096;

// The heap of free ids is a timer heap that is never fired: it wants the same order.
const NOBODY: TimerTarget = { fire() {} };

/** Awaited for the rest of the microtasks; the same one each time, as a new one each time costs a third more. */
const nextMicrotask: Promise<void> = Promise.resolve();

let executorResolve!: () => void;
const rememberResolve = (resolve: () => void): void => {
  executorResolve = resolve;
};

/** The engine behind the public {@link Hub}; one for each isolate. */
export class Scheduler implements Hub {
  /** The greenlets that have been started and have not ended, in the order in which they were started. */
  readonly live: LinkedList<object> = new LinkedList();
  /** Root scope of the greenlet that was let run and has not parked since; `null` when there is none. */
  running: object | null = null;
  /** The greenlet of `main`, while it runs. */
  program: object | undefined;
  /** Called with each greenlet that is started. */
  spawnCallbacks: Set<(greenlet: never) => unknown> | null = null;
  /** See {@link Hub.trackSpawnSites}. */
  trackSpawnSites = false;
  /** Told of each stretch in which a greenlet ran, while there is a recording. */
  observer: ((scope: object, began: number, ended: number) => void) | null = null;
  /** Told whose turn it is, while somebody watches for greenlets that block the hub. */
  watchdog: ((scope: object | null) => void) | null = null;
  /** Chooses who is next, for those who look for programs that depend on the order; else first come, first served. */
  pick: ((queued: number) => number) | null = null;
  /** Notes the greenlets whose error somebody has asked for, for those who want to know which nobody did. */
  errorsTaken: WeakSet<object> | null = null;
  /** Finds where greenlets wait for promises from elsewhere, while that is observed. */
  awaits: AwaitObserver | null = null;
  /** Whether a hub callback is on the stack: blocking is impossible there. */
  inCallback = false;
  /** Who wants to be told, once, when there is nothing else to do. */
  readonly idlers: Set<Idler> = new Set();
  #clock: Clock = new SystemClock();
  /** Whether real time decides when greenlets have had theirs; else their number does, so that each run is the same. */
  #inRealTime = true;
  #timers = new TimerHeap();
  #queue = new Deque<Runnable>();
  #asleep = false;
  #wakeUp!: () => void;
  #switchInterval = 5;
  #lastTurn = performance.now();
  #unchecked = 0;
  #untilCheck = MOST_UNCHECKED;
  #lastCheck = 0;
  #completions = 0;
  #freeIds = new TimerHeap();
  #nextId = 0;
  #raised: RaisedErrors | undefined;
  #order = 0;
  #entries = 0;
  #timersFired = 0;
  #turns = 0;
  #watchingTurns = false;

  /** There is one already: {@link hub}. */
  constructor() {
    void this.#loop();
  }

  /** See {@link Hub.switchInterval}. */
  get switchInterval(): number {
    return this.#switchInterval;
  }

  set switchInterval(ms: number) {
    requirePositive(ms, "switchInterval");
    this.#switchInterval = ms;
  }

  /** See {@link Hub.clock}. */
  get clock(): Clock {
    return this.#clock;
  }

  /** How many entries are in the run queue. */
  get queued(): number {
    return this.#queue.size;
  }

  /** See {@link Hub.stats}. */
  get stats(): HubStats {
    return Object.freeze({
      entries: this.#entries,
      timersFired: this.#timersFired,
      ioTurns: this.#turns,
      queued: this.#queue.size,
      timers: this.#timers.size,
      greenlets: this.live.size,
    });
  }

  /** Whether the hub has nothing to do before its clock or somebody else wakes it. */
  get asleep(): boolean {
    return this.#asleep;
  }

  /** Whether nobody runs, waits for a turn, looks on, or decides who is next: then one can be started out of turn. */
  get isIdle(): boolean {
    return this.#asleep && this.running === null && this.#inRealTime &&
      this.observer === null && this.watchdog === null && this.pick === null;
  }

  /** The timers that are pending on the current clock. */
  get timers(): TimerHeap {
    return this.#timers;
  }

  /** Appends to the run queue. */
  enqueue(entry: Runnable): void {
    this.#queue.push(entry);
    if (this.#asleep) this.wake();
  }

  /** Appends a plain function to the run queue; it runs in the hub and must not block. */
  enqueueCallback(callback: () => void): void {
    this.enqueue({ run: () => this.runCallback(callback) });
  }

  /** Calls a function as a hub callback: it cannot block, and its error is reported, also if it is an async function. */
  runCallback<T>(callback: (argument: T) => unknown, argument?: T): void {
    const outer = this.inCallback;
    this.inCallback = true;
    try {
      this.reportFailure(callback, callback(argument as T));
    } catch (error) {
      this.handleError(callback, error);
    } finally {
      this.inCallback = outer;
    }
  }

  /**
   * Reports what a promise is rejected with that nobody else will await: what a callback has returned that was not
   * expected to return one. Not for every thenable: asking some, such as a query to a database, is what starts them.
   */
  reportFailure(context: unknown, returned: unknown): void {
    if (returned instanceof Promise) {
      returned.then(undefined, (error) => this.handleError(context, error));
    }
  }

  /** Starts a timer that fires `target` in `ms` milliseconds; without `ref` the process does not live on for it. */
  addTimer(ms: number, target: TimerTarget, priority = 0, ref = true): Timer {
    const timer = this.#timers.add(this.#clock.now() + Math.max(ms, 0), target, priority, ref);
    const isFirstToCount = ref && this.#timers.referenced === 1;
    if (this.#asleep && (timer.index === 0 || isFirstToCount)) this.wake();
    return timer;
  }

  /** Stops a timer; harmless when it has fired. */
  removeTimer(timer: Timer): void {
    this.#timers.remove(timer);
    // The loop disarms a clock that has nothing left to wait for when it goes to sleep again.
    if (this.#asleep && this.#timers.referenced === 0) this.wake();
  }

  /** Makes the hub look at its queue and its timers. */
  wake(): void {
    if (!this.#asleep) return;
    this.#asleep = false;
    this.#wakeUp();
  }

  /** The next number in the order in which waits and timeouts begin. */
  nextOrder(): number {
    return this.#order++;
  }

  /**
   * Whether a blocking call that need not wait should give way all the same, because such calls have kept I/O out for
   * longer than the switch interval. In virtual time it goes by their number alone, so that a program gives way at the same
   * places each time.
   */
  shouldYield(): boolean {
    if ((++this.#completions & 255) !== 0) return false;
    if (!this.#inRealTime) return true;
    const since = performance.now() - this.#lastTurn;
    if (since > this.#switchInterval / 2) this.#watchTurns();
    return since > this.#switchInterval;
  }

  /** Lets I/O and whatever waits for it have a turn. */
  async turn(): Promise<void> {
    await ioTurn();
    this.#turns++;
    this.#lastTurn = performance.now();
  }

  /** Lends out the smallest number that no other greenlet has; see {@link Hub.releaseId}. */
  acquireId(): number {
    const smallest = this.#freeIds.first;
    if (smallest === undefined) return this.#nextId++;
    this.#freeIds.remove(smallest);
    return smallest.deadline;
  }

  /** Takes a number back. */
  releaseId(id: number): void {
    this.#freeIds.add(id, NOBODY);
  }

  /**
   * Notes that an error was raised in a greenlet from outside. A promise that is rejected with it and that nobody awaits
   * belongs to work that was given up on purpose: it must not end the process as an unhandled rejection.
   */
  noteInterrupt(error: unknown): void {
    if (this.#raised === undefined) {
      const raised = this.#raised = new RaisedErrors();
      addEventListener("unhandledrejection", (event) => {
        if (!raised.has(event.reason)) return;
        event.preventDefault();
        // Raised by the hub as well, but nothing was given up: it is a mistake, which somebody has to be told of.
        if (event.reason instanceof BlockingSwitchOutError) {
          this.handleError("callback", event.reason);
        }
      });
    }
    this.#raised.add(error);
  }

  /** See {@link Hub.onError}. */
  onError: (context: unknown, error: unknown) => void = printError;

  /** See {@link Hub.handleError}. */
  handleError(context: unknown, error: unknown): void {
    const printBoth = (failure: unknown): void => {
      tryToPrint(context, error);
      tryToPrint("hub.onError", failure);
    };
    try {
      const returned: unknown = this.onError(context, error);
      if (returned instanceof Promise) returned.then(undefined, printBoth);
    } catch (failure) {
      printBoth(failure);
    }
  }

  /**
   * Puts another clock, with no timers on it, in place of the current one; what it returns puts the old ones back.
   * The virtual clock of the testing module is installed this way.
   */
  replaceClock(clock: Clock): () => void {
    const previousClock = this.#clock;
    const previousTimers = this.#timers;
    const use = (next: Clock, timers: TimerHeap): void => {
      this.#clock.disarm();
      this.#clock = next;
      this.#timers = timers;
      this.#inRealTime = next instanceof SystemClock;
      this.restartCounts();
      this.wake();
    };
    use(clock, new TimerHeap());
    return () => use(previousClock, previousTimers);
  }

  /** Counts entries and calls from here on: a run that is to be the same each time must not depend on what was before. */
  restartCounts(): void {
    this.#completions = 0;
    this.#unchecked = 0;
    this.#untilCheck = this.#inRealTime ? MOST_UNCHECKED : ENTRIES_PER_TURN;
  }

  async #loop(): Promise<never> {
    for (;;) {
      const entry = this.pick === null ? this.#queue.shift() : this.#picked(this.pick);
      if (entry === undefined) {
        if (this.#fireTimers()) {
          // Timers that do nothing but start others that are due at once would keep everybody else out.
          if (++this.#unchecked >= this.#untilCheck) await this.#check();
          else if (this.#queue.size === 0) await nextMicrotask;
          continue;
        }
        if (this.idlers.size > 0) {
          await this.#idle();
          continue;
        }
        const next = this.#timers.first;
        this.#clock.arm(
          next === undefined ? Infinity : next.deadline,
          () => this.wake(),
          this.#timers.referenced > 0,
        );
        const sleep = new Promise<void>(rememberResolve);
        this.#wakeUp = executorResolve;
        this.#asleep = true;
        await sleep;
        continue;
      }
      entry.run();
      this.#entries++;
      if (this.running !== null && (this.observer !== null || this.watchdog !== null)) {
        await this.#observed();
      }
      for (let patience = PATIENCE; this.running !== null && patience > 0; patience--) {
        await nextMicrotask;
      }
      this.running = null;
      if (++this.#unchecked >= this.#untilCheck) await this.#check();
    }
  }

  #picked(pick: (queued: number) => number): Runnable | undefined {
    const { size } = this.#queue;
    return size === 0 ? undefined : this.#queue.removeAt(size === 1 ? 0 : pick(size));
  }

  /** What the loop does with a greenlet that was let run, under observation. */
  async #observed(): Promise<void> {
    const who = this.running!;
    const { observer, watchdog } = this;
    watchdog?.(who);
    const began = performance.now();
    for (let patience = PATIENCE; this.running !== null && patience > 0; patience--) {
      await nextMicrotask;
    }
    observer?.(who, began, performance.now());
    watchdog?.(null);
  }

  /** Lets I/O and timers in when greenlets have had their time, or in virtual time their number of entries. */
  async #check(): Promise<void> {
    if (this.#inRealTime && !this.#isTurnDue()) return;
    this.#unchecked = 0;
    await this.turn();
    this.#fireTimers();
  }

  /** Looks at the time, and says when to do so next. */
  #isTurnDue(): boolean {
    const now = performance.now();
    // Entries that take long are checked more often, so that the interval is kept to about a quarter of itself.
    const each = Math.max(now - Math.max(this.#lastCheck, this.#lastTurn), 1e-3) / this.#unchecked;
    this.#untilCheck = Math.min(
      Math.max(Math.floor(this.#switchInterval / 4 / each), 1),
      MOST_UNCHECKED,
    );
    this.#unchecked = 0;
    this.#lastCheck = now;
    const since = now - this.#lastTurn;
    if (since > this.#switchInterval / 2) this.#watchTurns();
    return since > this.#switchInterval;
  }

  /**
   * Notes when the event loop turns by itself, as it does in a server that is busy with I/O: then there is no need to make
   * it, which would hold everybody up.
   */
  #watchTurns(): void {
    if (this.#watchingTurns) return;
    this.#watchingTurns = true;
    void nextTurn().then(() => {
      this.#watchingTurns = false;
      this.#lastTurn = performance.now();
    });
  }

  /** Tells those who wait for it that there is nothing else to do, if that is still so after I/O had a turn. */
  async #idle(): Promise<void> {
    await this.turn();
    if (this.#queue.size > 0 || this.#fireTimers()) return;
    const idlers = [...this.idlers];
    this.idlers.clear();
    for (const idler of idlers) idler.resume(undefined);
  }

  /** Fires what is due; says whether anything was. Timers that these start wait for the next round. */
  #fireTimers(): boolean {
    const timers = this.#timers;
    let timer = timers.first;
    if (timer === undefined) return false;
    const now = this.#clock.now();
    const newest = timers.nextOrder;
    let fired = false;
    while (timer !== undefined && timer.deadline <= now && timer.order < newest) {
      timers.remove(timer);
      const { target } = timer;
      this.#timersFired++;
      this.runCallback(() => target.fire());
      fired = true;
      timer = timers.first;
    }
    return fired;
  }
}

/** When not even printing works, such as with a stderr that was closed, there is nobody left to tell. */
function tryToPrint(context: unknown, error: unknown): void {
  try {
    printError(context, error);
  } catch {
    // A greenlet that failed must come to its end all the same.
  }
}

function printError(context: unknown, error: unknown): void {
  const what = error instanceof Error
    ? error.stack ?? String(error)
    : `Uncaught ${Deno.inspect(error)}`;
  const cause = error instanceof Error && error.cause !== undefined
    ? `\nCaused by ${Deno.inspect(error.cause)}`
    : "";
  const kind = error instanceof Error ? error.name : typeof error;
  const whose = typeof context === "function" ? context.name || "callback" : String(context);
  console.error(`${what}${cause}\n${new Date().toISOString()} ${whose} failed with ${kind}\n`);
}

/**
 * The hub of this isolate. Made at load time rather than on first use: its loop must not inherit the context of whoever
 * comes first.
 */
export const hub: Scheduler = new Scheduler();
