/**
 * Functions that settle a promise, passed as callbacks.
 *
 * @module
 */

import { isAwaited } from "../core/adopt.ts";
import { hub, type Runnable } from "../core/scheduler.ts";
import { type Belonging, belongsNoLonger } from "./_belongings.ts";
import type { InterruptOffer, Scope, ScopeMember } from "../core/scope.ts";

type Settle = (value?: unknown) => void;

const toText = Function.prototype.toString;

/** Whether this is a function of the engine that settles a promise, as in `new Promise((resolve) => setTimeout(resolve, 10))`. */
export function isSettler(value: unknown): value is Settle {
  return typeof value === "function" && value.length === 1 && value.name === "" &&
    toText.call(value) === "function () { [native code] }";
}

const PARKED = 0;
const RESUMED = 1;
const GIVEN_UP = 2;

/**
 * A wait of which nothing is known but the function that resolves its promise. It is enough: resolving with an object that
 * has a `then` has the engine call that, in a microtask in which it can be seen who awaits the promise, and lets us reject
 * it, or resolve it later.
 *
 * Nobody can tell `resolve` from `reject`, so it must be known from the circumstances. From the moment at which an
 * interrupt was considered, the promise can be resolved only from here.
 */
export abstract class SettlerWait implements Belonging, ScopeMember, Runnable {
  readonly kind: { readonly name: string };
  readonly order: number;
  /** See {@link ScopeMember.memberIndex}. */
  memberIndex = 0;
  /** See {@link Belonging.place}. */
  place = -1;
  /** Where the wait was begun. */
  readonly scope: Scope;
  #resolve: Settle;
  #state: typeof PARKED | typeof RESUMED | typeof GIVEN_UP = PARKED;
  #value: unknown = undefined;
  #offer: InterruptOffer | undefined;

  /** Begins to wait, in the name of whoever awaits the promise. */
  constructor(scope: Scope, kind: { readonly name: string }, resolve: Settle) {
    this.scope = scope;
    this.kind = kind;
    this.order = hub.nextOrder();
    this.#resolve = resolve;
    scope.join(this);
    if (hub.awaits !== null) hub.awaits.onWait(resolve, this);
    if (hub.running === scope.root) hub.running = null;
    const outstanding = scope.offerInterrupt();
    if (outstanding !== undefined) this.consider(outstanding);
  }

  /** Whether a value is on its way. */
  get settled(): boolean {
    return this.#state === RESUMED;
  }

  /** Lets the wait end with a value, in the greenlet's turn. */
  resume(value: unknown): void {
    if (this.#state !== PARKED) return;
    this.#state = RESUMED;
    this.#value = value;
    this.scope.leave(this);
    belongsNoLonger(this.scope, this);
    hub.enqueue(this);
  }

  /** Forgets the wait: nothing will ever resume it. */
  leave(): void {
    if (this.#state !== PARKED) return;
    this.#state = GIVEN_UP;
    this.scope.leave(this);
    belongsNoLonger(this.scope, this);
    if (hub.awaits !== null) hub.awaits.onWait(this.#resolve, undefined);
  }

  /** See {@link ScopeMember.consider}. */
  consider(offer: InterruptOffer): void {
    if (this.#state !== PARKED || this.#offer !== undefined) return;
    this.#offer = offer;
    offer.decideLater(this);
  }

  /** Waits of this kind only ever consider interrupts. */
  interrupt(_error: unknown): void {}

  /** Called by the hub when its turn has come. */
  run(): void {
    hub.running = this.scope.root;
    if (this.#state === RESUMED) return this.#resolve(this.#value);
    const resolve = this.#resolve;
    resolve({ then: (resolve: Settle, reject: Settle) => this.#decide(resolve, reject) });
  }

  #decide(resolve: Settle, reject: Settle): void {
    const offer = this.#offer!;
    this.#offer = undefined;
    if (this.#state === RESUMED) return resolve(this.#value);
    this.#resolve = resolve;
    if (this.#state === GIVEN_UP || !isAwaited(this, offer.aim) || !offer.take()) return;
    this.leave();
    hub.noteInterrupt(offer.error);
    hub.runCallback(() => this.abandon());
    reject(offer.error);
  }

  /** See {@link Belonging.forgetIfOver}: the program has taken back what would have resumed it. */
  forgetIfOver(): boolean {
    if (this.#state === PARKED && !this.isAbandoned()) return false;
    this.leave();
    return true;
  }

  /** Called when the wait was given up: ends what would resume it. */
  protected abstract abandon(): void;

  /** Whether nothing can resume it any more. */
  protected abstract isAbandoned(): boolean;
}
