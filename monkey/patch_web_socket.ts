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

/** What listeners for one type of event were replaced by: to take them out again. */
type Replacements = WeakMap<Listener, EventListener>;

const replacements = new WeakMap<WebSocket, Map<string, Replacements>>();

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
        options?: boolean | AddEventListenerOptions,
      ) {
        const once = typeof options === "object" && options?.once === true;
        return add.call(this, type, replace(this, type, listener, once), options);
      },
  );
  patcher.method(
    prototype as WebSocket,
    "removeEventListener",
    "WebSocket.prototype.removeEventListener",
    (remove) =>
      function (this: WebSocket, type: string, listener: Listener, options?: EventListenerOptions) {
        const known = replacements.get(this)?.get(type);
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
      const scope = adoptingScope();
      if (scope === undefined || typeof handler !== "function") return set!.call(this, handler);
      const replacement = replacementFor(scope, type, handler as EventListener, {
        stands: () => get!.call(this) === replacement,
        remove: () => set!.call(this, null),
      });
      given.set(this, handler);
      set!.call(this, replacement);
    },
  }));
}

/** What is to be called in place of a listener that is added in a greenlet; the same as long as it is there. */
function replace(socket: WebSocket, type: string, listener: Listener, once: boolean): Listener {
  const known = replacements.get(socket)?.get(type);
  const replaced = known?.get(listener);
  if (replaced !== undefined) return replaced;
  const scope = adoptingScope();
  if (scope === undefined || listener === null) return listener;
  const ofType: Replacements = known ?? new WeakMap();
  if (known === undefined) {
    const ofSocket = replacements.get(socket);
    if (ofSocket === undefined) replacements.set(socket, new Map([[type, ofType]]));
    else ofSocket.set(type, ofType);
  }
  const replacement = replacementFor(scope, type, listener, {
    stands: () => ofType.get(listener) === registered,
    remove: () => {
      ofType.delete(listener);
      EventTarget.prototype.removeEventListener.call(socket, type, registered);
    },
  });
  const registered: EventListener = !once ? replacement : function (this: unknown, event) {
    ofType.delete(listener); // whoever adds it again does so in a context of their own
    Reflect.apply(replacement, this, [event]);
  };
  ofType.set(listener, registered);
  return registered;
}

/** A listener that was put in the place of another one. */
interface Registration {
  /** Whether it is still there. */
  readonly stands: () => boolean;
  /** Takes it out. */
  readonly remove: () => void;
}

function replacementFor(
  scope: Scope,
  type: string,
  listener: Listener,
  registration: Registration,
): EventListener {
  if (!RESOLVING.has(type) || !isSettler(listener)) return bound(scope, listener);
  const wait = new EventWait(scope, type, listener, registration);
  belongsTo(scope, wait);
  return (event) => wait.resume(event);
}

/** Somebody who waits for an event, with a promise around its listener. */
class EventWait extends SettlerWait {
  readonly #registration: Registration;

  constructor(
    scope: Scope,
    type: string,
    resolve: (value?: unknown) => void,
    registration: Registration,
  ) {
    super(scope, { name: `WebSocket event ${type}` }, resolve);
    this.#registration = registration;
  }

  protected override abandon(): void {
    if (this.#registration.stands()) this.#registration.remove();
  }

  protected override isAbandoned(): boolean {
    return !this.#registration.stands();
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
