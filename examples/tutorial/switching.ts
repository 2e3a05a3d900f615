// Two greenlets that give way to each other.
import { joinAll, main, sleep, spawn } from "../../mod.ts";

async function foo(): Promise<void> {
  console.log("Running in foo");
  await sleep(0);
  console.log("Explicit context switch to foo again");
}

async function bar(): Promise<void> {
  console.log("Explicit context to bar");
  await sleep(0);
  console.log("Implicit context switch back to bar");
}

export default async function switching(): Promise<void> {
  await joinAll([spawn(foo), spawn(bar)]);
}

if (import.meta.main) main(switching);
