/**
 * How to start the contestants: this Deno, and the system's Python with the packages they need.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

// Not whatever `python3` is first in the path: Debian's packages belong to this one.
const PYTHON = "/usr/bin/python3";
const PEERS = new URL("../peers/", import.meta.url);

/** The path of a file in `peers/`. */
export function peerPath(file: string): string {
  return fileURLToPath(new URL(file, PEERS));
}

/** The command for a peer written for Deno. */
export function denoCommand(
  file: string,
  args: readonly string[] = [],
  flags: readonly string[] = [],
): [string, ...string[]] {
  return [Deno.execPath(), "run", "-A", "--quiet", ...flags, peerPath(file), ...args];
}

/** The command for a peer written in Python. */
export function pythonCommand(file: string, args: readonly string[] = []): [string, ...string[]] {
  return [PYTHON, "-B", peerPath(file), ...args];
}
