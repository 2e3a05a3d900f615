import { assertGreaterOrEqual, assertRejects } from "@std/assert";
import { time } from "./run_workload.ts";

Deno.test("time() leaves out what is before the start and after the stop of the watch", async () => {
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));
  const began = performance.now();
  const seconds = await time(async (operations, watch) => {
    await pause();
    watch.start();
    await pause();
    watch.stop();
    await pause();
    return operations;
  }, 100);
  const all = (performance.now() - began) / 1000;
  assertGreaterOrEqual(seconds, 0.049);
  assertGreaterOrEqual(all - seconds, 0.098);
});

Deno.test("time() counts all of it when nobody touches the watch", async () => {
  const seconds = await time(async (operations) => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return operations;
  }, 100);
  assertGreaterOrEqual(seconds, 0.049);
});

Deno.test("time() throws when a contestant does less than it was told to do", async () => {
  await assertRejects(() => time(() => 99, 100), Error, "Did 99 operations instead of 100");
  await assertRejects(() => time(() => NaN, 100), Error, "Did NaN operations");
});

Deno.test("time() refuses numbers that cannot be dealt out to the tasks of a workload", async () => {
  await assertRejects(() => time((n) => n, 150), RangeError, "received 150");
  await assertRejects(() => time((n) => n, NaN), RangeError, "received NaN");
});
