/**
 * Stretches of code that interrupts have to wait for.
 *
 * @module
 */

import { requireFunction } from "./arguments.ts";
import { currentScope, Scope, scopeOfCaller } from "./scope.ts";

/**
 * Runs a function so that kills and timeouts from outside do not reach into it: they are raised at the first wait after
 * it. For clean-up that has to be finished, such as a ROLLBACK in a `finally` block.
 *
 * Timeouts started inside work as ever. Also for an `import()` of a module that waits while it is loaded: that happens in the
 * name of the greenlet that imports it first, and when that is killed, the module has failed to load for everybody. gevent has
 * no counterpart.
 *
 * @returns What `fn` returns.
 * @throws {TypeError} When `fn` is not a function.
 *
 * @example
 * ```ts
 * import { shield, sleep, spawn } from "@gevent/deno";
 *
 * let finished = false;
 * const g = spawn(() =>
 *   shield(async () => {
 *     await sleep(2);
 *     finished = true;
 *   })
 * );
 * await sleep();
 * await g.kill();
 * console.assert(finished);
 * ```
 */
export async function shield<T>(fn: () => T | PromiseLike<T>): Promise<T> {
  requireFunction(fn, "fn");
  const scope = new Scope(scopeOfCaller());
  scope.shielded = true;
  try {
    return await currentScope.run(scope, fn);
  } finally {
    scope.shielded = false; // or nobody could end the waits that are left behind
    scope.close();
  }
}
