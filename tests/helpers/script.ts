/**
 * Programs in processes of their own, for what cannot be tried out inside a test.
 *
 * @module
 */

import { ChildProgram, type ProgramResult } from "./child_program.ts";

const ROOT = new URL("../../", import.meta.url).href;

/** Starts a program; its imports may begin with `@/` for the root of the repository. */
export function startScript(source: string, ...flags: string[]): ChildProgram {
  const args = ["run", "-A", "--no-config", "--quiet", ...flags, "--ext=ts"];
  const url = toDataUrl(source.replaceAll('"@/', `"${ROOT}`));
  return new ChildProgram([Deno.execPath(), ...args, url]);
}

/** Runs a program to its end; see {@link startScript}. */
export async function runScript(source: string, ...flags: string[]): Promise<ProgramResult> {
  await using script = startScript(source, ...flags);
  return await script.end();
}

function toDataUrl(code: string): string {
  return `data:application/typescript,${encodeURIComponent(code)}`;
}
