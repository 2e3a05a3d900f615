import { assertEquals, assertRejects } from "@std/assert";
import { fileLimit, requireConnections } from "./file_limit.ts";

Deno.test("fileLimit() reads the hard limit", () => {
  const limits = "Limit   Soft Limit   Hard Limit   Units\nMax open files   1024   20000   files\n";
  assertEquals(fileLimit(limits), 20000);
  assertEquals(fileLimit("Max open files   1024   unlimited   files\n"), Infinity);
  assertEquals(fileLimit(""), Infinity);
});

Deno.test("requireConnections() refuses more than there are numbers for", async () => {
  await requireConnections(1);
  if (Deno.build.os !== "linux") return;
  const limit = fileLimit(await Deno.readTextFile("/proc/self/limits"));
  if (limit < Infinity) await assertRejects(() => requireConnections(limit), RangeError, "ulimit");
});
