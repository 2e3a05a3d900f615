import { assertEquals } from "@std/assert";
import homemadeSleep from "../../examples/tutorial/homemade_sleep.ts";
import loopTimers from "../../examples/tutorial/loop_timers.ts";
import rawGreenlets from "../../examples/tutorial/raw_greenlets.ts";
import { printedVirtually } from "../helpers/printed.ts";

Deno.test("raw_greenlets: say themselves who is next", async () => {
  const { stdout } = await printedVirtually(rawGreenlets);
  assertEquals(stdout, ["f1 1", "f2 1", "f1 2", "f2 2", "f1 3"]);
});

Deno.test("loop_timers: a timer repeats every second", async () => {
  const { stdout } = await printedVirtually(loopTimers, 4);
  assertEquals(stdout, ["1.00", "2.00", "3.00", "4.00"]);
});

Deno.test("homemade_sleep: callbacks switch back to the greenlet that waits", async () => {
  const { stdout, ms } = await printedVirtually(homemadeSleep);
  assertEquals(stdout, ["0.0", "1.0", "2.0", "3.0"]);
  assertEquals(ms, 4000);
});
