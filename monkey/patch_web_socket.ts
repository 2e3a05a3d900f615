/**
 * Patching WebSockets.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { adoptingScope } from "../core/adopt.ts";
import type { Scope } from "../core/scope.ts";
import { belongsTo } from "./_belongings.ts";
import { isSettler, SettlerWait } from "./_settlers.ts";
import { Patcher, type Patches, type PatchOptions } from "./registry.ts";

type Listener = EventListenerOrEventListenerObject;

/** Nobody rejects a promise with one of these events, so what settles one resolves it. */
const RESOLVING: ReadonlySet<string> = new Set(["message", "open"]);

/** What listeners were replaced by: to take them out again. */
const replacements = new WeakMap<WebSocket, Map<Listener, Listener>>();

/**
 * Patches `WebSocket`, also those of servers that `Deno.upgradeWebSocket` makes: a listener that was added in a greenlet
 * runs in the context of that greenlet as long as it lives, so that it knows it and its locals. Waiting for an event, as
 * in `await new Promise((resolve) => socket.onopen = resolve)`, can be interrupted when the event is `open` or `message` and
 * the listener is the promise's `resolve` itself.
 *
 * Prefer the WebSockets of this library for new code: they are in blocking style, with back-pressure.
 *
 * @returns What was replaced, and takes it back.
 *
 * @example
 * ```ts
 * import { isPatched, patchWebSocket } from "@gevent/deno/monkey";
 *
 * using _patch = patchWebSocket();
 * console.assert(isPatched("WebSocket.prototype.onmessage") && isPatched(WebSocket));
 * ```
 */
export function patchWebSocket(options: PatchOptions = {}): Patches {
  const patcher = new Patcher("webSocket", options);
  const { prototype } = WebSocket;
  patcher.method(
    prototype as WebSocket,
    "addEventListener",
    "WebSocket.prototype.addEventListener",
    (add) =>
      function (
        this: WebSocket,
        type: string,
        listener: Listener,
        options?: AddEventListenerOptions,
      ) {
        return add.call(this, type, replace(this, type, listener), options);
      },
  );
  patcher.method(
    prototype as WebSocket,
    "removeEventListener",
    "WebSocket.prototype.removeEventListener",
    (remove) =>
      function (this: WebSocket, type: string, listener: Listener, options?: EventListenerOptions) {
        const known = replacements.get(this);
        const replacement = known?.get(listener);
        known?.delete(listener);
        return remove.call(this, type, replacement ?? listener, options);
      },
  );
  for (const type of ["close", "error", "message", "open"] as const) {
    patchHandler(patcher, prototype, type);
  }
  return patcher.patches;
}

function patchHandler(
  patcher: Patcher,
  prototype: WebSocket,
  type: "close" | "error" | "message" | "open",
): void {
  const given = new WeakMap<WebSocket, unknown>();
  patcher.accessor(prototype, `on${type}`, `WebSocket.prototype.on${type}`, ({ get, set }) => ({
    get(this: WebSocket) {
      const current = get!.call(this);
      return current === null ? null : given.get(this) ?? current;
    },
    set(this: WebSocket, handler: unknown) {
      given.delete(this);
      if (typeof handler !== "function") return set!.call(this, handler);
      const listener = replace(this, type, handler as EventListener);
      if (listener !== handler) given.set(this, handler);
      set!.call(this, listener);
    },
  }));
}

/** What is to be called in place of a listener that is added in a greenlet; the same each time. */
function replace(socket: WebSocket, type: string, listener: Listener): Listener {
  const known = replacements.get(socket)?.get(listener);
  if (known !== undefined) return known;
  const scope = adoptingScope();
  if (scope === undefined || listener === null) return listener;
  let ofSocket = replacements.get(socket);
  if (ofSocket === undefined) replacements.set(socket, ofSocket = new Map());
  let replacement: Listener;
  if (RESOLVING.has(type) && isSettler(listener)) {
    const wait = new EventWait(scope, type, listener, ofSocket);
    belongsTo(scope, wait);
    replacement = (event) => wait.resume(event);
  } else {
    replacement = bound(scope, listener);
  }
  ofSocket.set(listener, replacement);
  return replacement;
}

/** Somebody who waits for an event, with a promise around its listener. */
class EventWait extends SettlerWait {
  readonly #known: Map<Listener, Listener>;
  readonly #listener: Listener;

  constructor(
    scope: Scope,
    type: string,
    resolve: (value?: unknown) => void,
    known: Map<Listener, Listener>,
  ) {
    super(scope, { name: `WebSocket event ${type}` }, resolve);
    this.#known = known;
    this.#listener = resolve;
  }

  protected override abandon(): void {
    this.#known.delete(this.#listener);
  }

  protected override isAbandoned(): boolean {
    return !this.#known.has(this.#listener);
  }
}

/** A listener that is called in the context in which it was added. */
function bound(scope: Scope, listener: Listener): EventListener {
  const inContext = AsyncLocalStorage.snapshot();
  return function (this: unknown, event) {
    const call = (): unknown =>
      typeof listener === "function"
        ? Reflect.apply(listener, this, [event])
        : Reflect.apply(listener.handleEvent, listener, [event]);
    // What a greenlet has left behind is in nobody's name.
    return scope.root.ending === "alive" ? inContext(call) : call();
  };
}
