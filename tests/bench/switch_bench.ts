import { registerBenches } from "./harness/register_benches.ts";
import bare from "./peers/core_bare.ts";
import effect from "./peers/core_effect.ts";
import greenlets from "./peers/core_greenlets.ts";
import immediate from "./peers/core_immediate.ts";

registerBenches({ workload: "switch", operations: 10_000 }, {
  "greenlets that sleep(0)": greenlets,
  "async functions that await": bare,
  "async functions that await setImmediate": immediate,
  "Effect fibers that yield": effect,
});
