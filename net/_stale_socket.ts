/**
 * What a server on a unix socket leaves behind when its process is killed.
 *
 * @module
 */

import { original } from "../core/originals.ts";
import { until } from "../core/until.ts";
import { isRuntimeError } from "./_runtime_errors.ts";
import { ABSTRACT } from "./address.ts";

/** Removes a socket file that no server listens on any more, and nothing else. */
export async function removeStaleSocket(path: string): Promise<void> {
  if (path.startsWith(ABSTRACT)) return;
  const found = findSocket(path);
  if (found === undefined) return;
  try {
    const orphan = (late: Deno.Conn): void => late.close();
    (await until(original(Deno, "connect")({ transport: "unix", path }), { orphan })).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionRefused)) {
      if (isRuntimeError(error)) return; // whoever listens there, or a missing permission, lets the listening fail
      throw error;
    }
    // Another server may have put its own in the place of the old one meanwhile.
    const now = findSocket(path);
    const isSame = now?.ino === found.ino && now.mtime?.getTime() === found.mtime?.getTime();
    if (isSame) Deno.removeSync(path);
  }
}

function findSocket(path: string): Deno.FileInfo | undefined {
  try {
    const info = Deno.lstatSync(path);
    return info.isSocket ? info : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
