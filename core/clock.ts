/**
 * Time as the hub sees it: an interface, so that tests can replace it.
 *
 * Only this file touches the runtime's timers.
 *
 * @module
 */

// Taken at load time: patching the globals later must not make the hub depend on itself.
const { setTimeout, clearTimeout, setImmediate } = globalThis;
const { refTimer, unrefTimer } = Deno;

/** The longest delay the runtime's timer takes; more would fire at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

/**
 * As long as JavaScript keeps itself awake, the runtime polls I/O only on every 61st turn of its event loop (tokio's
 * event interval). That many turns of setImmediate, some 60 µs in all, let I/O in for sure. A finished operation of the
 * blocking pool does not: it often ends before the runtime has looked at it, and then costs not even one turn.
 */
const TURNS_UNTIL_IO = 61;

/** Resolves in the next turn of the event loop, when all microtasks have run; those who call first go on first. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Resolves when I/O has been polled and whatever was ready has been told. */
export async function ioTurn(): Promise<void> {
  for (let i = 0; i < TURNS_UNTIL_IO; i++) await nextTurn();
}

/**
 * Where the hub gets its time from: what it is, and a wake-up when a point in it is reached.
 *
 * @example
 * ```ts
 * import { getHub } from "@gevent/deno";
 *
 * const started = getHub().clock.now();
 * console.assert(getHub().clock.now() >= started);
 * ```
 */
export interface Clock {
  /** Milliseconds since an arbitrary point; never goes back. */
  now(): number;
  /**
   * The hub has nothing to do before `deadline` (`Infinity`: nothing at all) and wants `wake` called then.
   * A later call replaces an earlier one; waking too early is harmless. Without `ref` the wake-up is no reason for the
   * process to stay alive: nobody waits for it who counts.
   */
  arm(deadline: number, wake: () => void, ref: boolean): void;
  /** Forget the wake-up. */
  disarm(): void;
}

/** The real clock: `performance.now` and a single runtime timer. */
export class SystemClock implements Clock {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #armedFor = Infinity;
  #ref = true;

  /** Milliseconds since the process started. */
  now(): number {
    return performance.now();
  }

  /** Sets the runtime's timer, unless it is already set for an earlier time. */
  arm(deadline: number, wake: () => void, ref = true): void {
    if (deadline === Infinity) return this.disarm();
    if (this.#armedFor > deadline) this.#set(deadline, wake);
    if (ref !== this.#ref) (ref ? refTimer : unrefTimer)(this.#timer!);
    this.#ref = ref;
  }

  #set(deadline: number, wake: () => void): void {
    this.disarm();
    this.#armedFor = deadline;
    const delay = Math.min(Math.max(Math.ceil(deadline - performance.now()), 0), LONGEST_DELAY);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#armedFor = Infinity;
      this.#ref = true;
      wake();
    }, delay);
  }

  /** Clears the runtime's timer. */
  disarm(): void {
    this.#armedFor = Infinity;
    this.#ref = true;
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
