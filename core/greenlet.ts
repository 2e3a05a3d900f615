/**
 * Greenlets: functions that can be killed, timed out, joined and inspected while they run.
 *
 * The file is long because the class is the public face of one thing, and a third of it is documentation; what can
 * stand alone (links, joins of many, spawning) has files of its own.
 *
 * @module
 */

import { requireFunction, requireNumber, requireOptions } from "./arguments.ts";
import { GreenletExit, Interrupt } from "./errors.ts";
import { hub, type Runnable } from "./scheduler.ts";
import { LocalValues } from "./local_values.ts";
import { type Link, type Linkable, Links } from "./links.ts";
import type { ListNode } from "./linked_list.ts";
import { currentScope, mainScope, Scope, scopeOfCaller } from "./scope.ts";
import {
  checkpoint,
  completed,
  parkWait,
  requireWaitOptions,
  type WaitOptions,
} from "./suspend.ts";
import { Timeout } from "./timeout.ts";
import type { Timer, TimerTarget } from "./timer_heap.ts";
import type { WaitKind } from "./waiter.ts";

const JOIN: WaitKind<void> = { name: "Greenlet.join", expired: (waiter) => void waiter.resume() };
const GET: WaitKind<void> = { name: "Greenlet.get" };

/**
 * What `kill` takes.
 *
 * @example
 * ```ts
 * import { type KillOptions, sleep, spawn } from "@gevent/deno";
 *
 * const options: KillOptions = { block: false };
 * await spawn(sleep, 60_000).kill(undefined, options);
 * ```
 */
export interface KillOptions extends WaitOptions {
  /** Whether to wait until it is dead; default `true`. */
  readonly block?: boolean;
  /**
   * Whether the exception is raised again at every further wait until the greenlet ends, so that it cannot go on
   * waiting, not even in `finally` blocks, save under `shield`; default `false`.
   */
  readonly persistent?: boolean;
}

/**
 * What `Greenlet.get` takes.
 *
 * @example
 * ```ts
 * import { type GetOptions, spawn } from "@gevent/deno";
 *
 * const options: GetOptions = { timeout: 1000 };
 * console.assert(await spawn(() => 1).get(options) === 1);
 * ```
 */
export interface GetOptions extends WaitOptions {
  /** Whether to wait for a result that is not there yet (default), or to raise a `Timeout` at once. */
  readonly block?: boolean;
}

/**
 * What can be linked to a greenlet: a function, or an object that takes the result over, such as an `AsyncResult`.
 *
 * @example
 * ```ts
 * import { AsyncResult, type LinkTarget, spawn } from "@gevent/deno";
 *
 * const result = new AsyncResult<number>();
 * const target: LinkTarget<number> = result;
 * spawn(() => 7).link(target);
 * console.assert(await result.get() === 7);
 * ```
 */
export type LinkTarget<T> = ((greenlet: Greenlet<T>) => unknown) | {
  /** Takes over the result of a greenlet that has ended. */
  setFrom(greenlet: Greenlet<T>): void;
};

/**
 * A class of greenlets that are made of a function and its arguments: {@link Greenlet}, or one that extends it and
 * leaves its constructor as it is.
 *
 * @example
 * ```ts
 * import { Greenlet, type GreenletClass, Group } from "@gevent/deno";
 *
 * const failures: unknown[] = [];
 * class Quiet<T> extends Greenlet<T> {
 *   protected override report(error: unknown): void {
 *     failures.push(error); // instead of printing it
 *   }
 * }
 * const greenletClass: GreenletClass = Quiet;
 * const group = new Group([], { greenletClass });
 * await group.spawn(() => Promise.reject("broken"));
 * await group.join();
 * console.assert(failures.join() === "broken");
 * ```
 */
export type GreenletClass = new <T>(
  // deno-lint-ignore no-explicit-any -- as in the constructor of `Greenlet`
  fn: (...args: any[]) => T | PromiseLike<T>,
  ...args: unknown[]
) => Greenlet<T>;

type Status = "new" | "scheduled" | "running" | "done" | "main";

/** How it ended: not yet, well, by being killed well, with an error, by being killed with an error. */
type Result = "none" | "value" | "exit" | "error" | "killed";

