/**
 * What programs print: examples whose output is known line by line.
 *
 * @module
 */

import { hub } from "../../core/scheduler.ts";
import { getCurrent } from "../../core/spawn.ts";
import { runVirtual } from "../../testing/virtual_clock.ts";

/** What came of a program. */
export interface Printed {
  /** The lines it wrote to stdout. */
  readonly stdout: string[];
  /** What it wrote to stderr. */
  readonly stderr: string;
  /** How long it took, in ms, on the clock of the hub. */
  readonly ms: number;
}

/** Runs a program in this process, with what it prints collected. */
export async function printed(
  program: () => unknown,
  maxLines: number = Infinity,
): Promise<Printed> {
  const { log, error } = console;
  const stdout: string[] = [];
  const stderr: string[] = [];
  const greenlet = getCurrent();
  console.log = (...args) => {
    if (stdout.length >= maxLines) return;
    stdout.push(args.map(String).join(" "));
    if (stdout.length === maxLines) greenlet.throw();
  };
  console.error = (...args) => void stderr.push(args.join(" "));
  const start = hub.clock.now();
  try {
    await program();
  } catch (failure) {
    if (stdout.length < maxLines) throw failure;
  } finally {
    Object.assign(console, { log, error });
  }
  return { stdout, stderr: stderr.join("\n"), ms: hub.clock.now() - start };
}

/** Runs a program in virtual time; one that does not end by itself is killed after so many lines. */
export function printedVirtually(program: () => unknown, maxLines?: number): Promise<Printed> {
  return runVirtual(() => printed(program, maxLines));
}

/** The lines of an indented text, without the line breaks at its ends. */
export function lines(text: string): string[] {
  return text.trim().split("\n").map((line) => line.trim());
}
