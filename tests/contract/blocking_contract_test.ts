import { assert, assertEquals } from "@std/assert";
import { CELLS, testBlockingContract } from "./blocking_contract.ts";
import { CONDITION_PRIMITIVES } from "./condition_primitives.ts";
import { CORE_PRIMITIVES } from "./core_primitives.ts";
import { POOL_PRIMITIVES } from "./pool_primitives.ts";
import { STRUCTURED_PRIMITIVES } from "./structured_primitives.ts";
import { SYNC_PRIMITIVES } from "./sync_primitives.ts";

const PRIMITIVES = [
  ...CORE_PRIMITIVES,
  ...SYNC_PRIMITIVES,
  ...CONDITION_PRIMITIVES,
  ...POOL_PRIMITIVES,
  ...STRUCTURED_PRIMITIVES,
];

for (const primitive of PRIMITIVES) testBlockingContract(primitive);

Deno.test("The blocking contract excepts only cells that exist, and says why", () => {
  for (const { name, except = {} } of PRIMITIVES) {
    for (const [cell, reason] of Object.entries(except)) {
      assert(Object.hasOwn(CELLS, cell), `${name}: ${cell}`);
      assert(reason.length > 0, `${name}: ${cell}`);
    }
  }
});

Deno.test("The blocking contract has each primitive once", () => {
  const names = PRIMITIVES.map((primitive) => primitive.name);
  assertEquals(names.length, new Set(names).size);
});
