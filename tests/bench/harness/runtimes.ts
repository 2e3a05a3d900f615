/**
 * How to start the contestants: this Deno, and the system's Python with the packages they need.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { runToEnd } from "./command.ts";

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

/** Why a Python module cannot be used, `undefined` if it can, and its version. */
export async function findPythonModule(
  name: string,
): Promise<{ readonly version?: string; readonly missing?: string }> {
  const program = `import sys, ${name}; print(getattr(${name}, "__version__", ` +
    `getattr(${name}, "version", sys.version.split()[0])))`;
  try {
    return { version: (await runToEnd([PYTHON, "-c", program], { limit: 10_000 })).trim() };
  } catch (error) {
    return { missing: (error as Error).message };
  }
}
