import { assertEquals } from "@std/assert";
import { median, medians, percentile } from "./statistics.ts";

Deno.test("median() takes the middle, whatever the order", () => {
  assertEquals(median([5, 100, 1]), 5);
  assertEquals(median([4, 1, 3, 2]), 2.5);
  assertEquals(median([7]), 7);
  assertEquals(median([]), NaN);
});

Deno.test("percentile() gives a value that was measured", () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
  assertEquals(percentile(hundred, 0.5), 50);
  assertEquals(percentile(hundred, 0.99), 99);
  assertEquals(percentile(hundred, 1), 100);
  assertEquals(percentile(hundred, 0), 1);
  assertEquals(percentile([8], 0.99), 8);
  assertEquals(percentile([], 0.5), NaN);
});

Deno.test("medians() treats each field on its own", () => {
  const results = [{ rate: 1, max: 30 }, { rate: 3, max: 10 }, { rate: 2, max: 20 }];
  assertEquals(medians(results, ["rate", "max"]), { rate: 2, max: 20 });
});
