import { assertEquals, assertRejects } from "@std/assert";
import { time } from "./run_workload.ts";

/** Runs a function while time passes only as it says, in ms. */
async function withFakeTime(fn: (pass: (ms: number) => void) => Promise<void>): Promise<void> {
  const real = performance.now;
  let now = 1000;
  try {
    performance.now = () => now;
    await fn((ms) => now += ms);
  } finally {
    performance.now = real;
  }
}

Deno.test("time() leaves out what is before the start and after the stop of the watch", async () => {
  await withFakeTime(async (pass) => {
    const seconds = await time((operations, watch) => {
      pass(1);
      watch.start();
      pass(20);
      watch.stop();
      pass(300);
      return operations;
    }, 100);
    assertEquals(seconds, 0.02);
  });
});

Deno.test("time() counts all of it when nobody touches the watch", async () => {
  await withFakeTime(async (pass) => {
    const seconds = await time(async (operations) => {
      await Promise.resolve();
      pass(20);
      return operations;
    }, 100);
    assertEquals(seconds, 0.02);
  });
});

Deno.test("time() throws when a contestant does less than it was told to do", async () => {
  await assertRejects(() => time(() => 99, 100), Error, "Did 99 operations instead of 100");
  await assertRejects(() => time(() => NaN, 100), Error, "Did NaN operations");
});

Deno.test("time() refuses numbers that cannot be dealt out to the tasks of a workload", async () => {
  await assertRejects(() => time((n) => n, 150), RangeError, "received 150");
  await assertRejects(() => time((n) => n, NaN), RangeError, "received NaN");
});
