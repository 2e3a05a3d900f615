import { assertEquals, assertStrictEquals } from "@std/assert";
import { LocalValues } from "../../core/local_values.ts";

Deno.test("LocalValues gives what was stored last for each local, and lists each once", () => {
  const values = new LocalValues();
  const locals = Array.from({ length: 100 }, () => ({}));
  for (const local of locals) values.set(local, { first: true });
  const stored = locals.map((_, i) => ({ i }));
  for (const [i, local] of locals.entries()) values.set(local, stored[i]!);
  for (const [i, local] of locals.entries()) assertStrictEquals(values.get(local), stored[i]);
  assertEquals([...values], stored);
  assertEquals(values.get({}), undefined);
});
