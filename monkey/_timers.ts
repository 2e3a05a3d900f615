/**
 * Timers of the runtime that belong to greenlets.
 *
 * @module
 */

import { type AdoptedKind, adoptingScope } from "../core/adopt.ts";
import type { Scope } from "../core/scope.ts";
import { adoptedAbortable, withArgument, type WithSignal } from "./_adopted.ts";
import { belongsTo, type EndingBelonging } from "./_belongings.ts";
import { isPassedByOwnCode } from "./_call_sites.ts";
import { isSettler, SettlerWait } from "./_settlers.ts";

// deno-lint-ignore no-explicit-any -- as the types of the runtime have it
type Callback = (...args: any[]) => void;

/** What the functions of the runtime return. */
interface RuntimeTimer {
  readonly _destroyed?: boolean;
}

/** `setTimeout` or `setInterval`. */
export type TimerFunction = (
  callback: Callback,
  delay?: number,
  ...args: unknown[]
) => RuntimeTimer;

const SLEEP: AdoptedKind = { name: "setTimeout" };

/** Somebody who sleeps until a timer fires. */
class SleepWait extends SettlerWait {
  timer!: RuntimeTimer;
  readonly #value: unknown;

  constructor(scope: Scope, resolve: (value?: unknown) => void, value: unknown) {
    super(scope, SLEEP, resolve);
    this.#value = value;
  }

  /** The time is over. */
  fire(): void {
    this.resume(this.#value);
  }

  protected override abandon(): void {
    clearTimeout(this.timer as number);
  }

  protected override isAbandoned(): boolean {
    return this.timer._destroyed === true;
  }
}

/** One function for all timers, which pass their wait to it. */
const fire = (wait: SleepWait): void => wait.fire();

/** A timer that the program's own code has started. */
class OwnTimer implements EndingBelonging {
  place = -1;
  readonly #timer: RuntimeTimer;

  constructor(timer: RuntimeTimer) {
    this.#timer = timer;
  }

  forgetIfOver(): boolean {
    return this.#timer._destroyed === true;
  }

  end(killed: boolean): void {
    if (killed) clearTimeout(this.#timer as number);
  }
}

/** Makes `setTimeout` that sleeps interruptibly when it is used for sleeping, and belongs to its greenlet in any case. */
export function cooperativeTimeout(start: TimerFunction): TimerFunction {
  return function setTimeout(callback, delay, ...args): RuntimeTimer {
    const scope = adoptingScope();
    if (scope === undefined) return start(callback, delay, ...args);
    // Whoever passes an error is going to reject.
    if (!isSettler(callback) || args[0] instanceof Error) {
      const timer = start(callback, delay, ...args);
      note(scope, timer, callback, setTimeout);
      return timer;
    }
    const wait = new SleepWait(scope, callback, args[0]);
    wait.timer = start(fire, delay, wait);
    belongsTo(scope, wait);
    return wait.timer;
  };
}

/** Makes `setInterval` whose timers belong to their greenlet. */
export function cooperativeInterval(start: TimerFunction): TimerFunction {
  return function setInterval(callback, delay, ...args): RuntimeTimer {
    const scope = adoptingScope();
    const timer = start(callback, delay, ...args);
    if (scope !== undefined) note(scope, timer, callback, setInterval);
    return timer;
  };
}

/** Makes a function of `node:timers/promises` interruptible; `at` is where it takes its options. */
export function cooperativeSleep<A extends unknown[], T>(
  sleep: (...args: A) => Promise<T>,
  at: number,
  kind: AdoptedKind,
): (...args: A) => Promise<T> {
  return (...args) =>
    adoptedAbortable(
      args[at] as WithSignal | undefined,
      (all) => sleep(...withArgument(args, at, all) as A),
      kind,
    );
}

/**
 * Has a timer cleared when its greenlet is killed, if it is the program's own. Those that packages start serve everybody,
 * whichever greenlet happened to need them first: a pool's that closes idle connections, the one that all timeouts of
 * an HTTP client share.
 */
function note(scope: Scope, timer: RuntimeTimer, callback: Callback, by: TimerFunction): void {
  if (isPassedByOwnCode(callback, by)) belongsTo(scope, new OwnTimer(timer));
}