const NO_ARGS: readonly unknown[] = Object.freeze([]);

/** The values of greenlet-local variables, made on first use; `undefined` once the greenlet has ended. */
export let localsOf: (greenlet: Greenlet) => LocalValues | undefined;
let letRun: (greenlet: Greenlet) => void;
let callEnded: (greenlet: Greenlet) => unknown;

/** A greenlet's place in the run queue, or its timer, before it runs for the first time. */
class Start implements Runnable, TimerTarget {
  readonly #greenlet: Greenlet;
  readonly go: () => void;
  timer: Timer | undefined;

  constructor(greenlet: Greenlet, go: () => void) {
    this.#greenlet = greenlet;
    this.go = go;
  }

  fire(): void {
    hub.enqueue(this);
  }

  run(): void {
    letRun(this.#greenlet);
  }
}

let executorResolve!: () => void;
const rememberResolve = (resolve: () => void): void => {
  executorResolve = resolve;
};

/** What a group keeps with a greenlet that is in it; a greenlet is in few groups, so they are simply chained. */
export interface Membership {
  /** The group. */
  readonly group: object;
  /** The membership in another group. */
  next: Membership | undefined;
}

/** The first membership of a greenlet. */
export let firstMembership: (greenlet: Greenlet) => Membership | undefined;
/** Replaces the first membership of a greenlet. */
export let setFirstMembership: (greenlet: Greenlet, membership: Membership | undefined) => void;
/** The root scope of a greenlet; `undefined` before its first turn. */
export let scopeOf: (greenlet: Greenlet) => Scope | undefined;
/** What {@link watchEnd} gives and {@link unwatchEnd} takes. */
export type EndWatch = Link<Greenlet<unknown>>;

/**
 * Has the library told, in the hub, of a greenlet's end. A `rawlink` would be one of the user's, to be counted by
 * `hasLinks` and taken back by `unlinkAll`.
 */
export let watchEnd: (
  greenlet: Greenlet<unknown>,
  call: (greenlet: Greenlet<unknown>) => void,
) => EndWatch;
/** Takes that back. */
export let unwatchEnd: (greenlet: Greenlet<unknown>, watch: EndWatch) => void;
/**
 * Starts a greenlet; at once, if nobody else runs or waits for a turn, instead of by way of the run queue. For what the runtime
 * calls in a turn of its event loop, such as the handler of a server. As without greenlets, others may run at each of its awaits;
 * from its first wait on it is one of the hub's like any other.
 */
export let startAtOnce: (greenlet: Greenlet) => void;
/** What a greenlet was killed with last; `undefined` if it was not. */
export let killerOf: (greenlet: Greenlet) => unknown;
/** The greenlet object of code outside every greenlet. */
export let mainGreenlet: Greenlet;

/**
 * A function that runs on its own, side by side with others, under a handle: gevent's `Greenlet`.
 *
 * Construct one with a function and its arguments, or derive a class and override {@link Greenlet.run}; then
 * {@link Greenlet.start} it. `spawn` does both. The function first runs when the spawner waits for something. It sees
 * the `AsyncLocalStorage` values of whoever starts it. When it fails, the error is kept for {@link Greenlet.get},
 * and reported once to the hub; it never becomes an unhandled rejection.
 *
 * A greenlet is deliberately not thenable: wait for it with {@link Greenlet.join} or {@link Greenlet.get}.
 *
 * @example
 * ```ts
 * import { Greenlet, sleep } from "@gevent/deno";
 *
 * class Doubler extends Greenlet<number> {
 *   n = 21;
 *   override async run(): Promise<number> {
 *     await sleep(1);
 *     return this.n * 2;
 *   }
 * }
 *
 * const g = new Doubler();
 * g.start();
 * console.assert(await g.get() === 42);
 * ```
 */
export class Greenlet<T = unknown> implements Linkable, AsyncDisposable {
  // deno-lint-ignore no-explicit-any -- `spawn` checks the arguments against the function; a subclass has none
  #fn: ((...args: any[]) => T | PromiseLike<T>) | undefined;
  #fnName: string;
  #args: readonly unknown[];
  #status: Status = "new";
  #scope: Scope | undefined;
  #start: Start | undefined;
  #result: Result = "none";
  /** The value or the error, as {@link Greenlet.#result} says. */
  #outcome: unknown;
  #links: Links<Greenlet<unknown>> | undefined;
  #killedBy: unknown;
  #membership: Membership | undefined;
  #spawnSite: string | undefined;
  #treeLocals: Record<string, unknown> | undefined;
  /** Its place among the living. */
  #place: ListNode<object> | undefined;
  #parent: Greenlet | undefined;
  #name: string | undefined;
  #id: number | undefined;
  #controller: AbortController | undefined;
  #locals: LocalValues | undefined;

