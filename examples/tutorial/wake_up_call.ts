// An AsyncResult as a wake-up call, without a value.
import { AsyncResult, joinAll, main, sleep, spawn } from "../../mod.ts";

export default async function wakeUpCall(): Promise<void> {
  const a = new AsyncResult<void>();

  /** After 3 seconds, wakes all that wait for a. */
  async function setter(): Promise<void> {
    await sleep(3000);
    a.set();
  }

  /** Goes on after 3 seconds. */
  async function waiter(): Promise<void> {
    await a.get(); // blocks
    console.log("I live!");
  }

  await joinAll([spawn(setter), spawn(waiter)]);
}

if (import.meta.main) main(wakeUpCall);
