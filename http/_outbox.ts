/**
 * Sending through a WebSocket of the runtime at the pace of the other end.
 *
 * The runtime takes whatever it is given and says only when asked how much of it has not left. So it is asked, now and
 * then, while there is somebody to be told.
 *
 * @module
 */

import { hub } from "../core/scheduler.ts";
import { completed, parkWait, type WaitOptions } from "../core/suspend.ts";
import type { Timer } from "../core/timer_heap.ts";
import { WaitQueue } from "../core/wait_queue.ts";
import type { WaitKind } from "../core/waiter.ts";

const SEND: WaitKind<void> = { name: "WebSocketConnection.send" };

/** How often it looks while somebody waits: from the first to the last of these, in ms. */
const SHORTEST_LOOK = 1;
const LONGEST_LOOK = 50;

/** How much has to leave within the patience. */
const MEBIBYTE = 1024 * 1024;

/** How little may be left when a closing begins; that much the closing frame can follow without being watched. */
const LITTLE = 65536;

const { OPEN } = WebSocket;

/** What is on its way out of one WebSocket. */
export class Outbox {
  readonly #socket: WebSocket;
  readonly #highWaterMark: number;
  readonly #onStall: () => void;
  readonly #waiting = new WaitQueue<void>();
  #patience: number;
  #timer: Timer | undefined;
  #look = SHORTEST_LOOK;
  /** What was given to the runtime in all, and how much of that had left when it was last asked. */
  #given = 0;
  #left = 0;
  /** When some of it last left. */
  #progress = 0;
  #whenEmpty: (() => void) | undefined;
  #seenClosing = false;

  /** `patience` is how long a mebibyte may take to leave, in ms; then `onStall` is called, once. */
  constructor(socket: WebSocket, highWaterMark: number, patience: number, onStall: () => void) {
    this.#socket = socket;
    this.#highWaterMark = highWaterMark;
    this.#patience = patience;
    this.#onStall = onStall;
  }

  /** Hands a message to the runtime, when there is room for it and all that came before has been handed over. */
  send(message: string | Uint8Array, options: WaitOptions | undefined): Promise<void> {
    if (this.trySend(message)) return completed(undefined);
    return parkWait<void>(
      (wait) => {
        wait.brought = message;
        this.#waiting.add(wait);
        this.#look = SHORTEST_LOOK;
        this.#schedule(this.#look);
        return () => this.#stopIfIdle();
      },
      options,
      SEND,
    );
  }

  /** {@link Outbox.send} if it need not wait; says whether it did. */
  trySend(message: string | Uint8Array): boolean {
    if (this.#waiting.size > 0 || this.#socket.bufferedAmount > this.#highWaterMark) return false;
    this.#give(message);
    return true;
  }

  /** Takes nothing more, fails those who wait, and calls back when nearly all that was given has left. */
  finish(error: () => unknown, patience: number, then: () => void): void {
    this.stop(error);
    if (this.#socket.bufferedAmount <= LITTLE) return then();
    this.#patience = patience;
    this.#whenEmpty = then;
    this.#progress = hub.clock.now();
    this.#look = SHORTEST_LOOK;
    this.#schedule(this.#look);
  }

  /** Fails those who wait and watches no longer. */
  stop(error: () => unknown): void {
    this.#waiting.failAll(error);
    this.#whenEmpty = undefined;
    this.#cancel();
  }

  #give(message: string | Uint8Array): void {
    const socket = this.#socket;
    const before = socket.bufferedAmount;
    if (before === 0) this.#progress = hub.clock.now();
    socket.send(message as string | Uint8Array<ArrayBuffer>);
    this.#given += socket.bufferedAmount - before;
    if (this.#timer === undefined) this.#schedule(this.#patience);
  }

  #fire(): void {
    this.#timer = undefined;
    const { bufferedAmount, readyState } = this.#socket;
    const now = hub.clock.now();
    const left = this.#given - bufferedAmount;
    const isOpen = readyState === OPEN;
    if (isOpen ? left > this.#left || bufferedAmount === 0 : !this.#seenClosing) {
      this.#left = left;
      this.#progress = now;
    }
    this.#seenClosing = !isOpen; // the runtime says no more then how much has not left
    const patience = this.#progress + this.#timeFor(bufferedAmount) - now;
    if (patience <= 0) return this.#onStall();
    if (isOpen && this.#whenEmpty !== undefined && bufferedAmount <= LITTLE) {
      return this.#whenEmpty();
    }
    if (isOpen) this.#serve();
    if (this.#waiting.size > 0 || this.#whenEmpty !== undefined) {
      this.#look = Math.min(this.#look * 2, LONGEST_LOOK);
      this.#schedule(Math.min(this.#look, patience));
    } else if (!isOpen || this.#socket.bufferedAmount > 0) {
      this.#schedule(patience);
    }
  }

  /** How long so many bytes may take. */
  #timeFor(bytes: number): number {
    return this.#patience * Math.max(1, Math.ceil(bytes / MEBIBYTE));
  }

  /** Hands over for those who wait, as long as there is room. */
  #serve(): void {
    for (
      let first = this.#waiting.first;
      first !== null && this.#socket.bufferedAmount <= this.#highWaterMark;
      first = this.#waiting.first
    ) {
      this.#look = SHORTEST_LOOK;
      try {
        this.#give(first.brought as string | Uint8Array);
        first.resume(undefined);
      } catch (error) {
        first.fail(error); // its buffer was transferred meanwhile
      }
    }
  }

  /** Sees to it that it looks in `ms` at the latest. */
  #schedule(ms: number): void {
    if (ms === Infinity) return;
    const timer = this.#timer;
    if (timer !== undefined && timer.deadline <= hub.clock.now() + ms) return;
    this.#cancel();
    this.#timer = hub.addTimer(ms, { fire: () => this.#fire() });
  }

  #stopIfIdle(): void {
    if (this.#waiting.size > 0 || this.#whenEmpty !== undefined) return;
    this.#cancel();
    const { bufferedAmount } = this.#socket;
    if (bufferedAmount === 0) return;
    this.#schedule(this.#progress + this.#timeFor(bufferedAmount) - hub.clock.now());
  }

  #cancel(): void {
    if (this.#timer !== undefined) hub.removeTimer(this.#timer);
    this.#timer = undefined;
  }
}
