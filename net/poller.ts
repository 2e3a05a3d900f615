/**
 * Waiting for the same sockets again and again.
 *
 * @module
 */

import { requireOptions } from "../core/arguments.ts";
import type { WaitOptions } from "../core/suspend.ts";
import type { WaitKind } from "../core/waiter.ts";
import { type Interest, isReady, requireSelectable, waitUntilReady } from "./_wait_until_ready.ts";
import type { Selectable } from "./readiness.ts";

const POLL: WaitKind<boolean> = {
  name: "Poller.poll",
  expired: (waiter) => void waiter.resume(false),
};

/**
 * What a poller looks for in an object: gevent's `POLLIN` and `POLLOUT`.
 *
 * @example
 * ```ts
 * import type { PollEvents } from "@gevent/deno/net";
 *
 * const events: PollEvents = { read: true };
 * console.assert(events.write === undefined);
 * ```
 */
export interface PollEvents {
  /** Whether it can be read without waiting. */
  readonly read?: boolean;
  /** Whether it can be written to. */
  readonly write?: boolean;
}

/**
 * An object that is ready, and for what.
 *
 * @example
 * ```ts
 * import { Poller, type PollResult, type Socket, socketPair } from "@gevent/deno/net";
 *
 * const [left, right] = await socketPair();
 * const poller = new Poller<Socket>();
 * poller.register(left, { write: true });
 * const [result]: PollResult<Socket>[] = await poller.poll();
 * console.assert(result?.object === left && result.write && !result.read);
 * left.close();
 * right.close();
 * ```
 */
export interface PollResult<S extends Selectable = Selectable> {
  /** The object. */
  readonly object: S;
  /** Whether it can be read without waiting, if that was asked for. */
  readonly read: boolean;
  /** Whether it can be written to, if that was asked for. */
  readonly write: boolean;
  /** Whether it has failed: gevent's `POLLERR`. Is told without being asked for. */
  readonly failed: boolean;
  /** Whether it was closed: gevent's `POLLNVAL`. Is told without being asked for, each time until it is taken out. */
  readonly closed: boolean;
}

/**
 * Objects to be waited for together: gevent's `poll`, and its selectors.
 *
 * Each `poll` tells all that are ready; what is ready stays so until it is read. For what readable and writable mean, and for which
 * objects can be waited for, see {@link select}.
 *
 * @example
 * ```ts
 * import { Poller, type Socket, socketPair } from "@gevent/deno/net";
 *
 * const [left, right] = await socketPair();
 * const poller = new Poller<Socket>();
 * poller.register(right, { read: true });
 * console.assert((await poller.poll({ timeout: 0 })).length === 0);
 * await left.sendAll(new Uint8Array([1]));
 * for (const { object, read } of await poller.poll({ timeout: 5000 })) {
 *   console.assert(object === right && read);
 * }
 * left.close();
 * right.close();
 * ```
 */
export class Poller<S extends Selectable = Selectable> {
  readonly #wanted = new Map<S, PollEvents>();

  /** How many objects there are. */
  get size(): number {
    return this.#wanted.size;
  }

  /**
   * Puts an object in, or changes what is looked for in it, from the next {@link Poller.poll} on.
   *
   * @param events What to look for; by default both.
   * @throws {TypeError} When the object cannot be waited for.
   */
  register(object: S, events: PollEvents = { read: true, write: true }): void {
    requireSelectable(object, "register");
    this.#wanted.set(object, { ...events });
  }

  /**
   * Changes what is looked for in an object, from the next {@link Poller.poll} on.
   *
   * @throws {TypeError} When it is not in.
   */
  modify(object: S, events: PollEvents): void {
    this.#requireRegistered(object, "modify");
    this.#wanted.set(object, { ...events });
  }

  /**
   * Takes an object out, whether it is closed or not.
   *
   * @throws {TypeError} When it is not in.
   */
  unregister(object: S): void {
    this.#requireRegistered(object, "unregister");
    this.#wanted.delete(object);
  }

  /**
   * Waits until at least one object is ready, and tells all that are; nothing when the time is over. With a timeout of 0 it gives
   * others and I/O one turn and tells how things are; a negative one is none.
   */
  async poll(options: WaitOptions = {}): Promise<PollResult<S>[]> {
    requireOptions(options);
    const { timeout } = options;
    const forever = typeof timeout === "number" && timeout < 0;
    const wanted = [...this.#wanted];
    const interests = wanted.flatMap(([object, { read, write }]): Interest[] => [
      { object, what: "error" },
      ...(read ? [{ object, what: "read" } as const] : []),
      ...(write ? [{ object, what: "write" } as const] : []),
    ]);
    const limits = forever ? { ...options, timeout: null } : options;
    if (!await waitUntilReady(interests, limits, POLL)) return [];
    return wanted.map(([object, { read = false, write = false }]) => ({
      object,
      read: read && isReady({ object, what: "read" }),
      write: write && isReady({ object, what: "write" }),
      failed: object.readiness.failed && !object.readiness.closed,
      closed: object.readiness.closed,
    })).filter(({ read, write, failed, closed }) => read || write || failed || closed);
  }

  /** For example `<Poller 3 objects>`. */
  toString(): string {
    return `<Poller ${this.size} object${this.size === 1 ? "" : "s"}>`;
  }

  #requireRegistered(object: S, call: string): void {
    if (this.#wanted.has(object)) return;
    throw new TypeError(`Cannot ${call} what is not registered: received ${Deno.inspect(object)}`);
  }
}