  static {
    scopeOf = (greenlet) => greenlet.#scope;
    killerOf = (greenlet) => greenlet.#killedBy;
    firstMembership = (greenlet) => greenlet.#membership;
    setFirstMembership = (greenlet, membership) => void (greenlet.#membership = membership);
    callEnded = (greenlet): unknown => greenlet.ended();
    watchEnd = (greenlet, call) => greenlet.#watchEnd(call);
    unwatchEnd = (greenlet, watch) => greenlet.#links!.delete(watch);
    letRun = (greenlet) => greenlet.#letRun();
    startAtOnce = (greenlet) => greenlet.#startAtOnce();
    localsOf = (greenlet) =>
      greenlet.#status === "done" ? undefined : greenlet.#locals ??= new LocalValues();
    Object.defineProperty(this.prototype, Symbol.for("Deno.customInspect"), {
      value(this: Greenlet): string {
        return this.toString();
      },
    });
    mainGreenlet = new Greenlet();
    mainGreenlet.#status = "main";
    mainGreenlet.#name = "main";
    mainGreenlet.#scope = mainScope;
    mainScope.owner = mainGreenlet;
  }

  /**
   * Makes a greenlet that has not been started.
   *
   * @param fn What to run; leave it out when {@link Greenlet.run} is overridden.
   * @param args What to call it with.
   * @throws {TypeError} When `fn` is given and is not a function.
   */
  // deno-lint-ignore no-explicit-any -- see above
  constructor(fn?: (...args: any[]) => T | PromiseLike<T>, ...args: unknown[]) {
    if (fn !== undefined) requireFunction(fn, "fn");
    this.#fn = fn;
    this.#fnName = fn?.name ?? "";
    this.#args = args.length === 0 ? NO_ARGS : args;
  }

  /** What a subclass overrides to say what the greenlet does; by default it calls the function of the constructor. */
  run(): T | PromiseLike<T> {
    return this.#fn === undefined ? undefined as T : this.#fn(...this.#args);
  }

  /** Puts it on the run queue. Does nothing when it has been started, or killed before. */
  start(): void {
    if (this.#status === "new") hub.enqueue(this.#schedule());
  }

  /**
   * Starts it in `ms` milliseconds; see {@link Greenlet.start}. A kill before that keeps it from ever running.
   *
   * @throws {TypeError} When `ms` is not a number.
   */
  startLater(ms: number): void {
    requireNumber(ms, "ms");
    if (this.#status !== "new") return;
    const start = this.#schedule();
    if (!this.ready) start.timer = hub.addTimer(ms, start);
  }

  /** Whether it has been started and has not ended; gevent's `bool(g)`. */
  get started(): boolean {
    return this.#status === "scheduled" || this.#status === "running" || this.#status === "main";
  }

  /** Whether it has ended, in whichever way. */
  get ready(): boolean {
    return this.#status === "done";
  }

  /** The same as {@link Greenlet.ready}: it can never run again. */
  get dead(): boolean {
    return this.#status === "done";
  }

  /** Whether it has ended without an error; being killed with {@link GreenletExit} is not one. */
  get successful(): boolean {
    return this.#result === "value" || this.#result === "exit";
  }

  /** What it returned; the {@link GreenletExit} that ended it; `undefined` before its end and after an error. */
  get value(): T | GreenletExit | undefined {
    return this.successful ? this.#outcome as T | GreenletExit : undefined;
  }

  /** The error that ended it, if one did. */
  get exception(): unknown {
    if (!this.ready || this.successful) return undefined;
    hub.errorsTaken?.add(this);
    return this.#outcome;
  }

  /** Its name in messages and traces; assign one of your own. By default `Greenlet-` and its {@link Greenlet.id}. */
  get name(): string {
    return this.#name ?? `Greenlet-${this.id}`;
  }

  set name(name: string) {
    if (typeof name !== "string") {
      throw new TypeError(
        `Cannot name a greenlet as 'name' must be a string: received ${Deno.inspect(name)}`,
      );
    }
    this.#name = name;
  }

  /** The smallest number that no other living greenlet had when this was first asked: gevent's `minimal_ident`. */
  get id(): number {
    if (this.#id === undefined) {
      this.#id = hub.acquireId();
      if (this.#status === "done") hub.releaseId(this.#id);
    }
    return this.#id;
  }

  /** The greenlet that started it, until it ends: gevent's `spawning_greenlet`. */
  get parent(): Greenlet | undefined {
    return this.#parent;
  }

  /**
   * Where it was started, as `file:line:column`; only known while `hub.trackSpawnSites` is set. gevent's
   * `spawning_stack`, its first frame.
   */
  get spawnSite(): string | undefined {
    return this.#spawnSite;
  }

  /**
   * An object that it shares with all greenlets it starts, and they with theirs; each greenlet started by the main
   * program has a fresh one. `undefined` for the main program. gevent's `spawn_tree_locals`.
   */
  get treeLocals(): Record<string, unknown> | undefined {
    return this.#status === "main" ? undefined : this.#treeLocals ??= {};
  }

  /**
   * What its function is called with, as it was given to the constructor; gevent's `args`. Empty once it has ended, so
   * that nothing is kept alive by it.
   */
  get args(): readonly unknown[] {
    return this.#args;
  }

  /**
   * Makes a greenlet of this class, with these arguments for the constructor, and starts it: `MyGreenlet.spawn(1, 2)`
   * is `new MyGreenlet(1, 2)` and {@link Greenlet.start}. For a plain function, `spawn` is shorter.
   *
   * @throws What the constructor throws: {@link Greenlet} itself a `TypeError`, when `fn` is not a function.
   *
   * @example
   * ```ts
   * import { Greenlet } from "@gevent/deno";
   *
   * class Doubler extends Greenlet<number> {
   *   readonly n: number;
   *   constructor(n: number) {
   *     super();
   *     this.n = n;
   *   }
   *   override run(): number {
   *     return this.n * 2;
   *   }
   * }
   *
   * const doubler: Doubler = Doubler.spawn(21);
   * console.assert(await doubler.get() === 42);
   * ```
   */
  static spawn<T, A extends unknown[], C extends typeof Greenlet>(
    this: C,
    fn: (...args: A) => T | PromiseLike<T>,
    ...args: A
  ): Greenlet<unknown> extends InstanceType<C> ? Greenlet<T> : Greenlet<T> & InstanceType<C>;
  /** Makes a greenlet of a class with a constructor of its own, and starts it. */
  static spawn<A extends unknown[], G extends Greenlet<unknown>>(
    this: new (...args: A) => G,
    ...args: A
  ): G;
  static spawn(this: new (...args: unknown[]) => Greenlet<unknown>, ...args: unknown[]): unknown {
    const greenlet = new this(...args);
    greenlet.start();
    return greenlet;
  }

  /**
   * {@link Greenlet.spawn} that starts it in `ms` milliseconds; see {@link Greenlet.startLater}. gevent's
   * `spawn_later`.
   *
   * @throws {TypeError} When `ms` is not a number; and what the constructor throws.
   *
   * @example
   * ```ts
   * import { Greenlet } from "@gevent/deno";
   *
   * const g = Greenlet.spawnLater(1, (name: string) => `Hello, ${name}!`, "gevent");
   * console.assert(await g.get() === "Hello, gevent!");
   * ```
   */
  static spawnLater<T, A extends unknown[], C extends typeof Greenlet>(
    this: C,
    ms: number,
    fn: (...args: A) => T | PromiseLike<T>,
    ...args: A
  ): Greenlet<unknown> extends InstanceType<C> ? Greenlet<T> : Greenlet<T> & InstanceType<C>;
  /** Makes a greenlet of a class with a constructor of its own, and starts it later. */
  static spawnLater<A extends unknown[], G extends Greenlet<unknown>>(
    this: new (...args: A) => G,
    ms: number,
    ...args: A
  ): G;
  static spawnLater(
    this: new (...args: unknown[]) => Greenlet<unknown>,
    ms: number,
    ...args: unknown[]
  ): unknown {
    const greenlet = new this(...args);
    greenlet.startLater(ms);
    return greenlet;
  }

  /** Has a function called, in the hub, with each greenlet that is started from now on; adding it twice is once. */
  static addSpawnCallback(callback: (greenlet: Greenlet) => unknown): void {
    requireFunction(callback, "callback");
    (hub.spawnCallbacks ??= new Set()).add(callback);
  }

  /** Takes such a function back. */
  static removeSpawnCallback(callback: (greenlet: Greenlet) => unknown): void {
    hub.spawnCallbacks?.delete(callback);
    if (hub.spawnCallbacks?.size === 0) hub.spawnCallbacks = null;
  }

  /**
   * A signal that is aborted, with the exception as its reason, when the greenlet is killed: give it to calls that take
   * one, so that their work ends too.
   */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#result === "exit" || this.#result === "killed") this.#controller.abort(this.#outcome);
    else if (this.#killedBy !== undefined) this.#controller.abort(this.#killedBy);
    return this.#controller.signal;
  }

  /**
   * Waits until it has ended, in whichever way; returns nothing. Its own timeout ends the wait quietly; a kill and
   * other timeouts of the caller pass through. Joining one that was not started waits for that, too.
   */
  join(options?: WaitOptions): Promise<void> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    return this.ready ? completed(undefined) : this.#join(options, JOIN);
  }

  /**
   * Waits for its end and returns what it returned, or throws the very error that ended it. A greenlet that was killed
   * returns its {@link GreenletExit}.
   *
   * @throws {Timeout} When it has not ended within `options.timeout`, or at once with `block: false`.
   */
  async get(options: GetOptions = {}): Promise<T> {
    if (!this.ready) {
      if (options?.block === false) throw new Timeout(0);
      await this.#join(options, GET);
    } else {
      await (checkpoint(options) ?? completed(undefined));
    }
    if (!this.successful) throw this.exception;
    return this.#outcome as T;
  }

  /**
   * Raises an exception in it at the place where it waits, or at its next wait, and waits for its end: gevent's `kill`.
   *
   * One that has not run yet never will. One that has ended is left alone. It may catch the exception and go on; then
   * a blocking kill waits for its end, and gives up quietly after `options.timeout`. Never throws what the greenlet
   * throws.
   *
   * @param exception What to raise: an error or a class to make one of; {@link GreenletExit} by default. What is not an
   * error is raised as the `cause` of one.
   * @throws {GreenletExit} In a greenlet that kills itself.
   */
  kill(exception?: unknown, options: KillOptions = {}): Promise<void> {
    try {
      requireWaitOptions(options);
      this.#kill(exception, options.persistent ?? false);
    } catch (error) {
      return Promise.reject(error);
    }
    if (options.block === false) return Promise.resolve();
    return this.#status === "done" ? completed(undefined) : this.join(options);
  }

  /**
   * {@link Greenlet.kill} without waiting, for any error.
   *
   * @throws {TypeError} When this is the main greenlet.
   */
  throw(exception?: unknown, options: Pick<KillOptions, "persistent"> = {}): void {
    requireOptions(options);
    this.#kill(exception, options.persistent ?? false);
  }

  /**
   * Has a function called with this greenlet, in a greenlet of its own, once this one has ended, or soon if it has: so
   * the function may block. Links are called in the order they were added, after the result is there.
   */
  link(target: LinkTarget<T>): void {
    this.#linkSpawning(target, () => true);
  }

  /** {@link Greenlet.link}, only for an end without an error. */
  linkValue(target: LinkTarget<T>): void {
    this.#linkSpawning(target, () => this.successful);
  }

  /** {@link Greenlet.link}, only for an end with an error. */
  linkException(target: LinkTarget<T>): void {
    this.#linkSpawning(target, () => !this.successful);
  }

  /** Has a function called with this greenlet in the hub, where it cannot block, once it has ended. */
  rawlink(callback: (greenlet: this) => void): void {
    requireFunction(callback, "callback");
    this.#addLink(callback);
  }

  /** Takes back what was given to `link`, `linkValue`, `linkException` or `rawlink`, even while links are called. */
  unlink(target: LinkTarget<T> | ((greenlet: this) => void)): void {
    this.#links?.unlink(target);
  }

  /**
   * Takes back everything that was given to `link`, `linkValue`, `linkException` and `rawlink`: gevent's `unlink_all`.
   * Those who join it, wait for it, or have it in a group are told of its end all the same.
   */
  unlinkAll(): void {
    this.#links?.clear();
  }

  /** Whether anything is linked that {@link Greenlet.unlinkAll} would take back; gevent's `has_links`. */
  get hasLinks(): boolean {
    return this.#links?.linked ?? false;
  }

  /** Called once with the error that has ended it; tells the hub, unless a subclass knows somebody better. */
  protected report(error: unknown): void {
    hub.handleError(this, error);
  }

  /**
   * Called once when it has ended, in whichever way, even if it never ran; it cannot block. For
   * subclasses that have to see to something in any case; others use {@link Greenlet.link}.
   */
  protected ended(): void {}

  /** The end of an `await using` block: kills it and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  /** For example `<Greenlet "Greenlet-3": fetchAll>`. */
  toString(): string {
    return `<${this.constructor.name} "${this.name}"${
      this.#fnName === "" ? "" : `: ${this.#fnName}`
    }>`;
  }

  #startAtOnce(): void {
    if (this.#status !== "new") return;
    if (!hub.isIdle || hub.spawnCallbacks !== null) return this.start();
    this.#register();
    currentScope.run(this.#openScope(), () => this.#body());
  }

  #openScope(): Scope {
    const scope = this.#scope = new Scope(null);
    scope.owner = this;
    return scope;
  }

  #register(): void {
    const parent = this.#parent = scopeOfCaller().root.owner as Greenlet;
    if (parent.#status !== "main") this.#treeLocals = parent.#treeLocals ??= {};
    this.#status = "scheduled";
    if (hub.trackSpawnSites) this.#spawnSite = callerSite();
    this.#place = hub.live.add(this as Greenlet);
  }

  #schedule(): Start {
    this.#register();
    // The reaction keeps the AsyncLocalStorage values of the caller for the body, at no cost. The scope is entered only
    // when it runs: many greenlets end in their first turn, and entering is the most expensive part of a greenlet.
    void new Promise<void>(rememberResolve).then(() =>
      currentScope.run(this.#scope!, () => this.#body())
    );
    const start = this.#start = new Start(this as Greenlet, executorResolve);
    if (hub.spawnCallbacks !== null) this.#announce(hub.spawnCallbacks); // which may kill it
    return start;
  }

  #announce(callbacks: Set<(greenlet: never) => unknown>): void {
    for (const callback of callbacks) {
      hub.runCallback(callback as (greenlet: Greenlet) => void, this as Greenlet);
    }
  }

  #letRun(): void {
    const { go } = this.#start!;
    this.#start = undefined;
    if (this.#status === "done") return; // killed in the meantime
    hub.running = this.#openScope();
    go();
  }

  #body(): void {
    if (this.#status === "done") return; // killed after the hub had let it run, by a promise from elsewhere
    this.#status = "running";
    try {
      const result = this.run();
      // Not awaited: for the hundreds of thousands that are parked, the frame of an async function is a lot.
      if (isThenable(result)) {
        const scope = this.#scope!;
        scope.tail = scope.follow(result).then(
          (value) => this.#end("value", value),
          (error) => this.#fail(error),
        );
      } else this.#end("value", result);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (error instanceof GreenletExit) this.#end("exit", error);
    else {this.#end(
        error instanceof Interrupt || error === this.#killedBy ? "killed" : "error",
        error,
      );}
  }

  #kill(exception: unknown, persistent: boolean): void {
    if (this.#status === "main") {
      throw new TypeError("Cannot kill the main greenlet: it is the code outside every greenlet");
    }
    if (this.#status !== "done") this.#raise(toError(exception), persistent);
  }

  #raise(error: unknown, persistent: boolean): void {
    this.#killedBy = error;
    if (this.#status === "running") {
      if (persistent) this.#scope!.persistent = { error };
      this.#scope!.interrupt(error);
      this.#controller?.abort(error);
      return;
    }
    if (this.#start?.timer !== undefined) hub.removeTimer(this.#start.timer);
    this.#fail(error);
    this.#controller?.abort(error);
  }

  #end(result: Result, outcome: unknown): void {
    this.#status = "done";
    this.#result = result;
    this.#outcome = outcome;
    this.#fn = undefined;
    this.#args = NO_ARGS;
    this.#locals = undefined;
    if (this.#id !== undefined) hub.releaseId(this.#id);
    if (this.#place !== undefined) hub.live.remove(this.#place);
    this.#place = undefined;
    // Or a chain of greenlets that each start the next one would never be collected.
    this.#parent = undefined;
    const scope = this.#scope;
    if (scope !== undefined) {
      this.#scope = undefined;
      scope.ending = result === "exit" || result === "killed" ? "killed" : "ended";
      scope.pending = null;
      if (hub.running === scope) hub.running = null;
    }
    if (!this.successful) this.#report(outcome);
    hub.runCallback(callEnded, this as Greenlet);
    this.#links?.notify();
  }

  /** Whatever a subclass makes of it, those who wait for the end must be told of that. */
  #report(error: unknown): void {
    try {
      hub.reportFailure(this, this.report(error) as unknown);
    } catch (failure) {
      hub.handleError(this, failure);
    }
  }

  #join(options: WaitOptions | undefined, kind: WaitKind<void>): Promise<void> {
    return parkWait(
      (wait) => {
        const watch = this.#watchEnd(() => wait.resume(undefined));
        return () => this.#links!.delete(watch);
      },
      options,
      kind,
    );
  }

  #addLink(call: (greenlet: this) => void, given: unknown = call): void {
    this.#links ??= new Links<Greenlet<unknown>>(this);
    this.#links.add(call as (greenlet: Greenlet<unknown>) => void, given);
    if (this.#status === "done") this.#links.notify();
  }

  #watchEnd(call: (greenlet: Greenlet<unknown>) => void): EndWatch {
    this.#links ??= new Links<Greenlet<unknown>>(this);
    const watch = this.#links.addInternal(call);
    if (this.#status === "done") this.#links.notify();
    return watch;
  }

  #linkSpawning(target: LinkTarget<T>, wanted: () => boolean): void {
    if (typeof target !== "function" && typeof target?.setFrom !== "function") {
      requireFunction(target, "target");
    }
    this.#addLink(() => {
      if (!wanted()) return;
      if (typeof target === "function") new Greenlet(target, this).start();
      else target.setFrom(this);
    }, target);
  }
}

/** Refuses what is not a greenlet. */
export function requireGreenlet(value: unknown): void {
  if (value instanceof Greenlet) return;
  throw new TypeError(
    `Cannot use 'greenlet' as it must be a Greenlet: received ${Deno.inspect(value)}`,
  );
}

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}

/** The first place on the stack that is not in this library's core. */
function callerSite(): string | undefined {
  const folder = new URL(".", import.meta.url).href;
  const frames = new Error().stack?.split("\n").slice(1) ?? [];
  const frame = frames.find((line) => !line.includes(folder));
  return /\(?((?:file|https?|npm|node|data|blob|ext):[^)\s]*)\)?$/.exec(frame ?? "")?.[1];
}

/** The error to raise for whatever a caller of `kill` gave. */
function toError(exception: unknown): unknown {
  if (exception === undefined) return new GreenletExit();
  if (exception instanceof Error) return exception;
  if (typeof exception === "function" && exception.prototype instanceof Error) {
    return new (exception as new () => Error)();
  }
  return new Error(`Killed with what is not an error: ${Deno.inspect(exception)}`, {
    cause: exception,
  });
}
