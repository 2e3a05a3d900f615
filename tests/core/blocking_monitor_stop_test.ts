import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { BlockingMonitor, type BlockingReport } from "../../core/blocking_monitor.ts";
import { BlockingSwitchOutError } from "../../core/errors.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, kill, spawn } from "../../core/spawn.ts";
import { Event } from "../../sync/event.ts";
import { collectReports } from "../helpers/reports.ts";
import { ioTest } from "../helpers/io_test.ts";

/** Keeps the event loop from turning, until there is a report. */
async function blockUntil(isReported: () => boolean): Promise<void> {
  while (!isReported()) {
    const hog = spawn(() => {
      for (const until = performance.now() + 100; performance.now() < until;);
    });
    hog.name = "hog";
    await hog.join();
    await sleep(10);
  }
}

Deno.test("BlockingMonitor refuses a listener that cannot be called", () => {
  assertThrows(() => new BlockingMonitor({ onBlocked: 5 as never }), TypeError, "received 5");
});

ioTest("BlockingMonitor reports what its listener throws, and goes on", async () => {
  using reports = collectReports();
  const error = new Error("broken listener");
  const seen: BlockingReport[] = [];
  let refused: unknown;
  using monitor = new BlockingMonitor({
    maxBlockingTime: 20,
    onBlocked(report) {
      seen.push(report);
      sleep(1).catch((error) => refused = error);
      throw error;
    },
  });
  await monitor.start();
  await blockUntil(() => seen.length >= 2);
  assert(reports.list.length >= 2);
  for (const report of reports.list) assertStrictEquals(report.error, error);
  assert(refused instanceof BlockingSwitchOutError);
});

ioTest(
  "BlockingMonitor.stop() ends a start that is under way, and can be called again",
  async () => {
    const monitor = new BlockingMonitor();
    const starting = monitor.start();
    monitor.stop();
    await starting;
    monitor.stop();
    assertEquals(hub.watchdog, null);
    await monitor.start();
    assert(hub.watchdog !== null);
    monitor[Symbol.dispose]();
    monitor[Symbol.dispose]();
    assertEquals(hub.watchdog, null);
  },
);

ioTest("BlockingMonitor.start() leaves nothing behind when it is killed", async () => {
  const monitor = new BlockingMonitor();
  const waiting = spawn(() => monitor.start());
  await sleep();
  await waiting.kill();
  assertEquals(hub.watchdog, null);
  const killedBefore = spawn(async () => {
    kill(getCurrent());
    await monitor.start();
  });
  await killedBefore.join();
  assertEquals(hub.watchdog, null);
  await monitor.start();
  await assertRejects(() => monitor.start(), TypeError, "somebody does already");
  monitor.stop();
});

ioTest("BlockingMonitor says nothing of greenlets that wait", async () => {
  const seen: BlockingReport[] = [];
  using monitor = new BlockingMonitor({
    maxBlockingTime: 10_000,
    onBlocked: (report) => seen.push(report),
  });
  await monitor.start();
  const event = new Event();
  const waiter = spawn(() => event.wait());
  for (let i = 0; i < 100; i++) await sleep(i % 2);
  event.set();
  await waiter.join();
  assertEquals(seen, []);
});
