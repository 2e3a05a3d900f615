// The same tasks one after the other, and all at once.
import { joinAll, main, sleep, spawn } from "../../mod.ts";

/** Takes nobody knows how long. */
async function task(pid: number): Promise<void> {
  await sleep(Math.floor(Math.random() * 3));
  console.log(`Task ${pid} done`);
}

async function synchronous(): Promise<void> {
  for (let i = 1; i < 10; i++) await task(i);
}

async function asynchronous(): Promise<void> {
  await joinAll(Array.from({ length: 10 }, (_, i) => spawn(task, i)));
}

export default async function syncAndAsync(): Promise<void> {
  console.log("Synchronous:");
  await synchronous();
  console.log("Asynchronous:");
  await asynchronous();
}

if (import.meta.main) main(syncAndAsync);
