/**
 * The workloads of the contestants as benches of `deno bench`.
 *
 * @module
 */

import type { Workload } from "../peers/contestant.ts";

/** What a group of benches has in common. */
export interface BenchGroup<W extends string> {
  /** Which workload. */
  readonly workload: W;
  /** How many operations one iteration does. */
  readonly operations: number;
  /** How many iterations to make: set for long ones, of which the usual number would take minutes. */
  readonly iterations?: number;
}

/** Registers one bench for each contestant that has the workload; the first is the baseline. */
export function registerBenches<W extends string>(
  { workload, operations, iterations }: BenchGroup<W>,
  contestants: Readonly<Record<string, { readonly [P in W]?: Workload }>>,
): void {
  for (const [index, [name, contestant]] of Object.entries(contestants).entries()) {
    const run = contestant[workload];
    if (run === undefined) throw new TypeError(`Cannot bench ${name}: it has no ${workload}`);
    Deno.bench({
      name: `${workload}: ${name}`,
      group: `${workload} x ${operations}`,
      baseline: index === 0,
      ...(iterations === undefined ? {} : { n: iterations, warmup: 1 }),
      // Deno.bench() only waits for functions that are declared async.
      fn: async (bench) => {
        await run(operations, { start: () => bench.start(), stop: () => bench.end() });
      },
    });
  }
}
