// An AsyncResult hands a value to whoever waits for it.
import { AsyncResult, joinAll, main, sleep, spawn } from "../../mod.ts";

export default async function asyncResults(): Promise<void> {
  const a = new AsyncResult<string>();

  /** After 3 seconds, sets the result. */
  async function setter(): Promise<void> {
    await sleep(3000);
    a.set("Hello!");
  }

  /** After 3 seconds, gets what the setter has put there. */
  async function waiter(): Promise<void> {
    console.log(await a.get());
  }

  await joinAll([spawn(setter), spawn(waiter)]);
}

if (import.meta.main) main(asyncResults);
