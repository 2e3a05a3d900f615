/**
 * Keeps many busy connections even.
 *
 * The runtime serves at most 128 I/O completions per turn and puts the sockets it left out behind those that became
 * ready meanwhile. With some hundred busy connections the quick ones go round and round at the front while the others
 * starve for seconds. So reads begun in a saturated phase are held back until the others were served: everybody gets
 * one turn per round.
 *
 * Cost when connections are few: one `setImmediate` for each turn of the event loop that delivered anything.
 *
 * @module
 */

import { Deque } from "../core/deque.ts";

const { setImmediate, setTimeout, clearTimeout } = globalThis;

/** A turn that delivers this many reads is saturated: others are probably waiting behind. */
const SATURATED = 32;
/** So many turns in a row have to be calm before a round counts as over: the runtime takes a breath now and then. */
const CALM = 2;
/** How long, in ms, held reads wait for outstanding ones that may never complete. */
const PATIENCE = 3;

/** Decides when reads are begun. */
export class ReadGate {
  #held = new Deque<() => void>();
  #outstanding = 0;
  #completed = 0;
  #turnEnds = false;
  #saturated = false;
  #calmTurns = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #quiet = true;

  /** Begins a read, now or when those before it have been served. */
  request(begin: () => void): void {
    if (this.#saturated && this.#outstanding > 0) {
      this.#held.push(begin);
      this.#timer ??= setTimeout(this.#onTimer, PATIENCE);
    } else {
      this.#outstanding++;
      begin();
    }
  }

  /** Must be called once for every read that was begun, when it is over. */
  completed(): void {
    this.#outstanding--;
    this.#completed++;
    this.#quiet = false;
    if (this.#turnEnds) return;
    this.#turnEnds = true;
    setImmediate(this.#onTurnEnd);
  }

  #onTurnEnd = (): void => {
    this.#turnEnds = false;
    const calm = this.#completed < SATURATED;
    this.#calmTurns = calm ? this.#calmTurns + 1 : 0;
    this.#saturated ||= !calm;
    this.#completed = 0;
    if (this.#calmTurns >= CALM || this.#outstanding === 0) this.#release();
  };

  #onTimer = (): void => {
    this.#timer = undefined;
    if (this.#quiet) this.#release();
    else if (this.#held.size > 0) this.#timer = setTimeout(this.#onTimer, PATIENCE);
    this.#quiet = true;
  };

  #release(): void {
    this.#saturated = false;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    for (let left = this.#held.size; left > 0; left--) {
      this.#outstanding++;
      this.#held.shift()!();
    }
  }
}

/** One for all sockets, as they share the runtime's event loop. */
export const readGate: ReadGate = new ReadGate();
