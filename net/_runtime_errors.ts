/**
 * What the errors of the runtime's I/O mean.
 *
 * @module
 */

import { formatAddress, type ParsedAddress } from "./address.ts";

/** Closes a resource of the runtime, which refuses to be closed twice. */
export function closeQuietly(resource: { close(): void }): void {
  try {
    resource.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

/** Whether an error says what the system or the runtime thinks of an operation, and is not an interrupt or a bug. */
export function isRuntimeError(error: unknown): boolean {
  // Errors of the system that the runtime has no class for are told by their message.
  return Object.values(Deno.errors).some((type) => error instanceof type) ||
    error instanceof Error && /\(os error \d+\)$/.test(error.message);
}

/**
 * Lets the message of an error say which address it is about, unless it does so already: of errors of the runtime, and of
 * mistakes in the options. What an interrupt raises belongs to somebody else.
 */
export function nameAddress(error: unknown, address: ParsedAddress): void {
  if (!(error instanceof TypeError || error instanceof Error && isRuntimeError(error))) return;
  const where = formatAddress(address);
  if (!error.message.includes(where)) error.message += `: ${where}`;
}
