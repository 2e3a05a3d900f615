/**
 * Running a whole program as a greenlet.
 *
 * @module
 */

import { requireFunction } from "./arguments.ts";
import { GreenletExit, LoopExit } from "./errors.ts";
import { Greenlet, watchEnd } from "./greenlet.ts";
import { describeBlocked } from "./inspect.ts";
import { hub } from "./scheduler.ts";

/**
 * Runs a function as a greenlet that is the program: SIGINT and SIGTERM kill it, so that its `finally` blocks run and
 * what it started can be stopped in an orderly way.
 *
 * When it fails, the error is printed and the exit code is 1. When everything is blocked and nothing can ever wake
 * anything, it gets a `LoopExit` that names each blocked greenlet and what it waits for. A second signal ends the
 * process at once, with the usual exit code of that signal.
 *
 * @returns The greenlet; there is no need to wait for it.
 * @throws {TypeError} When `fn` is not a function.
 *
 * @example
 * ```ts
 * import { main, sleep } from "@gevent/deno";
 *
 * const program = main(async () => {
 *   try {
 *     await sleep(1);
 *   } finally {
 *     console.assert(true, "runs on Ctrl-C, too");
 *   }
 * });
 * await program.join(); // only to show that it ends: a program need not wait for it
 * ```
 */
export function main<T>(fn: () => T | PromiseLike<T>): Greenlet<T> {
  requireFunction(fn, "fn");
  const greenlet = new Greenlet<T>(fn);
  greenlet.name = "main function";
  let signals = 0;
  const listeners = stopSignals().map(({ signal, number }) => ({
    signal,
    listener: () => {
      if (++signals > 1) Deno.exit(128 + number);
      greenlet.throw(new GreenletExit(`Stopped by ${signal}`));
    },
  }));
  const onDeadEnd = (event: Pick<Event, "preventDefault">): void => {
    if (hub.timers.referenced > 0 || hub.queued > 0) return; // the process is being ended from outside
    event.preventDefault(); // or the runtime ends before the error is raised
    greenlet.throw(new LoopExit(describeBlocked()));
  };
  for (const { signal, listener } of listeners) Deno.addSignalListener(signal, listener);
  addEventListener("beforeunload", onDeadEnd);
  watchEnd(greenlet, () => {
    for (const { signal, listener } of listeners) Deno.removeSignalListener(signal, listener);
    removeEventListener("beforeunload", onDeadEnd);
    if (hub.program === greenlet) hub.program = undefined;
    if (!greenlet.successful) Deno.exitCode = 1;
  });
  hub.program = greenlet;
  greenlet.start();
  return greenlet;
}

function stopSignals(): { signal: Deno.Signal; number: number }[] {
  const interrupt = { signal: "SIGINT", number: 2 } as const;
  if (Deno.build.os === "windows") return [interrupt, { signal: "SIGBREAK", number: 21 }];
  return [interrupt, { signal: "SIGTERM", number: 15 }];
}
