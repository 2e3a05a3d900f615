/**
 * Waiting until sockets are ready, without reading or writing.
 *
 * @module
 */

import { requireIterable, requireOptions } from "../core/arguments.ts";
import type { WaitOptions } from "../core/suspend.ts";
import type { WaitKind } from "../core/waiter.ts";
import { type Interest, isReady, requireSelectable, waitUntilReady } from "./_wait_until_ready.ts";
import type { Selectable } from "./readiness.ts";

const SELECT: WaitKind<boolean> = {
  name: "select",
  expired: (waiter) => void waiter.resume(false),
};
const WAIT_READ: WaitKind<boolean> = { name: "waitRead" };
const WAIT_WRITE: WaitKind<boolean> = { name: "waitWrite" };

/**
 * Waits until at least one object is ready, and returns all that are: gevent's `select`.
 *
 * Readable is what could be read without waiting: bytes or a datagram have come, or the end, or an error. Writable is what nobody
 * is writing to, as the runtime does not tell whether the system has room. An error is that of an object that has failed or was
 * closed, which is readable and writable, too. Nothing is taken out of the objects: what is ready stays so until it is read. An
 * object that is closed meanwhile ends the wait.
 *
 * With a timeout of 0 it gives others and I/O one turn and tells how things are. Without any objects it is a `sleep`.
 *
 * @param readers Objects to be read from: only those of this library, as Deno has no readiness of file descriptors.
 * @param writers Objects to be written to.
 * @param errors Objects that may fail.
 * @returns Those of each kind that are ready, in their order; all lists are empty when the time is over.
 * @throws {RangeError} When the timeout is negative.
 * @throws {TypeError} When an object cannot be waited for.
 *
 * @example
 * ```ts
 * import { select, socketPair } from "@gevent/deno/net";
 *
 * const [left, right] = await socketPair();
 * console.assert((await select([left, right], [], [], { timeout: 0 })).every((list) => list.length === 0));
 * await left.sendAll(new Uint8Array([1]));
 * const [readers, writers] = await select([left, right], [left]);
 * console.assert(writers[0] === left);
 * console.assert((await select([left, right]))[0][0] === right);
 * left.close();
 * right.close();
 * ```
 */
export async function select<
  R extends Selectable = Selectable,
  W extends Selectable = Selectable,
  E extends Selectable = Selectable,
>(
  readers: Iterable<R>,
  writers: Iterable<W> = [],
  errors: Iterable<E> = [],
  options: WaitOptions = {},
): Promise<[readers: R[], writers: W[], errors: E[]]> {
  requireOptions(options);
  const { timeout } = options;
  if (typeof timeout === "number" && timeout < 0) {
    throw new RangeError(`Cannot select as 'timeout' must not be negative: received ${timeout}`);
  }
  const lists = [
    interestsIn(readers, "read", "readers"),
    interestsIn(writers, "write", "writers"),
    interestsIn(errors, "error", "errors"),
  ];
  if (!await waitUntilReady(lists.flat(), options, SELECT)) return [[], [], []];
  return lists.map((list) => list.filter(isReady).map(({ object }) => object)) as [R[], W[], E[]];
}

/**
 * Waits until an object could be read without waiting, and takes nothing out of it: gevent's `wait_read`.
 *
 * Reading right afterwards does not wait, unless somebody else was faster. It is ready at the end of the stream and after an
 * error, too; reading tells which.
 *
 * @throws {Timeout} When it takes too long.
 * @throws {Deno.errors.BadResource} When it is closed, or gets closed meanwhile.
 * @throws {TypeError} When it cannot be waited for: only the sockets of this library can.
 *
 * @example
 * ```ts
 * import { socketPair, waitRead } from "@gevent/deno/net";
 *
 * const [left, right] = await socketPair();
 * await left.sendAll(new Uint8Array([1, 2]));
 * await waitRead(right, { timeout: 5000 });
 * console.assert(right.buffered === 2);
 * left.close();
 * right.close();
 * ```
 */
export async function waitRead(object: Selectable, options?: WaitOptions): Promise<void> {
  await waitForOne(object, "read", options, WAIT_READ);
}

/**
 * Waits until nobody writes to an object any more, so that writing would begin at once: gevent's `wait_write`. The runtime does not
 * tell whether the system has room, so what is written then may have to wait nevertheless.
 *
 * @throws {Timeout} When it takes too long.
 * @throws {Deno.errors.BadResource} When it is closed, or gets closed meanwhile.
 * @throws {TypeError} When it cannot be waited for: only the sockets of this library can.
 *
 * @example
 * ```ts
 * import { socketPair, waitWrite } from "@gevent/deno/net";
 *
 * const [left, right] = await socketPair();
 * await waitWrite(left, { timeout: 5000 });
 * left.close();
 * right.close();
 * ```
 */
export async function waitWrite(object: Selectable, options?: WaitOptions): Promise<void> {
  await waitForOne(object, "write", options, WAIT_WRITE);
}

async function waitForOne(
  object: Selectable,
  what: "read" | "write",
  options: WaitOptions | undefined,
  kind: WaitKind<boolean>,
): Promise<void> {
  requireSelectable(object, "wait for");
  await waitUntilReady([{ object, what }], options, kind);
  if (object.readiness.closed) {
    throw new Deno.errors.BadResource("The socket was closed in another greenlet");
  }
}

function interestsIn(
  objects: Iterable<Selectable>,
  what: Interest["what"],
  list: string,
): Interest[] {
  requireIterable(objects, list);
  return Array.from(objects, (object) => {
    requireSelectable(object, "select");
    return { object, what };
  });
}
