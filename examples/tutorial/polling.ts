// While two greenlets wait, a third one works: waiting blocks nobody else.
import { getHub, joinAll, main, sleep, spawn } from "../../mod.ts";

export default async function polling(): Promise<void> {
  const { clock } = getHub();
  const start = clock.now();
  const tic = () => `at ${((clock.now() - start) / 1000).toFixed(1)} seconds`;

  async function poll(): Promise<void> {
    console.log(`Started Polling: ${tic()}`);
    await sleep(2000);
    console.log(`Ended Polling: ${tic()}`);
  }

  async function work(): Promise<void> {
    console.log(`Hey lets do some stuff while the greenlets poll, ${tic()}`);
    await sleep(1000);
  }

  await joinAll([spawn(poll), spawn(poll), spawn(work)]);
}

if (import.meta.main) main(polling);
