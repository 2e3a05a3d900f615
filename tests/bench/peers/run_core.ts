/**
 * Runs one workload of one contestant: `run_core.ts greenlets switch 1000000`.
 *
 * @module
 */

import type { Contestant, Workload } from "./core_contestant.ts";

/** What a run prints, as one line of JSON. */
export interface RunResult {
  /** How long the operations took, without a warm-up run of a tenth of them. */
  readonly seconds?: number;
  /** Growth of the used heap by each parked task, in bytes, after a garbage collection. */
  readonly heapBytes?: number;
  /** The same of the resident memory of the process. */
  readonly residentBytes?: number;
}

async function time(workload: Workload, operations: number): Promise<RunResult> {
  await workload(Math.ceil(operations / 10));
  const started = performance.now();
  await workload(operations);
  return { seconds: (performance.now() - started) / 1000 };
}

async function weigh(park: NonNullable<Contestant["park"]>, tasks: number): Promise<RunResult> {
  (await park(Math.ceil(tasks / 10)))();
  const before = await settledMemory();
  const release = await park(tasks);
  const after = await settledMemory();
  await release();
  return {
    heapBytes: (after.heapUsed - before.heapUsed) / tasks,
    residentBytes: (after.rss - before.rss) / tasks,
  };
}

async function settledMemory(): Promise<Deno.MemoryUsage> {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("Cannot weigh without --v8-flags=--expose-gc");
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    gc();
  }
  return Deno.memoryUsage();
}

if (import.meta.main) {
  const [name, workload, count] = Deno.args;
  const operations = Number(count);
  const contestant: Contestant = (await import(`./core_${name}.ts`)).default;
  const chosen = contestant[workload as keyof Contestant];
  if (chosen === undefined || !(operations > 0)) {
    throw new TypeError(`Cannot run: received ${Deno.args.join(" ")}`);
  }
  const result = workload === "park"
    ? await weigh(contestant.park!, operations)
    : await time(chosen as Workload, operations);
  console.log(JSON.stringify(result));
  Deno.exit(); // no contestant's leftovers may delay the end
}
