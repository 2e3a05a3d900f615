/**
 * What a greenlet has left with the runtime: timers that it has started, listeners that it waits with.
 *
 * @module
 */

import { type Greenlet, watchEnd } from "../core/greenlet.ts";
import { mainScope, type Scope } from "../core/scope.ts";

/** One thing of a greenlet. */
export interface Belonging {
  /** Whether nothing will come of it any more; then it has been forgotten. */
  forgetIfOver(): boolean;
  /** The greenlet has ended: by being killed, or else. */
  end(killed: boolean): void;
}

/** So many may be kept before those that are over are looked for. */
const LEAST = 64;

class Belongings {
  #all: Belonging[] = [];
  #limit = LEAST;

  add(one: Belonging): void {
    if (this.#all.length >= this.#limit) {
      this.#all = this.#all.filter((one) => !one.forgetIfOver());
      this.#limit = Math.max(2 * this.#all.length, LEAST);
    }
    this.#all.push(one);
  }

  end(killed: boolean): void {
    for (const one of this.#all.splice(0)) if (!one.forgetIfOver()) one.end(killed);
  }
}

const belongings = new WeakMap<Scope, Belongings>();

/** Notes what belongs to the greenlet of a scope. Code outside greenlets has no end, and so nothing is noted. */
export function belongsTo({ root }: Scope, one: Belonging): void {
  if (root === mainScope) return;
  let all = belongings.get(root);
  if (all === undefined) {
    const fresh = all = new Belongings();
    belongings.set(root, fresh);
    watchEnd(root.owner as Greenlet, () => fresh.end(root.ending === "killed"));
  }
  all.add(one);
}
