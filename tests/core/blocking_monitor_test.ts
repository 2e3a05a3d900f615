import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Board } from "../../core/_blocking_board.ts";
import { BlockingMonitor, type BlockingReport } from "../../core/blocking_monitor.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { runScript } from "../helpers/script.ts";

function hog(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until;);
}

Deno.test("BlockingMonitor refuses a time that is not positive", () => {
  for (const maxBlockingTime of [0, -1, NaN]) {
    assertThrows(
      () => new BlockingMonitor({ maxBlockingTime }),
      RangeError,
      `received ${maxBlockingTime}`,
    );
  }
});

Deno.test("Board shows the other side whose turn it is, and that the loop turns", () => {
  const board = new Board();
  const other = new Board(board.buffer);
  board.showRunning("a greenlet");
  board.beat();
  assertEquals([other.running, other.beats], ["a greenlet", 1]);
  board.showRunning("b");
  assertEquals(other.running, "b");
  board.showRunning("x".repeat(100));
  assertEquals(other.running, "x".repeat(60));
});

Deno.test({
  name: "BlockingMonitor reports which greenlet has blocked the hub, and for how long",
  timeout: 60_000,
  async fn() {
    const reports: BlockingReport[] = [];
    using monitor = new BlockingMonitor({
      maxBlockingTime: 30,
      onBlocked: (report) => reports.push(report),
    });
    await monitor.start();
    await assertRejects(() => new BlockingMonitor().start(), TypeError, "somebody does already");
    while (!reports.some((report) => report.name === "hog")) {
      const greenlet = spawn(hog, 200);
      greenlet.name = "hog";
      await greenlet.join();
      await sleep(20);
    }
    assert(reports.find((report) => report.name === "hog")!.ms > 30);
    monitor.stop();
    assertEquals(hub.watchdog, null);
  },
});

Deno.test({
  name: "BlockingMonitor prints what it sees, also while the loop is still blocked",
  timeout: 60_000,
  async fn() {
    const { code, stderr } = await runScript(`
      import { BlockingMonitor, main, sleep, spawn } from "@/mod.ts";
      main(async () => {
        using monitor = new BlockingMonitor({ maxBlockingTime: 30 });
        await monitor.start();
        const greenlet = spawn(() => {
          for (const until = Date.now() + 500; Date.now() < until;);
        });
        greenlet.name = "hog";
        await greenlet.join();
        await sleep(100);
      });
    `);
    assertEquals(code, 0);
    assert(stderr.includes("hog is blocking the event loop"), stderr);
    assert(/hog blocked the event loop for \d+ ms/.test(stderr), stderr);
  },
});
