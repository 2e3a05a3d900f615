// No more than two greenlets hold the semaphore at a time.
import { BoundedSemaphore, main, Pool, sleep } from "../../mod.ts";

export default async function semaphores(): Promise<void> {
  const sem = new BoundedSemaphore(2);

  async function worker1(n: number): Promise<void> {
    await sem.acquire();
    console.log(`Worker ${n} acquired semaphore`);
    await sleep(0);
    sem.release();
    console.log(`Worker ${n} released semaphore`);
  }

  async function worker2(n: number): Promise<void> {
    {
      using _held = await sem.hold();
      console.log(`Worker ${n} acquired semaphore`);
      await sleep(0);
    }
    console.log(`Worker ${n} released semaphore`);
  }

  const pool = new Pool();
  await pool.map(worker1, [0, 1]);
  await pool.map(worker2, [3, 4, 5]);
}

if (import.meta.main) main(semaphores);
