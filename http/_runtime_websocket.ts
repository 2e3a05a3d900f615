/**
 * Letting go of a WebSocket of the runtime that it would keep.
 *
 * The runtime waits without limit for the other end to answer a closing frame, and has no call to stop that; and for a
 * connection that was lost it keeps the timer of the next ping, which holds up the end of the process. What it does itself
 * once a socket is closed helps in both cases. It is internal, so it is only used if it is there; otherwise the runtime
 * keeps the connection until the other end closes it, and the timer until it fires.
 *
 * @module
 */

import { runtimeInternals } from "../core/context.ts";

interface Internals {
  tryClose(resource: number): void;
  cancelTimer(timer: unknown): void;
}

const internals = runtimeInternals() as Partial<Internals> | undefined;

/**
 * Closes the connection of a socket that is not closed yet. From now on only its `readyState` may be asked for: the
 * runtime takes for granted that what is open has a connection.
 *
 * It does not help while bytes wait for a client that takes none: the write that is under way keeps the connection.
 */
export function releaseSocket(socket: WebSocket): void {
  cancelPing(socket);
  const resource = internalOf(socket, "[[rid]]");
  if (typeof resource === "number") internals?.tryClose?.(resource);
}

/** Stops the timer of the next ping. */
export function cancelPing(socket: WebSocket): void {
  const timer = internalOf(socket, "[[idleTimeoutTimeout]]");
  if (timer !== undefined && timer !== null) internals?.cancelTimer?.(timer);
}

function internalOf(socket: WebSocket, name: string): unknown {
  const key = Object.getOwnPropertySymbols(socket).find(({ description }) => description === name);
  return key === undefined ? undefined : (socket as unknown as Record<symbol, unknown>)[key];
}
