// Tasks that know nothing of greenlets, one after the other and all at once; and how those that take too long end.
import { joinAll, main, spawn, withTimeout } from "../../mod.ts";
import { patchTimers } from "../../monkey/mod.ts";

/** As anybody would write it. */
async function task(pid: number, ms: number = Math.floor(Math.random() * 3)): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(resolve, ms));
  console.log(`Task ${pid} done`);
}

async function synchronous(): Promise<void> {
  for (let i = 1; i < 10; i++) await task(i);
}

async function asynchronous(): Promise<void> {
  await joinAll(Array.from({ length: 10 }, (_, i) => spawn(task, i)));
}

export default async function monkeyTasks(): Promise<void> {
  using _patch = patchTimers();
  console.log("Synchronous:");
  await synchronous();
  console.log("Asynchronous:");
  await asynchronous();

  const slow = spawn(task, 10, 60_000);
  await withTimeout(5, () => slow.join(), { timeoutValue: undefined });
  await slow.kill(); // also stops the timer
  const late = await withTimeout(5, () => task(11, 60_000), { timeoutValue: "took too long" });
  console.log(`Task 10 was killed, task 11 ${late}`);
}

if (import.meta.main) main(monkeyTasks);
