// Threads finish in any order, greenlets in the same one each time.
import { main, Pool, sleep, until } from "../../mod.ts";

/** Done by the threads of the runtime, which the system schedules as it likes. */
async function echoOfThreads(i: number): Promise<number> {
  await until(crypto.subtle.digest("SHA-256", new Uint8Array(100_000)));
  return i;
}

/** Done by greenlets alone. */
async function echoOfGreenlets(i: number): Promise<number> {
  await sleep(1);
  return i;
}

/** Whether four runs give their results in the same order. */
async function isDeterministic(echo: (i: number) => Promise<number>): Promise<boolean> {
  const pool = new Pool(10);
  const runs: string[] = [];
  for (let run = 0; run < 4; run++) {
    const order = await Array.fromAsync(pool.imapUnordered(echo, Array(10).keys()));
    runs.push(order.join());
  }
  return runs.every((run) => run === runs[0]);
}

export default async function determinism(): Promise<void> {
  console.log(await isDeterministic(echoOfThreads)); // false, most of the time
  console.log(await isDeterministic(echoOfGreenlets)); // true
}

if (import.meta.main) main(determinism);
