// Three workers take tasks from a queue until it is empty.
import { joinAll, main, Queue, sleep, spawn } from "../../mod.ts";

export default async function queues(): Promise<void> {
  const tasks = new Queue<number>();

  async function worker(name: string): Promise<void> {
    while (!tasks.empty) {
      const task = await tasks.get();
      console.log(`Worker ${name} got task ${task}`);
      await sleep(0);
    }
    console.log("Quitting time!");
  }

  function boss(): void {
    for (let i = 1; i < 25; i++) tasks.putNowait(i);
  }

  await spawn(boss).join();
  await joinAll([spawn(worker, "steve"), spawn(worker, "john"), spawn(worker, "nancy")]);
}

if (import.meta.main) main(queues);
