/**
 * Waiting for a WebSocket of the runtime to open.
 *
 * @module
 */

import { checkpoint, completed, parkWait, type WaitOptions } from "../core/suspend.ts";
import type { WaitKind } from "../core/waiter.ts";

const { CONNECTING, OPEN } = WebSocket;

const OPENING: WaitKind<boolean> = { name: "the WebSocket to open" };

/** Waits until a socket is open, or has failed to; says which. `undo` is called when the wait is interrupted. */
export function waitOpen(
  socket: WebSocket,
  options?: WaitOptions,
  undo?: () => void,
): Promise<boolean> {
  const refused = checkpoint(options);
  if (refused !== undefined) return refused;
  if (socket.readyState !== CONNECTING) return completed(socket.readyState === OPEN);
  return parkWait<boolean>(
    (wait) => {
      const stopListening = (): void => {
        socket.removeEventListener("open", onOpen);
        socket.removeEventListener("error", onFailure);
        socket.removeEventListener("close", onFailure);
      };
      const settle = (opened: boolean): void => {
        stopListening();
        wait.resume(opened);
      };
      const onOpen = (): void => settle(true);
      // A server's socket that never opens gets an error event only.
      const onFailure = (): void => settle(false);
      socket.addEventListener("open", onOpen);
      socket.addEventListener("error", onFailure);
      socket.addEventListener("close", onFailure);
      return () => {
        stopListening();
        undo?.();
      };
    },
    options,
    OPENING,
  );
}
