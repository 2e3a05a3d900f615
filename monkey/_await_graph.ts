/**
 * Who awaits what: the graph that the deep mode reads, and how an interrupt finds its place in it.
 *
 * An `await` of a native promise asks that promise for its `constructor`; getting an answer that is not the built-in one,
 * the engine makes a wrapper promise whose parent is the promise of the waiting async function, and calls the `then` of
 * what is awaited with the two functions that settle the wrapper. The three events together say exactly which frame waits
 * for which promise, and the last brings the function that ends this one wait with an error. Frames that are called
 * through `Promise.all` and its like, through `new Promise` around a `then`, or by `return promise` without `await`, are
 * joined by further edges.
 *
 * Two things are seen of which it cannot be told at once, or ever, where they belong: a promise is handed to `then` with
 * functions that settle another promise, which nobody knows (a tail, as `return promise` leaves it); and a frame awaits
 * what does not tell of itself (an unexplained await, as of a promise of a subclass). They are kept for their scope: a
 * frame that is stuck with no `await` to be seen is taken to stand before its scope's only open tail, and an unexplained
 * await is explained by the next call of a `then` that nothing else explains.
 *
 * Over 400 lines, as what is noted of a promise and what is read from that cannot be understood apart.
 *
 * @module
 */

import { hub, type Runnable } from "../core/scheduler.ts";
import { currentScope, Scope } from "../core/scope.ts";
import { isSettler } from "./_settlers.ts";

/** The runtime's view of a promise: whether it is settled. */
export interface PromiseStates {
  /** Whether a promise is still pending. */
  isPending(promise: object): boolean;
}

/** One `await`: a frame of an async function that waits for a promise. */
interface Await {
  /** What is awaited, once that is known: of a promise of a subclass it is only one microtask later. */
  awaited: object | undefined;
  /** What the engine really waits for; follows `awaited`, unless it is rejected before. */
  readonly wrapper: object;
  /** The scope the frame runs in. */
  readonly scope: Scope;
  /** Where the `await` stands, if places are recorded and it has told of itself. */
  readonly site: CallSite | undefined;
  /** Rejects the wrapper; known one microtask after the `await`. */
  reject: ((error: unknown) => void) | undefined;
}

/** A stack trace that ends with a place. It is made a text only when that is read, which takes most of the time. */
interface CallSite {
  readonly stack?: string;
}

/** A wait of the library, as far as it matters here. */
interface OwnWait {
  readonly settled: boolean;
  readonly scope: Scope;
}

/** What is known of one promise. */
class PromiseNode {
  /** As the promise of a wait of the library: that wait. */
  wait: OwnWait | undefined;
  /** As the promise of an async function: its latest `await`. */
  awaiting: Await | undefined;
  /** Awaits of this promise whose `then` has not been called yet, in order. */
  unlinked: Await[] | undefined;
  /** Promises that this one was made of, as by `Promise.all`. */
  sources: object[] | undefined;
}

/** Lets a private field be added to objects of others: far cheaper than a `WeakMap`, and nobody can see it. */
class Stamp {
  constructor(target: object) {
    return target;
  }
}

class Stamped extends Stamp {
  #node: PromiseNode;

  constructor(target: object, node: PromiseNode) {
    super(target);
    this.#node = node;
  }

  static of(target: object): PromiseNode | undefined {
    return #node in target ? (target as Stamped).#node : undefined;
  }
}

/** Promises handed to `then` together with the functions that settle another promise, which is not known. */
interface Tail {
  readonly awaited: object;
}

/** What looking for the place of an interrupt has found. */
interface Search {
  readonly scope: Scope;
  readonly seen: Set<object>;
  readonly found: Set<Await>;
  /** Waits of the library that were come across. */
  readonly waits: Set<OwnWait>;
  /** Whether there is something that has to come to an end, or to its next wait, first. */
  later: boolean;
}

/** How many tails, or awaits of nobody knows what, a scope keeps before it looks which are over. */
const MOST_OPEN = 8;

