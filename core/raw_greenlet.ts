/**
 * Coroutines that hand control to each other by name: the `greenlet` package on which gevent stands.
 *
 * @module
 */

import { requireFunction } from "./arguments.ts";
import { GreenletExit } from "./errors.ts";
import { Greenlet, localsOf } from "./greenlet.ts";
import { hub } from "./scheduler.ts";
import { getCurrent } from "./spawn.ts";
import { parkWait } from "./suspend.ts";
import type { Wait, WaitKind } from "./waiter.ts";

const SWITCH: WaitKind<unknown> = { name: "RawGreenlet.switch" };

type Delivery = { readonly value: unknown } | { readonly error: unknown };

/** Under which a greenlet keeps the raw greenlet that stands for it. */
const SELF = {};

/** The parent of one that has none. */
const NOBODY = {} as RawGreenlet;

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
   * @throws {TypeError} When `fn` is not a function, or `parent` not a raw greenlet.
   */
  constructor(fn: (value: never) => unknown, parent: RawGreenlet = RawGreenlet.getCurrent()) {
    requireFunction(fn, "fn");
    this.#fn = fn as (value: unknown) => unknown;
    if (parent !== NOBODY) this.#parent = requireRawGreenlet(parent);
  }

  /** The one that is running: `greenlet.getcurrent`. */
  static getCurrent(): RawGreenlet {
    const locals = localsOf(getCurrent());
    const known = locals?.get(SELF);
    if (known !== undefined) return known as RawGreenlet;
    // One without a function of its own: it is running already.
    const standIn = new RawGreenlet(() => {}, NOBODY);
    standIn.#state = "alive";
    locals?.set(SELF, standIn);
    return standIn;
  }

  /** Where its result goes; `undefined` for one that stands for an ordinary greenlet. */
  get parent(): RawGreenlet | undefined {
    return this.#parent;
  }

  set parent(parent: RawGreenlet) {
    requireRawGreenlet(parent);
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
   * that has ended goes to its parent. In a hub callback, such as that of a watcher, it hands over without waiting.
   *
   * @throws {TypeError} When it has begun and does not wait in `switch` or `throw`, but for something else; and when the
   * caller has handed control over already, in a call side by side with this one, and so has none to hand over.
   */
  switch(value?: unknown): Promise<unknown> {
    return this.#enter({ value });
  }

  /**
   * Hands control over by raising an error there, `GreenletExit` by default; see {@link RawGreenlet.switch}. One that has
   * not run never will, and the error goes on to its parent, as with one that has ended; a `GreenletExit` arrives there
   * as a value.
   */
  throw(error: unknown = new GreenletExit()): Promise<unknown> {
    return this.#enter({ error });
  }

  /** For example `<RawGreenlet alive>`. */
  toString(): string {
    return `<RawGreenlet ${this.#state}>`;
  }

  #enter(delivery: Delivery): Promise<unknown> {
    if (hub.inCallback) {
      // Nobody waits there to whom it could be handed back.
      if (!this.#deliver(delivery)) hub.handleError(this, notWaiting(delivery));
      return Promise.resolve(undefined);
    }
    const from = RawGreenlet.getCurrent();
    return parkWait<unknown>(
      (wait) => {
        if (from.#wait !== undefined) {
          throw new TypeError(
            "Cannot switch to a greenlet as the caller waits in another switch already",
            "error" in delivery ? { cause: delivery.error } : {},
          );
        }
        from.#wait = wait;
        if (!this.#deliver(delivery)) {
          from.#wait = undefined;
          wait.fail(notWaiting(delivery));
        }
        return () => from.#wait = undefined;
      },
      undefined,
      SWITCH,
    );
  }

  /** Says whether there was anybody to take it. */
  #deliver(delivery: Delivery): boolean {
    if (this.#state === "dead") return this.#end(delivery);
    if (this.#state === "new") {
      if ("error" in delivery) return this.#end(delivery);
      this.#state = "alive";
      new Coroutine(() => this.#run(delivery.value), (outcome) => this.#finish(outcome)).start();
      return true;
    }
    const wait = this.#wait;
    this.#wait = undefined;
    if (wait === undefined) return false;
    return "error" in delivery ? wait.fail(delivery.error) : wait.resume(delivery.value);
  }

  async #run(value: unknown): Promise<void> {
    localsOf(getCurrent())?.set(SELF, this);
    try {
      this.#finish({ value: await this.#fn!(value) });
    } catch (error) {
      this.#finish({ error });
    }
  }

  /** Hands over what it ends with; an error that the parent does not wait for is reported. */
  #finish(outcome: Delivery): void {
    if (this.#state === "dead" || this.#end(outcome)) return;
    if (!("error" in outcome) || outcome.error instanceof GreenletExit) return;
    hub.handleError(this, outcome.error);
  }

  #end(delivery: Delivery): boolean {
    this.#state = "dead";
    const isExit = "error" in delivery && delivery.error instanceof GreenletExit;
    if (this.#parent === undefined) return false;
    return this.#parent.#deliver(isExit ? { value: delivery.error } : delivery);
  }
}

/** Runs the function of a raw greenlet. */
class Coroutine extends Greenlet<void> {
  readonly #onEnd: (outcome: Delivery) => void;

  constructor(run: () => Promise<void>, onEnd: (outcome: Delivery) => void) {
    super(run);
    this.#onEnd = onEnd;
  }

  /** The raw greenlet passes its errors on. */
  protected override report(): void {}

  /** It may have been killed before it could run. */
  protected override ended(): void {
    const { successful, value, exception } = this;
    this.#onEnd(successful ? { value } : { error: exception });
  }
}

function notWaiting(delivery: Delivery): TypeError {
  const message = "Cannot switch to a greenlet that does not wait to be switched to";
  return new TypeError(message, "error" in delivery ? { cause: delivery.error } : {});
}

function requireRawGreenlet(value: RawGreenlet): RawGreenlet {
  if (value instanceof RawGreenlet) return value;
  throw new TypeError(
    `Cannot use as a parent what is not a raw greenlet: received ${Deno.inspect(value)}`,
  );
}
