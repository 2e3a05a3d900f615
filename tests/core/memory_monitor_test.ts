import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { BlockingSwitchOutError } from "../../core/errors.ts";
import {
  MemoryMonitor,
  type MemoryMonitorOptions,
  type MemoryReport,
} from "../../core/memory_monitor.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { collectReports, collectStderr } from "../helpers/reports.ts";
import { runScript } from "../helpers/script.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

/** A monitor with a limit of 100 for a usage that the test says. */
function monitored(options: Partial<MemoryMonitorOptions> = {}): {
  monitor: MemoryMonitor;
  usage: { now: number };
  seen: [string, MemoryReport][];
} {
  const usage = { now: 0 };
  const seen: [string, MemoryReport][] = [];
  const monitor = new MemoryMonitor({
    maxUsage: 100,
    measure: () => usage.now,
    onExceeded: (report) => seen.push(["exceeded", report]),
    onUnder: (report) => seen.push(["under", report]),
    ...options,
  });
  return { monitor, usage, seen };
}

Deno.test("MemoryMonitor reports too much while it grows, and once that it is fine again", () => {
  const { monitor, usage, seen } = monitored();
  for (const used of [50, 100, 150, 150, 120, 130, 200, 100, 90, 180, 10]) {
    usage.now = used;
    assertEquals(monitor.check(), used);
  }
  assertEquals(seen.map(([what, report]) => [what, report.usage, report.peak]), [
    ["exceeded", 150, 150],
    ["exceeded", 130, 150],
    ["exceeded", 200, 200],
    ["under", 100, 200],
    ["exceeded", 180, 180],
    ["under", 10, 180],
  ]);
  assert(seen.every(([, { maxUsage }]) => maxUsage === 100));
});

virtualTest("MemoryMonitor looks once in each period, from start to stop", async () => {
  const times: number[] = [];
  const { monitor } = monitored({ period: 10, measure: () => times.push(now()) });
  monitor.start();
  monitor.start();
  await sleep(35);
  monitor.stop();
  monitor.stop();
  await sleep(100);
  assertEquals(times, [10, 20, 30]);
  {
    using again = monitor;
    again.start();
    await sleep(15);
  }
  await sleep(100);
  assertEquals(times, [10, 20, 30, 145]);
});

virtualTest("MemoryMonitor is no reason to stay alive, nor to wait for", async () => {
  const { monitor } = monitored();
  monitor.start();
  await turns();
  assertEquals([hub.timers.size, hub.timers.referenced], [1, 0]);
  assertEquals(String(monitor), "<MemoryMonitor 0.0 MiB watching>");
  monitor.stop();
  assertEquals([hub.timers.size, String(monitor)], [0, "<MemoryMonitor 0.0 MiB>"]);
});

virtualTest("MemoryMonitor goes on when what it calls fails, and cannot block there", async () => {
  using reports = collectReports();
  let refused: unknown;
  let looks = 0;
  const { monitor } = monitored({
    period: 1,
    measure: () => looks++ < 2 ? 100 + looks : NaN,
    onExceeded() {
      sleep(1).catch((error) => refused = error);
      throw new Error("broken listener");
    },
  });
  monitor.start();
  await sleep(3);
  monitor.stop();
  assert(refused instanceof BlockingSwitchOutError);
  const messages = reports.list.map(({ error }) => (error as Error).message);
  assertEquals(messages.slice(0, 2), ["broken listener", "broken listener"]);
  assertStringIncludes(messages[2]!, "'measure' must return a number: received NaN");
});

Deno.test("MemoryMonitor looks at the process and prints, when it is told nothing else", () => {
  using printed = collectStderr();
  assertGreater(new MemoryMonitor({ maxUsage: 1 }).check(), 2 ** 20);
  let usage = 3 * 2 ** 20;
  const monitor = new MemoryMonitor({ maxUsage: 2 ** 20, measure: () => usage });
  monitor.check();
  usage = 0;
  monitor.check();
  assertEquals(printed.list.length, 3);
  assertMatch(printed.list[0]!, /Z \d+\.\d MiB of memory are used, more than 0\.0 MiB/);
  assertMatch(printed.list[1]!, /Z 3\.0 MiB of memory are used, more than 1\.0 MiB/);
  assertMatch(printed.list[2]!, /Z 0\.0 MiB of memory are used again, after 3\.0 MiB/);
});

Deno.test("MemoryMonitor refuses what makes no sense", () => {
  for (const value of [0, -1, NaN, "5", undefined, null]) {
    assertThrows(() => new MemoryMonitor({ maxUsage: value as number }), RangeError, "'maxUsage'");
  }
  for (const period of [0, -1, NaN, "5"]) {
    assertThrows(() => monitored({ period: period as number }), RangeError, "'period'");
  }
  for (const name of ["measure", "onExceeded", "onUnder"]) {
    assertThrows(() => monitored({ [name]: 5 }), TypeError, `'${name}' as it must be a function`);
  }
  assertThrows(() => new MemoryMonitor(5 as never), TypeError, "received 5");
  assertThrows(() => new MemoryMonitor(undefined as never), RangeError, "'maxUsage'");
});

Deno.test({
  name: "A process does not stay alive for a MemoryMonitor",
  async fn() {
    const { code, stdout } = await runScript(`
      import { MemoryMonitor } from "@/core/mod.ts";
      new MemoryMonitor({ maxUsage: 2 ** 40, period: 600_000 }).start();
      console.log("started");
    `);
    assertEquals([code, stdout], [0, "started\n"]);
  },
  timeout: 60_000,
});
