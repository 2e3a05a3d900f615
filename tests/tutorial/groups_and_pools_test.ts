import { assertEquals } from "@std/assert";
import groupMaps from "../../examples/tutorial/group_maps.ts";
import groups from "../../examples/tutorial/groups.ts";
import pools from "../../examples/tutorial/pools.ts";
import { lines, printedVirtually } from "../helpers/printed.ts";

Deno.test("groups: all members are waited for", async () => {
  const { stdout } = await printedVirtually(groups);
  assertEquals(stdout, ["bar", "bar", "bar", "foo", "foo", "foo", "fizz", "fizz", "fizz"]);
});

Deno.test("group_maps: results come in order, or as they are done", async () => {
  const { stdout, ms } = await printedVirtually(groupMaps);
  assertEquals(
    stdout.map((line) => line.replace(/(Hello from Greenlet) \d+/, "$1 ID")),
    lines(`
      Size of group 3
      Hello from Greenlet ID
      Size of group 3
      Hello from Greenlet ID
      Size of group 3
      Hello from Greenlet ID
      Ordered
      ('task', 0)
      ('task', 1)
      ('task', 2)
      Unordered
      ('task', 2)
      ('task', 1)
      ('task', 0)
    `),
  );
  assertEquals(ms, 6000);
});

Deno.test("pools: no more than two run at a time", async () => {
  const { stdout } = await printedVirtually(pools);
  assertEquals(stdout, ["Size of pool 2", "Size of pool 2", "Size of pool 1"]);
});
