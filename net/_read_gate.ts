/**
 * Keeps many busy connections even.
 *
 * The runtime serves at most 128 I/O completions per turn and puts the sockets it left out behind those that became
 * ready meanwhile. With some hundred busy connections the quick ones go round and round at the front while the others
 * starve for seconds. So reads begun in a saturated phase are held back until the others were served: everybody gets
 * one turn per round.
 *
 * Cost when connections are few: one `setImmediate` for each turn of the event loop that delivered anything. And after a
 * burst that has left idle connections behind, the next read is held once for as long as held reads wait: that nobody was
 * served for long need not mean that nobody was ready, as the program itself may have kept the runtime from looking.
 *
 * @module
 */

import { LinkedList, type ListNode } from "../core/linked_list.ts";

const { setImmediate, setTimeout, clearTimeout } = globalThis;

/** A turn that delivers this many reads is saturated: others are probably waiting behind. */
const SATURATED = 32;
/** So many turns in a row have to be calm before a round counts as over: the runtime takes a breath now and then. */
const CALM = 2;
/** How long, in ms, held reads wait, after somebody was served, for outstanding ones that may never complete. */
const PATIENCE = 3;

/** A read that has been requested, and is held back. */
export type HeldRead = ListNode<() => void>;

/** Decides when reads are begun. */
export class ReadGate {
  readonly #patience: number;
  #held = new LinkedList<() => void>();
  #round = 0;
  /** How many reads of this round have not been served. Those of former rounds belong to connections that are idle. */
  #outstanding = 0;
  #completed = 0;
  #turnEnds = false;
  #saturated = false;
  #calmTurns = 0;
  /** When somebody was served last. */
  #lastServed = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Makes a gate; `patience` is how long held reads wait after somebody was served, in ms. */
  constructor(patience: number = PATIENCE) {
    this.#patience = patience;
  }

  /** Begins a read, now or when those before it have been served; what it returns is for {@link ReadGate.withdraw}. */
  request(begin: () => void): HeldRead | undefined {
    // Nobody goes before those who are held, as the round would go on with that read before they get their turn.
    if (this.#saturated && (this.#outstanding > 0 || this.#held.size > 0)) {
      this.#timer ??= setTimeout(this.#onTimer, this.#patience);
      return this.#held.add(begin);
    }
    this.#outstanding++;
    begin();
    return undefined;
  }

  /** Takes back a read that has not been begun. */
  withdraw(read: HeldRead): void {
    this.#held.remove(read);
    if (this.#held.size === 0) this.#stopTimer();
  }

  /** The number of the round that reads are begun in now. */
  get round(): number {
    return this.#round;
  }

  /** Must be called once for every read that was begun, when it is over, with the round that it was begun in. */
  completed(round: number): void {
    if (round === this.#round) this.#outstanding--;
    this.#completed++;
    if (this.#turnEnds) return;
    this.#turnEnds = true;
    setImmediate(this.#onTurnEnd);
  }

  #onTurnEnd = (): void => {
    this.#turnEnds = false;
    this.#lastServed = performance.now();
    const calm = this.#completed < SATURATED;
    this.#calmTurns = calm ? this.#calmTurns + 1 : 0;
    this.#saturated ||= !calm;
    this.#completed = 0;
    if (this.#calmTurns >= CALM || this.#outstanding === 0) this.#release();
  };

  #onTimer = (): void => {
    this.#timer = undefined;
    const left = this.#lastServed + this.#patience - performance.now();
    if (left <= 0) this.#release();
    else this.#timer = setTimeout(this.#onTimer, left);
  };

  #stopTimer(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #release(): void {
    this.#saturated = false;
    const held = this.#held;
    if (held.size === 0) return;
    this.#stopTimer();
    this.#held = new LinkedList();
    this.#round++;
    this.#outstanding = 0;
    for (const begin of held) {
      this.#outstanding++;
      begin();
    }
  }
}

/** One for all sockets, as they share the runtime's event loop. */
export const readGate: ReadGate = new ReadGate();
