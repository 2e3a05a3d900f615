/**
 * Coroutines that hand control to each other by name: the `greenlet` package on which gevent stands.
 *
 * @module
 */

import { GreenletExit } from "./errors.ts";
import { Greenlet, localsOf } from "./greenlet.ts";
import { requireFunction } from "./links.ts";
import { hub } from "./scheduler.ts";
import { getCurrent } from "./spawn.ts";
import { parkWait } from "./suspend.ts";
import type { Wait, WaitKind } from "./waiter.ts";

const SWITCH: WaitKind<unknown> = { name: "RawGreenlet.switch" };

type Delivery = { readonly value: unknown } | { readonly error: unknown };

/** Under which a greenlet keeps the raw greenlet that stands for it. */
const SELF = {};

/**
 * A coroutine that runs only when another one switches to it: `greenlet.greenlet`.
 *
 * `switch` passes a value and stops the caller until somebody switches back. When the function returns, its result goes
 * to the parent; an error is raised there. Every ordinary greenlet, and the main program, has a raw greenlet that stands
 * for it, so that it can switch and be switched to.
 *
 * @example
 * ```ts
 * import { RawGreenlet } from "@gevent/deno";
 *
 * const log: string[] = [];
 * const f1 = new RawGreenlet(async () => {
 *   log.push("f1 1");
 *   await f2.switch();
 *   log.push("f1 2");
 * });
 * const f2 = new RawGreenlet(async () => {
 *   log.push("f2 1");
 *   await f1.switch();
 * });
 * await f1.switch();
 * console.assert(log.join() === "f1 1,f2 1,f1 2");
 * ```
 */
export class RawGreenlet {
  readonly #fn: ((value: unknown) => unknown) | undefined;
  #parent: RawGreenlet | undefined;
  #state: "new" | "alive" | "dead" = "new";
  #wait: Wait<unknown> | undefined;

  /**
   * Makes a coroutine that has not run.
   *
   * @param fn Called with the value of the first switch.
   * @param parent Where its result goes; by default the one that is running.
   * @throws {TypeError} When `fn` is not a function.
   */
  constructor(fn: (value?: never) => unknown, parent: RawGreenlet = RawGreenlet.getCurrent()) {
    requireFunction(fn, "fn");
    this.#fn = fn as (value: unknown) => unknown;
    this.#parent = parent;
  }

  /** The one that is running: `greenlet.getcurrent`. */
  static getCurrent(): RawGreenlet {
    const locals = localsOf(getCurrent());
    const known = locals?.get(SELF);
    if (known !== undefined) return known as RawGreenlet;
    // One without a function of its own: it is running already.
    const standIn = new RawGreenlet(() => {}, null as never);
    standIn.#state = "alive";
    standIn.#parent = undefined;
    locals?.set(SELF, standIn);
    return standIn;
  }

  /** Where its result goes; `undefined` for one that stands for an ordinary greenlet. */
  get parent(): RawGreenlet | undefined {
    return this.#parent;
  }

  set parent(parent: RawGreenlet) {
    for (let one: RawGreenlet | undefined = parent; one !== undefined; one = one.#parent) {
      if (one === this) throw new TypeError("Cannot make a greenlet its own ancestor");
    }
    this.#parent = parent;
  }

  /** Whether it has ended. */
  get dead(): boolean {
    return this.#state === "dead";
  }

  /** Whether it has begun and not ended. */
  get started(): boolean {
    return this.#state === "alive";
  }

  /**
   * Hands control over, with a value, and waits until somebody hands it back; returns what they pass. Switching to one
   * that has ended goes to its parent.
   */
  switch(value?: unknown): Promise<unknown> {
    return this.#enter({ value });
  }

  /**
   * Hands control over by raising an error there, `GreenletExit` by default; see {@link RawGreenlet.switch}. One that has
   * not run never will, and the error goes on to its parent; a `GreenletExit` arrives there as a value.
   */
  throw(error: unknown = new GreenletExit()): Promise<unknown> {
    return this.#enter({ error });
  }

  #enter(delivery: Delivery): Promise<unknown> {
    const from = RawGreenlet.getCurrent();
    return parkWait<unknown>(
      (wait) => {
        from.#wait = wait;
        this.#deliver(delivery);
        return () => from.#wait = undefined;
      },
      undefined,
      SWITCH,
    );
  }

  #deliver(delivery: Delivery): void {
    if (this.#state === "dead") return this.#toParent(delivery);
    if (this.#state === "new") {
      if ("error" in delivery) return this.#end(delivery);
      this.#state = "alive";
      new Greenlet(() => this.#run(delivery.value)).start();
      return;
    }
    const wait = this.#wait;
    this.#wait = undefined;
    const arrived = "error" in delivery ? wait?.fail(delivery.error) : wait?.resume(delivery.value);
    // Whoever it was meant for is not waiting: it has been killed, or waits for something else.
    if (!arrived && "error" in delivery) hub.handleError(this, delivery.error);
  }

  async #run(value: unknown): Promise<void> {
    localsOf(getCurrent())?.set(SELF, this);
    try {
      this.#end({ value: await this.#fn!(value) });
    } catch (error) {
      this.#end({ error });
    }
  }

  #end(delivery: Delivery): void {
    this.#state = "dead";
    const isExit = "error" in delivery && delivery.error instanceof GreenletExit;
    this.#toParent(isExit ? { value: delivery.error } : delivery);
  }

  #toParent(delivery: Delivery): void {
    if (this.#parent !== undefined) this.#parent.#deliver(delivery);
    else if ("error" in delivery) hub.handleError(this, delivery.error);
  }
}
