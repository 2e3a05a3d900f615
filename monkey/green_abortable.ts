/**
 * Clients whose methods take a signal.
 *
 * @module
 */

import { requireCount, requireOptions } from "../core/arguments.ts";
import { green, type GreenCall, type GreenOptions } from "../core/green.ts";
import { currentScope } from "../core/scope.ts";
import { canBeExtended, withArgument, type WithSignal, withSignal } from "./_adopted.ts";
import { abortable } from "./_signals.ts";

/**
 * What `greenAbortable` takes. Places of arguments are counted from 0.
 *
 * @example
 * ```ts
 * import type { GreenAbortableOptions } from "@gevent/deno/monkey";
 *
 * const undici: GreenAbortableOptions = { methods: { request: 0 } };
 * const axios: GreenAbortableOptions = { methods: { get: 1, post: 2, request: 0 }, call: 0 };
 * console.assert(undici.methods.request === 0 && axios.call === 0);
 * ```
 */
export interface GreenAbortableOptions extends Pick<GreenOptions, "orphan"> {
  /** The methods that take a `signal` in an object of options, and the place of that object among their arguments. */
  readonly methods: Readonly<Record<string, number>>;
  /** The place when the client itself is called, if it is a function. */
  readonly call?: number;
}

/**
 * Makes a client cooperative, as `green` does, whose methods take an `AbortSignal`: an interrupt aborts the signal of the
 * call, so that the client ends the work and has its connection for the next call.
 *
 * It is for the npm packages `undici` and `axios`, and for any that keep to the same custom, such as `got` and `ky`. Options
 * that the caller passes are passed on, and a signal among them counts as well. Methods that are not named are waited for
 * as by `green`; so is what is called outside greenlets, where nothing is interrupted. A promise with methods of its own,
 * as in `ky.get(url).json()`, belongs to the call that it came from. What is read of an answer later, such as a body, is a
 * wait of its own.
 *
 * @throws {TypeError} When it is not an object or a function, or has no method of one of the names.
 * @throws {RangeError} When a place is not an integer of at least 0.
 *
 * @example
 * ```ts
 * import { sleep, spawn } from "@gevent/deno";
 * import { greenAbortable } from "@gevent/deno/monkey";
 *
 * const ended: string[] = [];
 * const client = greenAbortable({
 *   get(url: string, { signal }: { signal?: AbortSignal } = {}): Promise<string> {
 *     return new Promise((_, reject) => {
 *       signal?.addEventListener("abort", () => (ended.push(url), reject(signal.reason)));
 *     });
 *   },
 * }, { methods: { get: 1 } });
 *
 * const g = spawn(() => client.get("/slow"));
 * await sleep(1);
 * await g.kill();
 * console.assert(ended.join() === "/slow");
 * ```
 */
export function greenAbortable<T extends object>(client: T, options: GreenAbortableOptions): T {
  requireOptions(options);
  requireOptions(options.methods);
  const places = new Map(Object.entries(options.methods));
  for (const [method, place] of places) {
    requireCount(place, method);
    if (typeof Object(client)[method] === "function") continue;
    throw new TypeError(
      `Cannot adapt a client without the method '${method}': received ${
        Deno.inspect(client, { depth: -1 })
      }`,
    );
  }
  if (options.call !== undefined) requireCount(options.call, "call");

  const placeIn = ({ target, method }: GreenCall): number | undefined => {
    if (target === client) return places.get(method);
    return target === undefined ? places.get(method) ?? options.call : undefined;
  };
  /** By calls, and by what has come of them: a promise with methods of its own is waited for by calls of these. */
  const abandons = new WeakMap<object, (error: unknown) => void>();
  return green(client, {
    ...(options.orphan === undefined ? {} : { orphan: options.orphan }),
    around(call, proceed) {
      let { args } = call;
      let abandon = abandons.get(Object(call.target));
      const place = placeIn(call);
      const given = place === undefined ? undefined : args[place] as WithSignal | undefined;
      if (place !== undefined && canBeExtended(given) && currentScope.getStore() !== undefined) {
        const ours = abortable(given?.signal);
        abandon = ours.abandon;
        args = withArgument(args, place, withSignal(given, ours.signal));
      }
      const result = proceed(args);
      if (abandon !== undefined) {
        abandons.set(call, abandon);
        if (typeof result === "object" && result !== null) abandons.set(result, abandon);
      }
      return result;
    },
    interrupted: (call) => abandons.get(call)?.(undefined),
  });
}