/** Notes awaits while they happen; interrupts the innermost ones. */
export class AwaitGraph {
  /** Whether the built-in `then` is at work, which asks for a constructor, and makes a promise, that are no await's. */
  deriving = false;
  /** How many combinators are calling the `then` of what they combine. */
  combining = 0;
  readonly #states: PromiseStates;
  readonly #sites: boolean;
  readonly #tails = new WeakMap<Scope, Tail[]>();
  /** Awaits of what is no plain promise. */
  readonly #unexplained = new WeakMap<Scope, Await[]>();
  /** Promises of the frames that are ours, and that nobody wants to see. */
  readonly #enclosing = new WeakSet<object>();
  /** The promise whose constructor was just asked for by code in a scope: what comes next tells whether by an `await`. */
  #asked: object | undefined;
  #askedIn: Scope | undefined;
  #askedAt: CallSite | undefined;
  /** What was made for the latest await. */
  #wrapper: object | undefined;

  /** `sites` says whether to record where each `await` stands, which is slow. */
  constructor(states: PromiseStates, sites: boolean) {
    this.#states = states;
    this.#sites = sites;
  }

  /** Has an `await` in the scope of a function, also of one that is no async function. */
  enclose<T>(body: PromiseLike<T>): Promise<T> {
    const enclosing = (async () => await body)();
    this.#enclosing.add(enclosing);
    return enclosing;
  }

