// One line, and the binding to Redis cooperates: waits of a library that knows nothing of greenlets are killed and timed
// out like any other, and its connection is usable again at once. Needs a Redis server.
// @ts-types="./ioredis.d.ts"
import { Redis } from "ioredis";
import { main, sleep, spawn, withTimeout } from "../../mod.ts";
import { greenIoredis } from "../../monkey/mod.ts";

const JOBS = "tutorial:jobs";

export default async function monkeyRedis(port = 6379): Promise<void> {
  const redis = greenIoredis(new Redis(port)); // this is the line
  const boss = redis.duplicate(); // what waits in the server needs a connection of its own

  const worker = spawn(async () => {
    for (let n = 0; n < 3; n++) {
      const [, job] = (await redis.blpop(JOBS, 0))!;
      console.log(`Worker got ${job}`);
    }
  });
  for (const job of ["one", "two", "three"]) await boss.rpush(JOBS, job);
  await worker.get();

  const nothing = await withTimeout(100, () => redis.blpop(JOBS, 0), { timeoutValue: null });
  console.log(nothing === null ? "Nobody has sent a fourth" : "A fourth has come");

  const idler = spawn(() => redis.blpop(JOBS, 0));
  await sleep(10);
  await idler.kill();
  console.log(`Killed while it waited, and the next one gets its answer: ${await redis.ping()}`);

  redis.disconnect();
  boss.disconnect();
}

if (import.meta.main) main(monkeyRedis);
