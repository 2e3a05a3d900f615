/**
 * Programs that a comparison cannot do without.
 *
 * @module
 */

import { findProgram } from "../../helpers/find_program.ts";

/** Ends this program, and says why, if one of those is not installed. */
export function requirePrograms(...names: string[]): void {
  const missing = names.find((name) => findProgram(name) === undefined);
  if (missing === undefined) return;
  console.log(`skipped: ${missing} is not installed`);
  Deno.exit();
}