  /** The constructor of a promise was asked for. */
  onConstructorRead(promise: object): void {
    const scope = currentScope.getStore();
    this.#asked = scope === undefined ? undefined : promise;
    if (scope === undefined) return;
    this.#askedIn = scope;
    if (this.#sites) this.#askedAt = callSite();
  }

  /** Whoever asked for a constructor was not an `await`. */
  forgetConstructorRead(): void {
    this.#asked = undefined;
  }

  /** A promise was made by the engine; `parent` is the promise of the frame that awaits, if it was made for an `await`. */
  onInit(promise: object, parent: object | undefined): void {
    if (this.deriving) return;
    const awaited = this.#asked;
    this.#asked = undefined;
    const wrapper = this.#wrapper;
    this.#wrapper = undefined;
    // The engine makes a second one, below the first, that nobody gets to see.
    if (parent === undefined || parent === awaited || parent === wrapper) return;
    const scope = awaited === undefined ? currentScope.getStore() : this.#askedIn;
    if (scope === undefined) return;
    this.#wrapper = promise;
    const site = awaited === undefined ? undefined : this.#askedAt;
    const made: Await = { awaited, wrapper: promise, scope, site, reject: undefined };
    nodeOf(parent).awaiting = made;
    if (awaited === undefined) this.#keepOpen(this.#unexplained, scope, made);
    else (nodeOf(awaited).unlinked ??= []).push(made);
  }

  /** The `then` of a promise was called; says whether by a program, which may do something with what it returns. */
  onThen(promise: object, onFulfilled: unknown, onRejected: unknown): boolean {
    this.#asked = undefined;
    const scope = currentScope.getStore();
    if (scope === undefined || this.combining > 0) return false;
    if (typeof onFulfilled !== "function") return true;
    const resolves = Stamped.of(onFulfilled);
    if (resolves !== undefined) {
      (resolves.sources ??= []).push(promise);
      return false;
    }
    if (!isSettler(onFulfilled) || !isSettler(onRejected)) return true;
    const made = this.#awaitOf(promise, scope);
    if (made === undefined) {
      this.#keepOpen(this.#tails, scope, { awaited: promise });
    } else {
      made.awaited = promise;
      made.reject = onRejected;
      this.#raisePending(made);
    }
    return false;
  }

  /** The await that a call of `then` by the engine belongs to. */
  #awaitOf(promise: object, scope: Scope): Await | undefined {
    const node = Stamped.of(promise);
    if (node?.unlinked !== undefined) {
      const made = node.unlinked.shift();
      if (node.unlinked.length === 0) node.unlinked = undefined;
      return made;
    }
    // One that did not tell of itself when it was awaited.
    if (Object.getPrototypeOf(promise) === Promise.prototype) return undefined;
    const open = this.#unexplained.get(scope);
    const at = open?.findIndex((made) => this.#isOpen(made)) ?? -1;
    return at === -1 ? undefined : open!.splice(at, 1)[0];
  }

  /** A promise was made of others. */
  onCombined(promise: object, sources: object[]): void {
    if (currentScope.getStore() !== undefined) nodeOf(promise).sources = sources;
  }

  /**
   * A promise is about to be made by a program: whoever passes `resolve` to the `then` of another promise makes this one
   * follow it. Returns what tells of the promise itself.
   */
  beginPromise(): ((promise: object) => void) & { resolveIs(resolve: object): void } | undefined {
    if (currentScope.getStore() === undefined) return undefined;
    const node = new PromiseNode();
    return Object.assign((promise: object) => void new Stamped(promise, node), {
      resolveIs: (resolve: object) => void new Stamped(resolve, node),
    });
  }

  /** A promise is that of a wait of the library, which can be interrupted itself; or a function resolves that promise. */
  onWait(promise: object, wait: OwnWait | undefined): void {
    nodeOf(promise).wait = wait;
  }

  /** Whether the function that a scope was opened for awaits a wait of the library, through however many frames. */
  reaches(scope: Scope, wait: OwnWait): boolean {
    return this.#find(scope).waits.has(wait);
  }

  /**
   * Raises an error at the innermost awaits of the function that a scope was opened for, as far as they are not waits of the
   * library.
   */
  interrupt(scope: Scope, error: unknown): "raised" | "later" | "elsewhere" {
    const search = this.#find(scope);
    for (const place of search.found) {
      hub.enqueue(new Interruption(this.#states, scope, place, error));
    }
    return search.found.size > 0 ? "raised" : search.later ? "later" : "elsewhere";
  }

  /** Whether the engine tells what it must: tried out on an `await` that nobody will miss. */
  seesAwaits(): boolean {
    return currentScope.run(new Scope(null), () => {
      const awaited = new Promise<never>(() => {});
      const frame = (async () => await awaited)();
      return Stamped.of(frame)?.awaiting?.awaited === awaited;
    });
  }

  /** What the function that a scope was opened for waits for, from the outside in. */
  chain(scope: Scope): string[] {
    const sites: (CallSite | undefined)[] = [];
    let promise: object | undefined = scope.body;
    for (let depth = 0; promise !== undefined && depth < 100; depth++) {
      const made = Stamped.of(promise)?.awaiting;
      if (made === undefined || !this.#states.isPending(made.wrapper)) break;
      if (!this.#enclosing.has(promise)) sites.push(made.site);
      promise = made.awaited;
    }
    const lines = this.#sites || sites.length === 0
      ? sites.map((site) => `awaits at ${placeOf(site)}`)
      : [`awaits ${sites.length} function${sites.length === 1 ? "" : "s"} deep`];
    const sources = promise === undefined ? undefined : Stamped.of(promise)?.sources;
    if (sources !== undefined) {
      const open = sources.filter((source) => this.#states.isPending(source)).length;
      lines.push(`awaits ${open} of ${sources.length} promises`);
    }
    return lines;
  }

  #find(scope: Scope): Search {
    const search: Search = {
      scope,
      seen: new Set(),
      found: new Set(),
      waits: new Set(),
      later: false,
    };
    if (scope.body !== undefined) this.#visit(scope.body, search);
    return search;
  }

  /**
   * Looks below a promise for awaits to end. Says `true` when whoever awaits it must be left alone: there was something
   * to end below, or there will be, as a value is on its way or a shield has to end first.
   */
  #visit(promise: object, search: Search): boolean {
    if (search.seen.has(promise) || !this.#states.isPending(promise)) return false;
    search.seen.add(promise);
    const wait = Stamped.of(promise)?.wait;
    if (wait !== undefined) {
      if (!isWithin(wait.scope, search.scope)) return false;
      if (wait.settled || isSheltered(wait.scope, search.scope)) search.later = true;
      else search.waits.add(wait);
      return true;
    }
    const node = Stamped.of(promise);
    const made = node?.awaiting;
    if (made !== undefined && this.#states.isPending(made.wrapper)) {
      if (!isWithin(made.scope, search.scope)) return false; // a frame of somebody else
      if (isSheltered(made.scope, search.scope)) return search.later = true;
      if (made.awaited === undefined) return false; // a thenable: only those above can be told
      if (this.#visit(made.awaited, search)) return true;
      if (made.reject !== undefined && this.#states.isPending(made.awaited)) search.found.add(made);
      else search.later = true;
      return true;
    }
    if (node?.sources !== undefined) {
      let taken = false;
      for (const source of node.sources) taken = this.#visit(source, search) || taken;
      return taken;
    }
    const tails = this.#openTails(search);
    if (tails.length === 1) return this.#visit(tails[0]!, search);
    // An async function that awaits nothing, and has not returned a promise, is running, or about to.
    if (made !== undefined && tails.length === 0) return search.later = true;
    return false;
  }

  /** An interrupt that has found nothing to end yet finds this, if it is a place where it belongs. */
  #raisePending(made: Await): void {
    for (let scope: Scope | null = made.scope; scope !== null; scope = scope.parent) {
      const [error] = scope.pending ?? (scope.persistent === null ? [] : [scope.persistent.error]);
      if (error !== undefined && this.#find(scope).found.has(made)) {
        scope.withdraw(error);
        hub.enqueue(new Interruption(this.#states, scope, made, error));
        return;
      }
      if (scope.shielded) return;
    }
  }

  #keepOpen<T extends Tail | Await>(table: WeakMap<Scope, T[]>, scope: Scope, entry: T): void {
    const open = table.get(scope);
    if (open === undefined) {
      table.set(scope, [entry]);
      return;
    }
    if (open.length >= MOST_OPEN) {
      open.splice(0, open.length, ...open.filter((kept) => this.#isOpen(kept)));
    }
    open.push(entry);
  }

  #isOpen(entry: Tail | Await): boolean {
    return this.#states.isPending("wrapper" in entry ? entry.wrapper : entry.awaited);
  }

  /** Promises that functions of a scope have returned: with only one, it is clear which function it was. */
  #openTails({ scope, seen }: Search): object[] {
    const open: object[] = [];
    const collect = (of: Scope): void => {
      for (const { awaited } of this.#tails.get(of) ?? []) {
        if (!seen.has(awaited) && this.#states.isPending(awaited)) open.push(awaited);
      }
    };
    collect(scope);
    for (const child of scope.children ?? []) if (!child.shielded) collect(child);
    return open;
  }
}

/** Raises an error at an await, in the greenlet's turn, unless what is awaited has come in the meantime. */
class Interruption implements Runnable {
  readonly #states: PromiseStates;
  readonly #scope: Scope;
  readonly #place: Await;
  readonly #error: unknown;

  constructor(states: PromiseStates, scope: Scope, place: Await, error: unknown) {
    this.#states = states;
    this.#scope = scope;
    this.#place = place;
    this.#error = error;
  }

  run(): void {
    const { awaited, wrapper, reject, scope } = this.#place;
    if (this.#states.isPending(wrapper) && this.#states.isPending(awaited!)) {
      hub.noteInterrupt(this.#error);
      hub.running = scope.root;
      reject!(this.#error);
    } else if (this.#scope.root.ending === "alive" && !this.#scope.closed) {
      this.#scope.interrupt(this.#error);
    }
  }
}

function nodeOf(promise: object): PromiseNode {
  const known = Stamped.of(promise);
  if (known !== undefined) return known;
  const node = new PromiseNode();
  new Stamped(promise, node);
  return node;
}

/** Whether a scope is another one, or in it. */
function isWithin(scope: Scope, outer: Scope): boolean {
  for (let at: Scope | null = scope; at !== null; at = at.parent) if (at === outer) return true;
  return false;
}

/** Whether a shield stands between an interrupt of `outer` and `scope`. */
function isSheltered(scope: Scope, outer: Scope): boolean {
  for (let at: Scope | null = scope; at !== null && at !== outer; at = at.parent) {
    if (at.shielded) return true;
  }
  return false;
}

/** The place of the `await` that is just being begun: two frames above the graph. */
function callSite(): CallSite {
  const holder: CallSite = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 2;
  Error.captureStackTrace(holder, AwaitGraph.prototype.onConstructorRead);
  Error.stackTraceLimit = limit;
  return holder;
}

function placeOf(site: CallSite | undefined): string {
  return site?.stack?.split("\n")[2]?.trim().replace(/^at (async )?/, "") ??
    "a place that is not known";
}
