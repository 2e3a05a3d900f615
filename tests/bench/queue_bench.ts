import { registerBenches } from "./harness/register_benches.ts";
import bare from "./peers/core_bare.ts";
import effect from "./peers/core_effect.ts";
import effection from "./peers/core_effection.ts";
import greenlets from "./peers/core_greenlets.ts";

registerBenches({ workload: "queue", operations: 10_000 }, {
  "Queue between greenlets": greenlets,
  "a bare queue of promises": bare,
  "Queue of Effect": effect,
  "queue of effection": effection,
});
