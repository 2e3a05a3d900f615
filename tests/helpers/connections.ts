/**
 * Counting the connections that a server in this machine holds, whatever else the test's process has open.
 *
 * @module
 */

const LISTENING = "0A";

/** How many connections at a TCP port (of IPv4) somebody still has a file for; always 0 where that cannot be told. */
export function connectionsAt(port: number): number {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  let count = 0;
  for (const line of readTable().split("\n").slice(1)) {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    if (local?.endsWith(suffix) && state !== LISTENING && inode !== "0") count++;
  }
  return count;
}

function readTable(): string {
  try {
    return Deno.readTextFileSync("/proc/net/tcp");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
