/**
 * Waits of code that does not know of greenlets.
 *
 * Where a patched function of the runtime is called, somebody else's code waits: in a greenlet, but not necessarily on its
 * behalf. A client that was opened in a greenlet has a loop of its own that reads; a batch that was begun there serves others
 * as well. All of that runs in the context of the greenlet, and none of it may be interrupted with it, or the client is
 * dead and the others get an error that is not theirs.
 *
 * So an adopted wait finds out, at the moment at which an interrupt comes, whether the greenlet's own function awaits it,
 * through however many frames. The engine can tell: it lists the awaiting frames in stack traces. An interrupt resolves
 * the promise that the code awaits with an object that has a `then`. The engine calls that in a microtask whose stack trace
 * goes through what awaits the promise. If it leads to the greenlet, the promise is rejected; else the wait goes on, and
 * whatever comes later settles it. Nothing is recorded beforehand, which makes a wait cheap.
 *
 * The engine does not see through a promise that several wait for at a time, nor through functions that settle another
 * promise by hand, as `p-limit` does. Such a wait goes on, and the interrupt is raised by the greenlet's next one.
 *
 * @module
 */

import { rejectVisibly } from "./awaiting_frames.ts";
import { hub, type Runnable } from "./scheduler.ts";
import {
  currentScope,
  type InterruptOffer,
  mainScope,
  type Scope,
  type ScopeMember,
} from "./scope.ts";
import { dispose, handOver } from "./until.ts";
import type { Waiter } from "./waiter.ts";

/** What may be told that nobody waits for it any more. */
export interface Abandonable {
  /** Ends the operation, as far as that can be done: called when the wait was given up. */
  abandon?(error: unknown): void;
  /** Called in its place when the operation was never begun, as an interrupt was outstanding. */
  refuse?(error: unknown): void;
}

/** What an adopted wait needs besides what it waits for. */
export interface AdoptOptions<T> extends Abandonable {
  /** Gets the value when it comes, in time or not. */
  arrived?(value: T): void;
  /** Gets a value that comes after the wait was given up, to give it back; by default it is disposed of. */
  orphan?(value: T): unknown;
}

/** What is waited for, as shown where blocked greenlets are listed. */
export interface AdoptedKind {
  /** For example `fetch`. */
  readonly name: string;
}

/**
 * The scope that waits of the calling code belong to, if they are to be adopted. Code outside greenlets is left alone, and
 * so is what a greenlet has left behind: its kill has come too late for that, or never came.
 */
export function adoptingScope(): Scope | undefined {
  let scope = currentScope.getStore();
  if (scope === undefined || hub.inCallback) return undefined;
  while (scope.closed) scope = scope.parent!;
  return scope === mainScope || scope.root.ending !== "alive" ? undefined : scope;
}

/**
 * Waits for an operation, in a scope that {@link adoptingScope} gave. If an interrupt is outstanding, the operation is
 * begun only once that has turned out to be meant for others.
 */
export function adopt<T>(
  scope: Scope,
  begin: () => PromiseLike<T>,
  kind: AdoptedKind,
  options?: AdoptOptions<T>,
): Promise<T> {
  const outstanding = scope.offerInterrupt();
  if (outstanding === undefined) {
    const promise = begin();
    const wait = new AdoptedWait<T>(scope, kind, options);
    wait.follow(promise, options);
    return wait.promise;
  }
  const wait = new AdoptedWait<T>(scope, kind, options);
  wait.considerFirst(outstanding, () => wait.follow(begin(), options));
  return wait.promise;
}

/** Something that waits can be registered with. */
export interface ParkingLot<T> {
  /** Registers a wait. */
  park(wait: Waiter<T>): void;
  /** Takes that back, as the wait was given up. */
  abandon(): void;
}

/** {@link adopt} for what is not begun by making a promise. */
export function adoptParked<T>(scope: Scope, lot: ParkingLot<T>, kind: AdoptedKind): Promise<T> {
  const wait = new AdoptedWait<T>(scope, kind, lot);
  const outstanding = scope.offerInterrupt();
  if (outstanding === undefined) lot.park(wait);
  else wait.considerFirst(outstanding, () => lot.park(wait));
  return wait.promise;
}

/** Resolves a promise. */
export type Resolve<T> = (value: T | PromiseLike<T>) => void;
/** Rejects a promise. */
export type Reject = (error: unknown) => void;

/** What the engine calls when a promise was resolved with an object that has it. */
export type Then<T> = (resolve: Resolve<T>, reject: Reject) => void;

let executorResolve!: Resolve<never>;
const rememberResolve = (resolve: Resolve<never>): void => {
  executorResolve = resolve;
};

const PARKED = 0;
const RESUMED = 1;
const FAILED = 2;
const GIVEN_UP = 3;

