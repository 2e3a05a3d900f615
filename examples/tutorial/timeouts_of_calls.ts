// Three ways to limit a single call.
import { main, sleep, spawn, Timeout, withTimeout } from "../../mod.ts";

async function wait(): Promise<void> {
  await sleep(2000);
}

/** Prints a line if a call is timed out. */
async function report(name: string, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof Timeout)) throw error;
    console.log(`${name} timed out`);
  }
}

export default async function timeoutsOfCalls(): Promise<void> {
  // One that was started before interrupts the wait
  await report("Thread 1", async () => {
    using _timeout = Timeout.start(1000);
    await spawn(wait).join();
  });

  // As an argument; `timeout: 1000` does the same
  await report("Thread 2", async () => {
    const timer = Timeout.start(1000);
    await spawn(wait).get({ timeout: timer });
  });

  // For a whole function
  await report("Thread 3", () => withTimeout(1000, wait));
}

if (import.meta.main) main(timeoutsOfCalls);
