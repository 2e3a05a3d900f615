/**
 * That a greenlet is in a group. It is kept with the greenlet, chained with those in other groups, so that asking costs
 * no table.
 *
 * @module
 */

import {
  type EndWatch,
  firstMembership,
  type Greenlet,
  type Membership,
  setFirstMembership,
  unwatchEnd,
  watchEnd,
} from "./greenlet.ts";
import type { ListNode } from "./linked_list.ts";

/** See the module. */
export class GroupMembership implements Membership {
  /** See {@link Membership.group}. */
  readonly group: object;
  /** The place among the members of the group. */
  readonly place: ListNode<Greenlet<unknown>>;
  /** See {@link Membership.next}. */
  next: Membership | undefined;
  /** Whether the group has killed it. */
  dying = false;
  readonly #greenlet: Greenlet<unknown>;
  readonly #watch: EndWatch;

  /** Begins it; `onEnd` is called in the hub when the greenlet has ended. */
  constructor(
    group: object,
    greenlet: Greenlet<unknown>,
    place: ListNode<Greenlet<unknown>>,
    onEnd: (greenlet: Greenlet<unknown>) => void,
  ) {
    this.group = group;
    this.place = place;
    this.#greenlet = greenlet;
    this.#watch = watchEnd(greenlet, onEnd);
    this.next = firstMembership(greenlet);
    setFirstMembership(greenlet, this);
  }

  /** The membership of a greenlet in a group, if it is in there. */
  static of(greenlet: Greenlet<unknown>, group: object): GroupMembership | undefined {
    let membership = firstMembership(greenlet);
    while (membership !== undefined && membership.group !== group) membership = membership.next;
    return membership as GroupMembership | undefined;
  }

  /** Ends it. */
  end(): void {
    unwatchEnd(this.#greenlet, this.#watch);
    const first = firstMembership(this.#greenlet);
    if (first === this) return setFirstMembership(this.#greenlet, this.next);
    let before = first;
    while (before !== undefined && before.next !== this) before = before.next;
    if (before !== undefined) before.next = this.next;
  }
}