/** A wait that is resumed in the greenlet's turn like any other, and interrupted only if it is the greenlet's own. */
export abstract class ForeignWait<T> implements Waiter<T>, Runnable, ScopeMember {
  /** Where the wait was begun. */
  readonly scope: Scope;
  /** What it is for. */
  readonly kind: AdoptedKind;
  /** See {@link ScopeMember.order}. */
  readonly order: number;
  /** See {@link ScopeMember.memberIndex}. */
  memberIndex = 0;
  #state: typeof PARKED | typeof RESUMED | typeof FAILED | typeof GIVEN_UP = PARKED;
  #outcome: unknown = undefined;
  #offer: InterruptOffer | undefined;
  /** Those that came while it was being considered. */
  #later: InterruptOffer[] | undefined;
  #resolve: Resolve<T>;

  /** Begins a wait of whoever awaits the promise that `resolve` resolves. */
  constructor(scope: Scope, kind: AdoptedKind, resolve: Resolve<T>) {
    this.scope = scope;
    this.kind = kind;
    this.order = hub.nextOrder();
    this.#resolve = resolve;
    scope.join(this);
    if (hub.running === scope.root) hub.running = null;
  }

  /** See {@link Waiter.settled}. */
  get settled(): boolean {
    return this.#state !== PARKED;
  }

  /** See {@link Waiter.resume}. */
  resume(value: T): boolean {
    return this.#settle(RESUMED, value);
  }

  /** See {@link Waiter.fail}. */
  fail(error: unknown): boolean {
    return this.#settle(FAILED, error);
  }

