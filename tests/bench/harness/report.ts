/**
 * Where results are kept.
 *
 * @module
 */

import { cpus, release } from "node:os";
import { join } from "node:path";

/** What one has to know about the machine to read the numbers. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly system: string;
  readonly deno: string;
  readonly date: string;
}

/** Describes this machine. */
export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: navigator.hardwareConcurrency,
    system: `${Deno.build.os} ${release()} ${Deno.build.arch}`,
    deno: Deno.version.deno,
    date: new Date().toISOString(),
  };
}

/** Writes `files` into `folder`, or into a temporary one, and says which. */
export async function writeReport(
  folder: string | undefined,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const target = folder ?? await Deno.makeTempDir({ prefix: "bench_" });
  await Deno.mkdir(target, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(join(target, name), text);
  }
  return target;
}
