/**
 * The examples as programs of their own.
 *
 * @module
 */

import { ChildProgram, type ProgramResult } from "./child_program.ts";

const EXAMPLES = new URL("../../examples/", import.meta.url);
const FLAGS = ["run", "-A", "--quiet", "--no-config", "--no-lock", "--no-check"];

/** Starts an example with arguments. */
export function startExample(file: string, ...args: string[]): ChildProgram {
  return new ChildProgram([Deno.execPath(), ...FLAGS, new URL(file, EXAMPLES).href, ...args]);
}

/** Runs an example to its end. */
export async function runExample(file: string, ...args: string[]): Promise<ProgramResult> {
  await using example = startExample(file, ...args);
  return await example.end();
}
