/**
 * Sharing a port with other processes.
 *
 * @module
 */

/**
 * Throws where ports cannot be shared: the runtime would end the process.
 *
 * @throws {Deno.errors.NotSupported} When Deno was started without `--unstable-net`.
 */
export function requireReusePort(): void {
  if ("listenDatagram" in Deno) return;
  throw new Deno.errors.NotSupported(
    "Cannot share a port as Deno was started without --unstable-net",
  );
}
