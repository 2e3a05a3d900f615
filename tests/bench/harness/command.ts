/**
 * Programs that run to their end.
 *
 * @module
 */

/** How to run a program. */
export interface CommandLimits {
  /** Milliseconds after which it is killed. */
  readonly limit: number;
}

/**
 * Runs a program and returns what it printed to stdout.
 *
 * @throws {Error} With the end of its stderr, when it fails, cannot be started or takes too long.
 */
export async function runToEnd(
  [program, ...args]: readonly [string, ...string[]],
  { limit }: CommandLimits,
): Promise<string> {
  const child = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, limit);
  const { success, code, stdout, stderr } = await child.output();
  clearTimeout(timer);
  if (late) throw new Error(`Stopped after ${limit / 1000} s`);
  if (!success) throw new Error(lastLine(stderr) || `Exit code ${code}`);
  return new TextDecoder().decode(stdout);
}

/** The last line of an output that says anything. */
export function lastLine(output: Uint8Array): string {
  const lines = new TextDecoder().decode(output).split("\n").map((line) => line.trim());
  return lines.findLast((line) => line !== "") ?? "";
}
