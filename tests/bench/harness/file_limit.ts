/**
 * Whether there can be as many connections as asked for.
 *
 * @module
 */

/** What a process needs besides its connections. */
const OTHERS = 64;

/**
 * Checks that a process of this user may have so many connections.
 *
 * @throws {RangeError} When it may not.
 */
export async function requireConnections(connections: number): Promise<void> {
  const limits = await Deno.readTextFile("/proc/self/limits").catch(() => "");
  const files = fileLimit(limits);
  if (connections + OTHERS <= files) return;
  throw new RangeError(
    `Cannot open ${connections} connections as a process may have ${files} files: raise 'ulimit -Hn'`,
  );
}

/** The hard limit in `/proc/PID/limits`: Deno and the client in C raise theirs to it, and children inherit that. */
export function fileLimit(limits: string): number {
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1];
  return hard === undefined ? Infinity : Number(hard);
}
