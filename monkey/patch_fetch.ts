/**
 * Patching `fetch`.
 *
 * @module
 */

import { adopt, type AdoptedKind, adoptingScope } from "../core/adopt.ts";
import { abortable } from "./_signals.ts";
import { Patcher, type Patches, type PatchOptions } from "./registry.ts";

const FETCH: AdoptedKind = { name: "fetch" };

const BODY_METHODS = ["arrayBuffer", "blob", "bytes", "formData", "json", "text"] as const;

/** A request whose answer is being read. */
class Exchange {
  readonly #abandon: (error: unknown) => void;
  #readers = 1;

  constructor(abandon: (error: unknown) => void) {
    this.#abandon = abandon;
  }

  /** The response was cloned: somebody else may want to read it, too. */
  share(): this {
    this.#readers++;
    return this;
  }

  /** A reader gives up; the last one ends the request. */
  giveUp(error: unknown): void {
    if (--this.#readers === 0) this.#abandon(error);
  }
}

/** What responses belong to. */
const exchanges = new WeakMap<Response, Exchange>();

/**
 * Patches `fetch`, and the methods that read bodies of responses and requests: all of them can be interrupted, which ends
 * the request on the wire. Bodies as streams are `patchStreams`'s. gevent has no counterpart: there, HTTP clients are
 * written on sockets.
 *
 * @returns What was replaced, and takes it back.
 *
 * @example
 * ```ts
 * import { spawn, withTimeout } from "@gevent/deno";
 * import { patchFetch } from "@gevent/deno/monkey";
 *
 * using _patch = patchFetch();
 * using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }); // answers nobody
 * const { port } = listener.addr;
 * const g = spawn(() =>
 *   withTimeout(5, () => fetch(`http://127.0.0.1:${port}/`), { timeoutValue: "too late" })
 * );
 * console.assert(await g.get() === "too late");
 * ```
 */
export function patchFetch(options: PatchOptions = {}): Patches {
  const patcher = new Patcher("fetch", options);
  patcher.method(
    globalThis,
    "fetch",
    "fetch",
    (fetch) => (input: URL | Request | string, init?: RequestInit) => {
      const scope = adoptingScope();
      if (scope === undefined) return fetch(input, init);
      // Passing a signal takes the place of the request's own.
      const { signal, abandon } = abortable(
        init?.signal === undefined && input instanceof Request ? input.signal : init?.signal,
      );
      const begin = (): Promise<Response> =>
        fetch(input, { ...init, signal }).then((response) => {
          exchanges.set(response, new Exchange(abandon));
          return response;
        });
      return adopt(scope, begin, FETCH, {
        abandon,
        orphan: (late) => void exchanges.get(late)?.giveUp(undefined),
      });
    },
  );
  patcher.method(
    Response.prototype,
    "clone",
    "Response.prototype.clone",
    (clone) =>
      function (this: Response) {
        const copy = clone.call(this);
        const exchange = exchanges.get(this);
        if (exchange !== undefined) exchanges.set(copy, exchange.share());
        return copy;
      },
  );
  for (const type of [Response, Request]) {
    for (const name of BODY_METHODS) {
      const kind = { name: `${type.name}.${name}` };
      patcher.method(
        type.prototype as Response,
        name,
        `${type.name}.prototype.${name}`,
        (read) =>
          function (this: Response) {
            const scope = adoptingScope();
            if (scope === undefined) return read.call(this);
            return adopt<unknown>(scope, () => read.call(this), kind, {
              abandon: (error) => exchanges.get(this)?.giveUp(error),
            });
          },
      );
    }
  }
  return patcher.patches;
}
