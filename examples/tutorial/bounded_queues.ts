// A boss who waits while the queue is full, and workers who wait while it is empty.
import { Empty, joinAll, main, Queue, sleep, spawn } from "../../mod.ts";

export default async function boundedQueues(): Promise<void> {
  const tasks = new Queue<number>({ maxsize: 3 });

  async function worker(name: string): Promise<void> {
    try {
      while (true) {
        const task = await tasks.get({ timeout: 1000 }); // makes room in the queue
        console.log(`Worker ${name} got task ${task}`);
        await sleep(0);
      }
    } catch (error) {
      if (!(error instanceof Empty)) throw error;
      console.log("Quitting time!");
    }
  }

  /** Waits until a worker is free before handing out more than three tasks, as that is the size of the queue. */
  async function boss(): Promise<void> {
    for (let i = 1; i < 10; i++) await tasks.put(i);
    console.log("Assigned all work in iteration 1");

    for (let i = 10; i < 20; i++) await tasks.put(i);
    console.log("Assigned all work in iteration 2");
  }

  await joinAll([
    spawn(boss),
    spawn(worker, "steve"),
    spawn(worker, "john"),
    spawn(worker, "bob"),
  ]);
}

if (import.meta.main) main(boundedQueues);
