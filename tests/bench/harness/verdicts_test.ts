import { assertEquals } from "@std/assert";
import { atLeast, atMost, formatVerdicts, ratio } from "./verdicts.ts";

Deno.test("atLeast() and atMost() hold at the bound itself", () => {
  assertEquals([7.9, 8, 8.1].map((value) => atLeast("speed", value, 8).holds), [false, true, true]);
  assertEquals([24, 25, 26].map((value) => atMost("p99", value, 25).holds), [true, true, false]);
});

Deno.test("a verdict is not known when a number is missing", () => {
  assertEquals(atLeast("speed", ratio(undefined, 2), 8).holds, undefined);
  assertEquals(atMost("speed", ratio(2, undefined), 8).holds, undefined);
  assertEquals(atMost("speed", NaN, 8).holds, undefined);
  assertEquals(ratio(6, 2), 3);
});

Deno.test("formatVerdicts() writes one line for each", () => {
  const verdicts = [atLeast("speed", 9, 8), atMost("p99", 30, 25), atMost("max", undefined, 1)];
  assertEquals(
    formatVerdicts(verdicts),
    "holds   speed: 9.00 (at least 8)\nFAILS   p99: 30.0 (at most 25)\nunknown max: - (at most 1)",
  );
});
