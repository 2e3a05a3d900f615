/**
 * Operating system signals.
 *
 * @module
 */

import { requireFunction } from "./arguments.ts";
import { Greenlet } from "./greenlet.ts";
import { hub } from "./scheduler.ts";
import { mainScope } from "./scope.ts";

/**
 * A handler that was installed with `onSignal`: call `cancel`, or leave its `using` block, to take it out.
 *
 * @example
 * ```ts
 * import { onSignal, type SignalHandler } from "@gevent/deno";
 *
 * const handler: SignalHandler = onSignal("SIGHUP", () => {});
 * handler.cancel();
 * ```
 */
export interface SignalHandler extends Disposable {
  /** The signal it is for. */
  readonly signal: Deno.Signal;
  /** Takes the handler out, for good. */
  cancel(): void;
}

/**
 * Runs a function in a new greenlet each time the process gets a signal: gevent's `signal_handler`.
 *
 * It does not keep the process alive. An error of the function is reported, and raised in the main program at its next
 * wait; the handler stays.
 *
 * @throws {TypeError} When `fn` is not a function, or the runtime does not know the signal.
 *
 * @example
 * ```ts
 * import { Event, onSignal } from "@gevent/deno";
 *
 * const got = new Event();
 * using _handler = onSignal("SIGUSR2", () => got.set());
 * Deno.kill(Deno.pid, "SIGUSR2");
 * console.assert(await got.wait({ timeout: 60_000 }));
 * ```
 */
export function onSignal<A extends unknown[]>(
  signal: Deno.Signal,
  fn: (...args: A) => unknown,
  ...args: A
): SignalHandler {
  requireFunction(fn, "fn");
  const listener = (): void => new Handling(fn as (...args: unknown[]) => unknown, args).start();
  Deno.addSignalListener(signal, listener);
  let installed = true;
  const cancel = (): void => {
    if (installed) Deno.removeSignalListener(signal, listener);
    installed = false;
  };
  return { signal, cancel, [Symbol.dispose]: cancel };
}

/**
 * Ends the program in an orderly way: kills the function of `main`, so that its `finally` blocks run; without `main`,
 * kills every greenlet. gevent's old `shutdown`. Returns at once.
 *
 * @example
 * ```ts
 * import { main, shutdown, sleep } from "@gevent/deno";
 *
 * const program = main(() => sleep(60_000));
 * await sleep();
 * shutdown();
 * await program.join();
 * ```
 */
export function shutdown(): void {
  const { program } = hub;
  if (program !== undefined) return (program as Greenlet).throw();
  for (const greenlet of hub.live as Iterable<Greenlet>) greenlet.throw();
}

/** One delivery of a signal. */
class Handling extends Greenlet<unknown> {
  constructor(fn: (...args: unknown[]) => unknown, args: unknown[]) {
    super(fn, ...args);
  }

  protected override report(error: unknown): void {
    super.report(error);
    if (hub.program !== undefined) (hub.program as Greenlet).throw(error);
    else mainScope.interrupt(error);
  }
}
