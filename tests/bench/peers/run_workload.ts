/**
 * Runs one workload of one contestant: `run_workload.ts core_greenlets switch 1000000`.
 *
 * @module
 */

import { type Park, UNIT, type Workload } from "./contestant.ts";

/** What a run prints, as one line of JSON. */
export interface RunResult {
  /** How long the operations took, without a warm-up run of a tenth of them. */
  readonly seconds?: number;
  /** Growth of the used heap by each parked task, in bytes, after a garbage collection. */
  readonly heapBytes?: number;
  /** The same of the resident memory of the process. */
  readonly residentBytes?: number;
}

/**
 * Runs a workload and returns how many seconds it took.
 *
 * @throws {RangeError} When the number of operations is not a multiple of {@link UNIT}.
 * @throws {Error} When it has not done all operations.
 */
export async function time(workload: Workload, operations: number): Promise<number> {
  if (!(operations > 0 && operations % UNIT === 0)) {
    throw new RangeError(
      `Cannot run as 'operations' must be a multiple of ${UNIT}: received ${operations}`,
    );
  }
  let started = performance.now();
  let stopped: number | undefined;
  const done = await workload(operations, {
    start: () => started = performance.now(),
    stop: () => stopped = performance.now(),
  });
  stopped ??= performance.now();
  if (done !== operations) throw new Error(`Did ${done} operations instead of ${operations}`);
  return (stopped - started) / 1000;
}

async function weigh(park: Park, tasks: number): Promise<RunResult> {
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

async function run(name: string, workload: string, operations: number): Promise<RunResult> {
  const { default: contestant } = await import(`./${name}.ts`);
  const chosen: Workload | undefined = contestant[workload];
  if (chosen === undefined) throw new TypeError(`Cannot run ${workload}: ${name} does not have it`);
  if (workload === "park") return await weigh(contestant.park, operations);
  await time(chosen, Math.ceil(operations / 10 / UNIT) * UNIT);
  return { seconds: await time(chosen, operations) };
}

if (import.meta.main) {
  const [name, workload, operations] = Deno.args;
  try {
    console.log(JSON.stringify(await run(name ?? "", workload ?? "", Number(operations))));
  } catch (error) {
    // The reason comes last, where the comparison looks for it.
    console.error(error instanceof Error ? `${error.stack}\n${error}` : error);
    Deno.exit(1);
  }
  Deno.exit(); // no contestant's leftovers may delay the end
}
