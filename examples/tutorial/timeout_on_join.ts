// A timeout ends whatever its greenlet waits for.
import { main, sleep, spawn, Timeout } from "../../mod.ts";

async function wait(): Promise<void> {
  await sleep(10_000);
}

export default async function timeoutOnJoin(): Promise<void> {
  const timeout = new Timeout(10_000);
  timeout.start();

  try {
    await spawn(wait).join();
  } catch (error) {
    if (!(error instanceof Timeout)) throw error;
    console.log("Could not complete");
  }
}

if (import.meta.main) main(timeoutOnJoin);
