import { registerBenches } from "./harness/register_benches.ts";
import awaits from "./peers/monkey_awaits.ts";
import native from "./peers/monkey_native.ts";
import patched from "./peers/monkey_patched.ts";

for (
  const [workload, operations] of [
    ["fetch", 100],
    ["read", 200],
    ["timer", 5_000],
    ["until", 10_000],
    ["green", 10_000],
    ["patchClass", 10_000],
  ] as const
) {
  registerBenches({ workload, operations }, { "as it is": native, "patched": patched });
}
for (const workload of ["awaitOutside", "awaitInside"] as const) {
  registerBenches({ workload, operations: 10_000 }, {
    "as it is": native,
    "patchAwaits()": awaits,
  });
}