  /** See {@link ScopeMember.consider}. */
  consider(offer: InterruptOffer): void {
    if (this.#state !== PARKED) return;
    if (this.#offer !== undefined) return void (this.#later ??= []).push(offer);
    this.#offer = offer;
    offer.decideLater(this);
  }

  /** Waits of this kind only ever consider interrupts. */
  interrupt(_error: unknown): void {}

  /** Settles the promise, or lets it be decided how the wait goes on; called by the hub when its turn has come. */
  run(): void {
    hub.running = this.scope.root;
    if (this.#offer === undefined || this.#state !== PARKED) return this.#go();
    const { error } = this.#offer;
    const decide: Then<T> = (resolve, reject) => this.#decide(resolve, reject);
    if (this.ask(this.#resolve, decide, error) || !this.leave()) return;
    hub.noteInterrupt(error);
    this.giveUp(error);
  }

  /**
   * Resolves the promise with what has the engine call `then`; says whether it will. If not, the promise is settled, with the
   * error that is to be raised if it was not before, and the wait is over.
   */
  protected ask(resolve: Resolve<T>, then: Then<T>, _error: unknown): boolean {
    resolve({ then } as never);
    return true;
  }

  /** Forgets the wait, whose promise stays as it is; says whether it was one that waited. */
  protected leave(): boolean {
    if (this.#state !== PARKED) return false;
    this.#state = GIVEN_UP;
    this.scope.leave(this);
    this.left();
    return true;
  }

  /** Called when it waits no longer. */
  protected left(): void {}

  /** Called when an interrupt was considered, and was meant for others. */
  protected goOn(): void {}

  /** Called when an interrupt has ended the wait: ends the operation, as far as that can be done. */
  protected abstract giveUp(error: unknown): void;

  #settle(state: typeof RESUMED | typeof FAILED, outcome: unknown): boolean {
    if (this.#state !== PARKED) return false;
    this.#state = state;
    this.#outcome = outcome;
    this.scope.leave(this);
    this.left();
    hub.enqueue(this);
    return true;
  }

  #go(): void {
    const outcome = this.#outcome;
    if (this.#state === RESUMED) return this.#resolve(outcome as T);
    if (this.#state === FAILED) rejectVisibly(this.#resolve, outcome);
  }

  /** Called by the engine, as the job in which the promise takes over what it was resolved with. */
  #decide(resolve: Resolve<T>, reject: Reject): void {
    const offer = this.#offer!;
    this.#offer = undefined;
    this.#resolve = resolve;
    if (this.#state !== PARKED) return this.#go();
    if (!isAwaited(this, offer.aim) || !offer.take()) {
      const later = this.#later?.shift();
      return later === undefined ? this.goOn() : this.consider(later);
    }
    this.leave();
    hub.noteInterrupt(offer.error);
    this.giveUp(offer.error);
    reject(offer.error);
  }
}

/** The wait for an operation that was asked for by a call. */
export class AdoptedWait<T> extends ForeignWait<T> {
  /** What the code awaits. */
  readonly promise: Promise<T>;
  #begin: (() => void) | undefined;
  readonly #operation: Abandonable | undefined;

  /** Begins a wait; the operation is told when it is given up. */
  constructor(scope: Scope, kind: AdoptedKind, operation: Abandonable | undefined) {
    const promise = new Promise<T>(rememberResolve as never);
    super(scope, kind, executorResolve as Resolve<T>);
    this.promise = promise;
    this.#operation = operation;
    if (hub.awaits !== null) hub.awaits.onWait(promise, this);
  }

  /** Ends when a promise does; `orphan` of the options gets a value that comes too late. */
  follow(promise: PromiseLike<T>, options: AdoptOptions<T> | undefined): void {
    promise.then((value) => {
      options?.arrived?.(value);
      if (this.resume(value)) return;
      handOver(value, options?.orphan === undefined ? dispose : (late) => options.orphan!(late));
    }, (error) => void this.fail(error));
  }

  /** Has an interrupt considered that was there before; the operation is begun only if it is not meant. */
  considerFirst(offer: InterruptOffer, begin: () => void): void {
    this.#begin = begin;
    this.consider(offer);
  }

  protected override goOn(): void {
    const begin = this.#begin;
    this.#begin = undefined;
    try {
      begin?.();
    } catch (error) {
      this.fail(error);
    }
  }

  protected override giveUp(error: unknown): void {
    const operation = this.#operation;
    const end = this.#begin === undefined ? operation?.abandon : operation?.refuse;
    this.#begin = undefined;
    if (end !== undefined) hub.runCallback(() => end.call(operation, error));
  }
}

/** What a stack trace is made of, as far as it is looked at here. */
interface CallSite {
  getFunctionName(): string | null;
  getFileName(): string | null | undefined;
  /** Whether it is one that awaits. */
  isAsync(): boolean;
}

/** Awaits the end of a greenlet, so that its frame is the last one in the stack traces of all that the greenlet awaits. */
async function theGreenletItself(tail: PromiseLike<unknown>): Promise<void> {
  await tail;
}

/**
 * Whether the promise of a wait, which the current microtask is about to settle, is awaited, in the end, by the greenlet
 * of its scope; or, where the interrupt is aimed at a part of the greenlet, or of the main program, by the function of the
 * library that opened that. The microtask has to be the call of the `then` that the promise was resolved with.
 */
function isAwaited(wait: { readonly scope: Scope }, aim: Scope): boolean {
  // Awaits that are observed have no frames in stack traces until a microtask later.
  if (hub.awaits !== null) return hub.awaits.reaches(aim, wait);
  const { root } = wait.scope;
  if (root.tail !== undefined) void theGreenletItself(root.tail);
  root.tail = undefined;
  // Where nothing can be told: a kill that goes too far is better than one that never comes.
  if (!tracesAwaits) return true;
  const frames = callSites()?.filter((frame) => frame.isAsync());
  return frames === undefined || frames.some((frame) => {
    const file = frame.getFileName() ?? "";
    if (frame.getFunctionName() === theGreenletItself.name) return file === thisFile;
    return aim.parent !== null && file.startsWith(folderOf(thisFile));
  });
}

/** The frames on the stack and those that await, through the reaction that is being run; `undefined` if they cannot be had. */
function callSites(): CallSite[] | undefined {
  const { stackTraceLimit } = Error;
  const prepare = Object.getOwnPropertyDescriptor(Error, "prepareStackTrace");
  try {
    Error.stackTraceLimit = Infinity;
    Object.defineProperty(Error, "prepareStackTrace", {
      value: (_error: unknown, sites: CallSite[]) => sites,
      configurable: true,
      writable: true,
    });
    const holder: { stack?: CallSite[] } = {};
    Error.captureStackTrace(holder, callSites);
    return Array.isArray(holder.stack) ? holder.stack : undefined;
  } catch {
    return undefined; // somebody has made `Error` unchangeable
  } finally {
    restorePreparation(stackTraceLimit, prepare);
  }
}

function restorePreparation(limit: number, prepare: PropertyDescriptor | undefined): void {
  if (Object.isFrozen(Error)) return;
  Error.stackTraceLimit = limit;
  if (prepare === undefined) delete (Error as { prepareStackTrace?: unknown }).prepareStackTrace;
  else Object.defineProperty(Error, "prepareStackTrace", prepare);
}

function folderOf(file: string): string {
  return file.slice(0, file.lastIndexOf("/") + 1);
}

/** How this file is called in stack traces: some runtimes say a path, and some a URL. */
let thisFile = "";
/** Whether the engine lists the frames that await: tried out once, when the module is loaded. */
let tracesAwaits = true;

async function tryTraces(): Promise<void> {
  thisFile = callSites()?.[0]?.getFileName() ?? "";
  // Not at once, as awaits take longer to be seen when they are observed.
  const seen = Promise.resolve().then(() => {}).then(() => {}).then(() => {}).then(() =>
    callSites()?.some((frame) => frame.isAsync() && frame.getFileName() === thisFile)
  );
  let answer: boolean | undefined;
  await theGreenletItself(seen.then((found) => void (answer = found)));
  tracesAwaits = answer === true;
}

void tryTraces();
