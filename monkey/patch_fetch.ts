/**
 * Patching `fetch`.
 *
 * @module
 */

import { adopt, type AdoptedKind, adoptingScope, type AdoptOptions } from "../core/adopt.ts";
import { canBeExtended } from "./_adopted.ts";
import { type Abortable, abortable } from "./_signals.ts";
import { Patcher, type Patches, type PatchOptions } from "./registry.ts";

const FETCH: AdoptedKind = { name: "fetch" };

const BODY_METHODS = ["arrayBuffer", "blob", "bytes", "formData", "json", "text"] as const;

/** A request whose answer is being read. */
class Exchange implements AdoptOptions<Response> {
  readonly #abortable: Abortable;
  #readers = 1;

  constructor(theirs: AbortSignal | null | undefined) {
    this.#abortable = abortable(theirs);
  }

  /** Ends the request; the caller's own does so as well. */
  get signal(): AbortSignal {
    return this.#abortable.signal;
  }

  /** The wait for the head was given up. */
  abandon(error: unknown): void {
    this.#abortable.abandon(error);
  }

  /** The head has come. */
  arrived(response: Response): void {
    Answer.note(response, this);
  }

  /** The head has come after that. */
  orphan(): void {
    this.giveUp(undefined);
  }

  /** The response was cloned: somebody else may want to read it, too. */
  share(): this {
    this.#readers++;
    return this;
  }

  /** A reader gives up; the last one ends the request. */
  giveUp(error: unknown): void {
    if (--this.#readers === 0) this.abandon(error);
  }
}

/** A constructor that makes nothing, so that what extends it puts its fields into what is there. */
class Itself {
  constructor(there: object) {
    return there;
  }
}

/** What a response belongs to, kept in a private field of it: an entry in a `WeakMap` costs more in garbage collection. */
class Answer extends Itself {
  #exchange: Exchange | undefined;

  private constructor(response: Response, exchange: Exchange) {
    super(response);
    this.#exchange = exchange;
  }

  /** Notes what a response belongs to; somebody below may give the same one again. */
  static note(response: Response, exchange: Exchange): void {
    if (!(response instanceof Response)) return; // a stand-in may give anything
    if (#exchange in response) (response as Answer).#exchange = exchange;
    else new Answer(response, exchange);
  }

  static exchangeOf(response: object): Exchange | undefined {
    return #exchange in response ? (response as Answer).#exchange : undefined;
  }

  /** Who reads this response gives up: once, however often it is tried again. */
  static giveUp(response: object, error: unknown): void {
    const exchange = Answer.exchangeOf(response);
    if (exchange === undefined) return;
    (response as Answer).#exchange = undefined;
    exchange.giveUp(error);
  }
}

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
      if (!canBeExtended(init)) return adopt(scope, () => fetch(input, init), FETCH);
      // Passing a signal takes the place of the request's own.
      const exchange = new Exchange(
        init?.signal === undefined && input instanceof Request ? input.signal : init?.signal,
      );
      const { signal } = exchange;
      const begin = isPlain(init)
        ? () => fetch(input, { ...init, signal })
        : async () => await fetch(new Request(input, init), { signal });
      return adopt(scope, begin, FETCH, exchange);
    },
  );
  patcher.method(
    Response.prototype,
    "clone",
    "Response.prototype.clone",
    (clone) =>
      function (this: Response) {
        const copy = clone.call(this);
        const exchange = Answer.exchangeOf(this);
        if (exchange !== undefined) Answer.note(copy, exchange.share());
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
            const giveUp = (error: unknown): void => Answer.giveUp(this, error);
            // An interrupt that comes right before the reading does what it does in the midst of it.
            const options = { abandon: giveUp, refuse: giveUp };
            return adopt<unknown>(scope, () => read.call(this), kind, options);
          },
      );
    }
  }
  return patcher.patches;
}

/** Whether all that these options say is in properties of their own: not so in a request, or an object of a class. */
function isPlain(init: RequestInit | undefined): boolean {
  return init === undefined || Object.getPrototypeOf(init) === Object.prototype;
}
