/**
 * Waiting for events of node's emitters.
 *
 * @module
 */

import events, { type EventEmitter } from "node:events";
import http from "node:http";
import { type AdoptedKind, adoptingScope } from "../core/adopt.ts";
import type { Scope } from "../core/scope.ts";
import { adoptedAbortable } from "./_adopted.ts";
import { belongsTo } from "./_belongings.ts";
import { AdoptedIterator } from "./_iterator.ts";
import { isSettler, SettlerWait } from "./_settlers.ts";
import type { Patcher } from "./registry.ts";

const ONCE: AdoptedKind = { name: "events.once" };
const ON: AdoptedKind = { name: "events.on" };

/** Promises may be rejected as well as resolved with these events, so nobody knows what a function that settles one does. */
const AMBIGUOUS: ReadonlySet<unknown> = new Set([
  "abort",
  "aborted",
  "close",
  "end",
  "error",
  "exit",
  "timeout",
]);

type Listener = (...args: unknown[]) => unknown;
type OnceOptions = Parameters<typeof events.once>[2];
type OnOptions = Parameters<typeof events.on>[2];

/** Somebody who waits for an event, with a promise around its listener. */
class EventWait extends SettlerWait {
  /** What is added to the emitter. */
  readonly resumer: Listener & { listener?: Listener };
  readonly #emitter: EventEmitter;
  readonly #name: string | symbol;

  constructor(scope: Scope, emitter: EventEmitter, name: string | symbol, resolve: Listener) {
    super(scope, { name: `event ${String(name)}` }, resolve);
    this.#emitter = emitter;
    this.#name = name;
    this.resumer = (value) => {
      emitter.removeListener(name, this.resumer);
      this.resume(value);
    };
    this.resumer.listener = resolve; // by which emitters find the one to remove
  }

  protected override abandon(): void {
    this.#emitter.removeListener(this.#name, this.resumer);
    // Whoever waits for the answer to a request is the only one who can do anything with it.
    if (this.#name === "response" && this.#emitter instanceof http.ClientRequest) {
      this.#emitter.destroy();
    }
  }

  protected override isAbandoned(): boolean {
    return !this.#emitter.rawListeners(this.#name).includes(this.resumer);
  }
}

/** Patches `events.once`, `events.on`, and `once` of emitters where it waits for a promise. */
export function patchEvents(patcher: Patcher): void {
  patcher.method(
    events,
    "once",
    "node:events.once",
    (once) => (emitter: EventEmitter, name: string | symbol, options?: OnceOptions) =>
      adoptedAbortable(options, (all) => once(emitter, name, all), ONCE),
  );
  patcher.method(
    events,
    "on",
    "node:events.on",
    (on) => (emitter: EventEmitter, name: string | symbol, options?: OnOptions) => {
      const iterator = on(emitter, name, options) as AsyncIterator<unknown[]>;
      return adoptingScope() === undefined ? iterator : new AdoptedIterator(iterator, ON);
    },
  );
  patcher.method(
    events.prototype,
    "once",
    "node:events.prototype.once",
    (once) =>
      function (this: EventEmitter, name: string | symbol, listener: Listener) {
        const scope = isSettler(listener) && !AMBIGUOUS.has(name) ? adoptingScope() : undefined;
        if (scope === undefined) return once.call(this, name, listener);
        const wait = new EventWait(scope, this, name, listener);
        belongsTo(scope, wait);
        return this.on(name, wait.resumer);
      },
  );
}
