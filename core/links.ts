/**
 * Callbacks that wait for something to become ready: what `rawlink` and `unlink` work on.
 *
 * @module
 */

import { hub, type Runnable } from "./scheduler.ts";

/**
 * Something whose completion can be waited for with `wait` and `iwait`, by way of a callback that the hub calls.
 *
 * @example
 * ```ts
 * import { type Linkable, spawn } from "@gevent/deno";
 *
 * const source: Linkable = spawn(() => 1);
 * let ready = false;
 * source.rawlink(() => ready = true);
 * await spawn(() => 2).join();
 * console.assert(ready);
 * ```
 */
export interface Linkable {
  /** Has `callback` called in the hub once this is ready, or soon if it is already; it must not block. */
  rawlink(callback: (source: this) => void): void;
  /** Takes a callback back; does nothing when it is not linked. */
  unlink(callback: (source: this) => void): void;
}

/** One registered callback. */
export interface Link<S> {
  /** What the hub calls. */
  readonly call: (source: S) => void;
  /** What the caller gave, which may be wrapped in `call`; `unlink` goes by it. */
  readonly given: unknown;
}

/** The links of one object, called in the order they were added. */
export class Links<S> implements Runnable {
  readonly #source: S;
  // Most objects have no link or one; a Set keeps the order under removal while it is being gone over.
  #links: Link<S> | Set<Link<S>> | undefined;
  #queued = false;

  /** `source` is what the callbacks are called with. */
  constructor(source: S) {
    this.#source = source;
  }

  /** How many there are. */
  get size(): number {
    if (this.#links === undefined) return 0;
    return this.#links instanceof Set ? this.#links.size : 1;
  }

  /** Adds a callback; what it returns is for {@link Links.delete}. */
  add(call: (source: S) => void, given: unknown = call): Link<S> {
    const link: Link<S> = { call, given };
    if (this.#links === undefined) this.#links = link;
    else if (this.#links instanceof Set) this.#links.add(link);
    else this.#links = new Set([this.#links, link]);
    return link;
  }

  /** Removes one link. */
  delete(link: Link<S>): void {
    if (this.#links === link) this.#links = undefined;
    else if (this.#links instanceof Set) this.#links.delete(link);
  }

  /** Removes the first link that was made for `given`. */
  unlink(given: unknown): void {
    if (this.#links instanceof Set) {
      for (const link of this.#links) if (link.given === given) return this.delete(link);
    } else if (this.#links?.given === given) {
      this.#links = undefined;
    }
  }

  /** Has all links called by the hub in its next entry, each once; those added meanwhile are called as well. */
  notify(): void {
    if (this.#queued || this.#links === undefined) return;
    this.#queued = true;
    hub.enqueue(this);
  }

  /** The hub entry behind {@link Links.notify}. */
  run(): void {
    this.#queued = false;
    const links = this.#links;
    if (links instanceof Set) {
      for (const link of links) this.#call(link);
    } else if (links !== undefined) {
      this.#call(links);
      // A callback that linked another one has turned the single link into a set.
      if (this.#links !== undefined) this.run();
    }
  }

  #call(link: Link<S>): void {
    this.delete(link);
    hub.runCallback(() => link.call(this.#source));
  }
}

/** Refuses what cannot be called. */
export function requireFunction(value: unknown, what: string): void {
  if (typeof value !== "function") {
    throw new TypeError(
      `Cannot use '${what}' as it must be a function: received ${Deno.inspect(value)}`,
    );
  }
}
