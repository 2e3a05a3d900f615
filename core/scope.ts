/**
 * Scopes: what is carried across every `await`, and what an interrupt is aimed at.
 *
 * A greenlet has a root scope; `withTimeout` and task groups open child scopes under it, so that an interrupt hits only
 * the waits begun inside, even when one greenlet runs several promises at once. The current scope travels with the flow
 * of control; it is entered exactly once for each scope, as entering costs far more than reading.
 *
 * @module
 */

import { type ContextCarrier, makeCarrier, runtimeInternals } from "./context.ts";
import { LinkedList, type ListNode } from "./linked_list.ts";
import { hub, type Runnable } from "./scheduler.ts";

/** A parked wait, as seen by the scope it was begun in. */
export interface ScopeMember {
  /** Position in {@link Scope.members}. */
  memberIndex: number;
  /** Grows with every wait; tells which waits were begun before a timeout was started. */
  readonly order: number;
  /** What it is for. */
  readonly kind: { readonly name: string };
  /** Ends the wait with an error, undoing what it registered. */
  interrupt(error: unknown): void;
  /**
   * For a wait of somebody else's code, which finds out only later whether it is the greenlet that waits there: called in
   * place of `interrupt`. Until it takes the interrupt, that counts as one that found no wait to hit.
   */
  consider?(offer: InterruptOffer): void;
}

/** An interrupt, as it is offered to waits that have to find out first whether it is meant for them. */
export class InterruptOffer {
  /** What to raise. */
  readonly error: unknown;
  /** What the interrupt is aimed at. */
  readonly aim: Scope;
  #raised: boolean;
  readonly #considering: Runnable[] = [];

  /** `raised` says whether it has hit other waits already; else it is pending. */
  constructor(error: unknown, aim: Scope, raised: boolean) {
    this.error = error;
    this.aim = aim;
    this.#raised = raised;
  }

