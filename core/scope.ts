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
    if (!this.#interruptParked(error, since)) (this.pending ??= []).push(error);
  }

  #interruptParked(error: unknown, since: number): boolean {
    let hit = false;
    const members = this.members;
    if (Array.isArray(members)) {
      for (const member of members.slice()) {
        if (member.order < since) continue;
        member.interrupt(error);
        hit = true;
      }
    } else if (members !== null && members.order >= since) {
      members.interrupt(error);
      hit = true;
    }
    if (this.children !== null) {
      for (const child of this.children) {
        if (!child.shielded && child.#interruptParked(error, since)) hit = true;
      }
    }
    return hit;
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
  takeInterrupt(): { error: unknown } | undefined {
    // deno-lint-ignore no-this-alias -- the walk goes up from here
    for (let scope: Scope | null = this; scope !== null; scope = scope.parent) {
      if (scope.pending !== null) {
        const error = scope.pending.shift();
        if (scope.pending.length === 0) scope.pending = null;
        return { error };
      }
      if (scope.persistent !== null) return scope.persistent;
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
