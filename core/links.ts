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

/** In place of what a user has given: a link by which the library itself waits. */
const INTERNAL = Symbol("internal");

/** From this many links on, finding one to remove must not take longer the more there are. */
const MANY = 8;

/** The links of one object, called in the order they were added. */
export class Links<S> implements Runnable {
  readonly #source: S;
  // Nearly all objects have no link, one or two: those must be cheap.
  #links: Link<S> | Link<S>[] | Set<Link<S>> | undefined;
  #queued = false;

  /** `source` is what the callbacks are called with. */
  constructor(source: S) {
    this.#source = source;
  }

  /** How many there are. */
  get size(): number {
    const links = this.#links;
    if (links === undefined) return 0;
    if (links instanceof Set) return links.size;
    return Array.isArray(links) ? links.length : 1;
  }

  /** Adds a callback; what it returns is for {@link Links.delete}. */
  add(call: (source: S) => void, given: unknown = call): Link<S> {
    const link: Link<S> = { call, given };
    const links = this.#links;
    if (links === undefined) this.#links = link;
    else if (links instanceof Set) links.add(link);
    else if (!Array.isArray(links)) this.#links = [links, link];
    else if (links.push(link) > MANY) this.#links = new Set(links);
    return link;
  }

  /** Adds a callback of the library's own, which {@link Links.clear} leaves alone; for {@link Links.delete}. */
  addInternal(call: (source: S) => void): Link<S> {
    return this.add(call, INTERNAL);
  }

  /** Whether there are links that users have made. */
  get linked(): boolean {
    for (const link of this.#all()) {
      if (link.given !== INTERNAL) return true;
    }
    return false;
  }

  /** Removes all links that users have made. */
  clear(): void {
    for (const link of [...this.#all()]) {
      if (link.given !== INTERNAL) this.delete(link);
    }
  }

  /** Removes one link. */
  delete(link: Link<S>): void {
    const links = this.#links;
    if (links === link) {
      this.#links = undefined;
    } else if (links instanceof Set) {
      links.delete(link);
    } else if (Array.isArray(links)) {
      const at = links.indexOf(link);
      if (at !== -1) links.splice(at, 1);
    }
  }

  /** Removes the first link that was made for `given`. */
  unlink(given: unknown): void {
    for (const link of this.#all()) {
      if (link.given === given) return this.delete(link);
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
    for (let link = this.#first(); link !== undefined; link = this.#first()) {
      this.delete(link);
      this.#call(link);
    }
  }

  /** Links may be added and removed while others are called, so the list is looked at afresh each time. */
  #first(): Link<S> | undefined {
    const links = this.#links;
    if (links instanceof Set) {
      // Gone over in one go: looking for the first of a Set again and again takes longer and longer.
      for (const link of links) {
        links.delete(link);
        this.#call(link);
      }
      return undefined;
    }
    return Array.isArray(links) ? links[0] : links;
  }

  #all(): Iterable<Link<S>> {
    const links = this.#links;
    if (links === undefined) return [];
    return links instanceof Set || Array.isArray(links) ? links : [links];
  }

  #call(link: Link<S>): void {
    hub.runCallback(link.call as (source: unknown) => void, this.#source);
  }
}
