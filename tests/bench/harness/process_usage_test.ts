import { assert, assertEquals } from "@std/assert";
import { parseCpuSeconds, parsePeakMegabytes, readUsage } from "./process_usage.ts";

Deno.test("parseCpuSeconds() adds user and system time, whatever the process is called", () => {
  const rest = "S 1 2 3 0 -1 4194560 900 0 0 0 250 75 0 0 20 0 4 0 100 1000 50";
  assertEquals(parseCpuSeconds(`12 (deno) ${rest}`), 3.25);
  assertEquals(parseCpuSeconds(`12 (a) b (c) ${rest}`), 3.25);
  assertEquals(parseCpuSeconds(""), NaN);
});

Deno.test("parsePeakMegabytes() reads the high-water mark", () => {
  assertEquals(parsePeakMegabytes("Name:\tdeno\nVmHWM:\t  81920 kB\nVmRSS:\t  70000 kB\n"), 80);
  assertEquals(parsePeakMegabytes("Name:\tdeno\n"), NaN);
});

Deno.test("readUsage() reads this process", async () => {
  const { cpuSeconds, peakMegabytes } = await readUsage(Deno.pid);
  if (Deno.build.os !== "linux") return assertEquals([cpuSeconds, peakMegabytes], [NaN, NaN]);
  assert(cpuSeconds >= 0);
  assert(peakMegabytes > 1);
});

Deno.test("readUsage() knows nothing of a process that is not there", async () => {
  assertEquals(await readUsage(2 ** 30), { cpuSeconds: NaN, peakMegabytes: NaN });
});