  /**
   * Has a wait decided, in the greenlet's turn, in the course of the same microtasks as all others that consider this: one
   * that raises it ends what others are awaited by.
   */
  decideLater(wait: Runnable): void {
    if (this.#considering.push(wait) > 1) return;
    hub.enqueue({
      run: () => {
        for (const one of this.#considering.splice(0)) one.run();
      },
    });
  }

  /**
   * Takes the interrupt, in order to raise it; says whether it still stands: it may have been raised by another wait, or
   * taken back, as that of a timeout that was cancelled. Waits that it was offered to together can all take it.
   */
  take(): boolean {
    const { aim, error } = this;
    return this.#raised ||= aim.withdraw(error) || aim.persistent?.error === error;
  }
}

/** How the greenlet of a root scope ended; waits begun in it afterwards depend on it. */
export type Ending = "alive" | "ended" | "killed";

/** A part of a greenlet's life that can be interrupted as a whole. */
export class Scope {
  /** The scope around this one; `null` for the root scope of a greenlet. */
  readonly parent: Scope | null;
  /** The root scope of the same greenlet. */
  readonly root: Scope;
  /** Whose scope it is; set on root scopes only. */
  owner: object | null = null;
  /** How the owner ended; kept on root scopes only. */
  ending: Ending = "alive";
  /** Waits parked here: none, the only one, or several. */
  members: ScopeMember | ScopeMember[] | null = null;
  /** Child scopes that are open, or still have waits parked in them. */
  children: LinkedList<Scope> | null = null;
  /** Interrupts that found no wait to hit; raised by the next waits. */
  pending: unknown[] | null = null;
  /** The promise of the function that the scope was opened for, if it returned one. */
  body: PromiseLike<unknown> | undefined;
  /** What comes after the body: settled when the greenlet has taken its result. Kept on root scopes only. */
  tail: PromiseLike<unknown> | undefined;
  /** Whether the code that runs here has left it. */
  closed = false;
  /** Raised by every further wait, once set: a persistent kill. */
  persistent: { readonly error: unknown } | null = null;
  /** Whether interrupts of the scopes above stop here. */
  shielded = false;
  #place: ListNode<Scope> | null = null;

  /** Opens a scope inside `parent`, or the root scope of a greenlet. */
  constructor(parent: Scope | null) {
    this.parent = parent;
    this.root = parent === null ? this : parent.root;
    if (parent !== null) this.#place = (parent.children ??= new LinkedList()).add(this);
  }

  /** Lists a wait that was begun here. */
  join(member: ScopeMember): void {
    const members = this.members;
    if (members === null) {
      member.memberIndex = 0;
      this.members = member;
    } else if (Array.isArray(members)) {
      member.memberIndex = members.push(member) - 1;
    } else {
      member.memberIndex = 1;
      this.members = [members, member];
    }
  }

  /** Notes the promise of the function that the scope was opened for; whoever waits for it has to take the result. */
  follow<T>(body: PromiseLike<T>): PromiseLike<T> {
    // Where awaits can be interrupted, there has to be one in this scope, also for a function that is none that awaits.
    return this.body = hub.awaits === null ? body : hub.awaits.enclose(body);
  }

  /** {@link Scope.follow} for what a function has returned, promise or not. */
  followResult<T>(result: T | PromiseLike<T>): T | PromiseLike<T> {
    return result instanceof Promise ? this.follow(result) : result;
  }

  /** Forgets a wait that has ended. */
  leave(member: ScopeMember): void {
    const members = this.members;
    if (members === member) {
      this.members = null;
    } else if (Array.isArray(members)) {
      const last = members.pop()!;
      if (last !== member) {
        members[member.memberIndex] = last;
        last.memberIndex = member.memberIndex;
      }
      if (members.length === 0) this.members = null;
    }
    if (this.closed && this.members === null) this.close();
  }

  /** Ends the scope; while waits or open scopes are left in it, interrupts from above still find them. */
  close(): void {
    this.closed = true;
    this.pending = null;
    const parent = this.parent;
    if (
      parent === null || this.members !== null ||
      (this.children !== null && this.children.size > 0)
    ) return;
    if (this.#place !== null) parent.children!.remove(this.#place);
    if (parent.closed) parent.close();
  }

  /**
   * Ends every wait parked here and below with `error`; with none parked, the next wait begun here raises it.
   * Waits begun before `since` are left alone.
   */
  interrupt(error: unknown, since = 0): void {
    const observed = hub.awaits === null ? "elsewhere" : hub.awaits.interrupt(this, error);
    const parked: ScopeMember[] = [];
    const doubtful: ScopeMember[] = [];
    this.#collect(since, parked, doubtful);
    const raised = observed === "raised" || (observed === "elsewhere" && parked.length > 0);
    // These first: what the others raise ends what these are awaited by.
    if (doubtful.length > 0) {
      const offer = new InterruptOffer(error, this, raised);
      for (const member of doubtful) member.consider!(offer);
    }
    for (const member of parked) member.interrupt(error);
    if (!raised) (this.pending ??= []).push(error);
  }

  #collect(since: number, parked: ScopeMember[], doubtful: ScopeMember[]): void {
    const members = this.members;
    if (Array.isArray(members)) {
      for (const member of members) {
        if (member.order >= since) (member.consider === undefined ? parked : doubtful).push(member);
      }
    } else if (members !== null && members.order >= since) {
      (members.consider === undefined ? parked : doubtful).push(members);
    }
    if (this.children !== null) {
      for (const child of this.children) {
        if (!child.shielded) child.#collect(since, parked, doubtful);
      }
    }
  }

  /** Takes back an interrupt that no wait has raised yet; says whether there was one. */
  withdraw(error: unknown): boolean {
    const at = this.pending?.indexOf(error) ?? -1;
    if (at === -1) return false;
    this.pending!.splice(at, 1);
    if (this.pending!.length === 0) this.pending = null;
    return true;
  }

  /** The interrupt that a wait begun here must raise instead of waiting, if any; it is taken by asking. */
  takeInterrupt(): { readonly error: unknown } | undefined {
    const offer = this.offerInterrupt();
    offer?.take();
    return offer && { error: offer.error };
  }

  /** {@link Scope.takeInterrupt} for a wait that has to find out first whether it is meant. */
  offerInterrupt(): InterruptOffer | undefined {
    // deno-lint-ignore no-this-alias -- the walk goes up from here
    for (let scope: Scope | null = this; scope !== null; scope = scope.parent) {
      if (scope.pending !== null) return new InterruptOffer(scope.pending[0], scope, false);
      if (scope.persistent !== null) return new InterruptOffer(scope.persistent.error, scope, true);
      if (scope.shielded) return undefined;
    }
    return undefined;
  }

  /** Whether this is, or is in, a stretch that interrupts have to wait for. */
  get sheltered(): boolean {
    return this.shielded || (this.parent !== null && this.parent.sheltered);
  }

  /** Every wait parked here and below. */
  *parked(): IterableIterator<ScopeMember> {
    if (Array.isArray(this.members)) yield* this.members;
    else if (this.members !== null) yield this.members;
    if (this.children !== null) { for (const child of this.children) yield* child.parked(); }
  }
}

/** Carries the current scope; outside every greenlet it is empty. */
export const currentScope: ContextCarrier<Scope> = makeCarrier(runtimeInternals());

/** The scope of code that runs outside every greenlet. */
export const mainScope: Scope = new Scope(null);

/**
 * The scope that the caller runs in. Work that outlives the scope it was begun in belongs to the one around it, or
 * nobody could interrupt it any more.
 */
export function scopeOfCaller(): Scope {
  let scope = currentScope.getStore() ?? mainScope;
  while (scope.closed) scope = scope.parent!;
  return scope;
}
