import { assertEquals } from "@std/assert";
import { CORE } from "./core_compare.ts";
import { runToEnd } from "./harness/command.ts";
import { pythonCommand } from "./harness/runtimes.ts";
import {
  type ComparisonPlan,
  type Peer,
  PYTHON_PEERS,
  workloadCommand,
  type WorkloadPlan,
} from "./harness/workload_comparison.ts";
import { MONKEY } from "./monkey_compare.ts";
import { time } from "./peers/run_workload.ts";
import { SYNC } from "./sync_compare.ts";

const OPERATIONS = 1000;
const LIMIT = 60_000;

/** They cannot cancel the timers they start, which is why they get a process of their own. */
const LEAKING: readonly Peer[] = ["abort_signal", "std"];

/** What is missing of it, if anything is. */
async function missingPython(): Promise<string | undefined> {
  try {
    const [python] = pythonCommand("");
    await runToEnd([python, "-c", "import asyncio, gevent; asyncio.TaskGroup"], { limit: LIMIT });
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

async function run(family: string, workload: string, peer: Peer): Promise<void> {
  if (LEAKING.includes(peer)) {
    const command = workloadCommand(family, { workload, peer, operations: OPERATIONS });
    await runToEnd(command, { limit: LIMIT });
    return;
  }
  const { default: contestant } = await import(`./peers/${family}_${peer}.ts`);
  // It throws when a contestant has not done all that it was told to do.
  if (workload !== "park") return void await time(contestant[workload], OPERATIONS);
  const release = await contestant.park(OPERATIONS);
  await release();
}

const missing = await missingPython();
if (missing !== undefined) console.warn(`The Python contestants are not tested: ${missing}`);

for (const { family, workloads } of [CORE, SYNC, MONKEY] as ComparisonPlan<string>[]) {
  const plans = Object.entries<WorkloadPlan>(workloads);

  for (const [workload, { operations }] of plans) {
    const peers = (Object.keys(operations) as Peer[]).filter((peer) =>
      !PYTHON_PEERS.includes(peer)
    );
    Deno.test({
      name: `Every contestant for Deno does all operations of ${family} ${workload}`,
      timeout: LIMIT,
      fn: async () => {
        for (const peer of peers) await run(family, workload, peer);
      },
    });
  }

  for (const peer of PYTHON_PEERS) {
    if (plans.every(([, { operations }]) => !(peer in operations))) continue;
    Deno.test({
      name: `${family}_${peer}.py does all operations of its workloads`,
      timeout: LIMIT,
      ignore: missing !== undefined,
      fn: async () => {
        const command = pythonCommand(`${family}_${peer}.py`, ["check", `${OPERATIONS}`]);
        const done = JSON.parse(await runToEnd(command, { limit: LIMIT }));
        const expected = plans.flatMap(([workload, { operations }]) =>
          workload !== "park" && peer in operations ? [[workload, OPERATIONS]] : []
        );
        assertEquals(done, Object.fromEntries(expected));
      },
    });
  }
}
