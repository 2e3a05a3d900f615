/**
 * What a greenlet has left with the runtime: timers that it has started, listeners that it waits with.
 *
 * @module
 */

import { type Greenlet, watchEnd } from "../core/greenlet.ts";
import { mainScope, type Scope } from "../core/scope.ts";

/** One thing of a greenlet. */
export interface Belonging {
  /** Where it is in the list of those; -1 when it is not in it. */
  place: number;
  /** Whether nothing will come of it any more; then it has been forgotten. */
  forgetIfOver(): boolean;
}

/** What has to be told of the end of its greenlet. */
export interface EndingBelonging extends Belonging {
  /** The greenlet has ended: by being killed, or else. */
  end(killed: boolean): void;
}

/** So many may be kept before those that are over are looked for. */
const LEAST = 16;

/** All that belongs to one greenlet. */
class Belongings {
  readonly #all: Belonging[] = [];
  #limit = LEAST;
  #watched = false;

  add(one: Belonging): void {
    if (this.#all.length >= this.#limit) this.#sweep();
    one.place = this.#all.push(one) - 1;
  }

  remove({ place }: Belonging): void {
    this.#all[place]!.place = -1;
    const last = this.#all.pop()!;
    if (place === this.#all.length) return;
    this.#all[place] = last;
    last.place = place;
  }

  /** Has those told of the greenlet's end that want to be. */
  watchEnd(root: Scope): void {
    if (this.#watched) return;
    this.#watched = true;
    watchEnd(root.owner as Greenlet, () => {
      const killed = root.ending === "killed";
      for (const one of this.#all) (one as Partial<EndingBelonging>).end?.(killed);
    });
  }

  #sweep(): void {
    for (let place = this.#all.length - 1; place >= 0; place--) {
      const one = this.#all[place]!;
      // What forgets itself has left the list.
      if (one.forgetIfOver() && one.place !== -1) this.remove(one);
    }
    this.#limit = Math.max(2 * this.#all.length, LEAST);
  }
}

const belongings = new WeakMap<Scope, Belongings>();

/** Notes what belongs to the greenlet of a scope. Code outside greenlets has no end, and so nothing is noted. */
export function belongsTo({ root }: Scope, one: Belonging): void {
  if (root === mainScope) return;
  let all = belongings.get(root);
  if (all === undefined) belongings.set(root, all = new Belongings());
  all.add(one);
  if ("end" in one) all.watchEnd(root);
}

/** Forgets it again. */
export function belongsNoLonger({ root }: Scope, one: Belonging): void {
  if (one.place !== -1) belongings.get(root)!.remove(one);
}
