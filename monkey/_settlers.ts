/**
 * Functions that settle a promise, passed as callbacks.
 *
 * @module
 */

import { type AdoptedKind, ForeignWait, type Then } from "../core/adopt.ts";
import { hub } from "../core/scheduler.ts";
import type { Scope } from "../core/scope.ts";
import { type Belonging, belongsNoLonger } from "./_belongings.ts";

type Settle = (value?: unknown) => void;

const toText = Function.prototype.toString;

/** Whether this is a function of the engine that settles a promise, as in `new Promise((resolve) => setTimeout(resolve, 10))`. */
export function isSettler(value: unknown): value is Settle {
  return typeof value === "function" && value.length === 1 && value.name === "" &&
    toText.call(value) === "function () { [native code] }";
}

/**
 * A wait of which nothing is known but the function that resolves its promise, which is enough.
 *
 * Nobody can tell `resolve` from `reject` before it is called, so it must be known from the circumstances. One that turns
 * out to be `reject` has rejected its promise with the interrupt, whoever awaits that; the greenlet's next wait raises the
 * interrupt as well. From the moment at which an interrupt was considered, the promise can be resolved only from here.
 */
export abstract class SettlerWait extends ForeignWait<unknown> implements Belonging {
  /** See {@link Belonging.place}. */
  place = -1;
  readonly #resolve: Settle;

  /** Begins to wait, in the name of whoever awaits the promise. */
  constructor(scope: Scope, kind: AdoptedKind, resolve: Settle) {
    super(scope, kind, resolve);
    this.#resolve = resolve;
    if (hub.awaits !== null) hub.awaits.onWait(resolve, this);
    const outstanding = scope.offerInterrupt();
    if (outstanding !== undefined) this.consider(outstanding);
  }

  /** Forgets the wait: nothing will ever resume it. */
  override leave(): boolean {
    const waited = super.leave();
    if (waited && hub.awaits !== null) hub.awaits.onWait(this.#resolve, undefined);
    return waited;
  }

  /** See {@link Belonging.forgetIfOver}: the program has taken back what would have resumed it. */
  forgetIfOver(): boolean {
    if (!this.settled && !this.isAbandoned()) return false;
    this.leave();
    return true;
  }

  /** Settles the promise with the error, which has a `then` meanwhile: only `resolve` looks at that. */
  protected override ask(settle: Settle, then: Then<unknown>, error: unknown): boolean {
    let isResolve = false;
    const carrier: object = Object.isExtensible(error) ? error : Object.create(Object(error));
    Object.defineProperty(carrier, "then", {
      get: () => {
        isResolve = true;
        return then;
      },
      configurable: true,
    });
    settle(carrier);
    Reflect.deleteProperty(carrier, "then");
    return isResolve;
  }

  protected override left(): void {
    belongsNoLonger(this.scope, this);
  }

  protected override giveUp(): void {
    hub.runCallback(() => this.abandon());
  }

  /** Called when the wait was given up: ends what would resume it. */
  protected abstract abandon(): void;

  /** Whether nothing can resume it any more. */
  protected abstract isAbandoned(): boolean;
}
