import { registerBenches } from "./harness/register_benches.ts";
import bare from "./peers/core_bare.ts";
import effect from "./peers/core_effect.ts";
import effection from "./peers/core_effection.ts";
import greenlets from "./peers/core_greenlets.ts";

registerBenches({ workload: "spawn", operations: 10_000 }, {
  "greenlets and joinAll": greenlets,
  "promises and Promise.all": bare,
  "Effect fibers": effect,
});

registerBenches({ workload: "spawnWaiting", operations: 10_000 }, {
  "greenlets and joinAll": greenlets,
  "async functions and Promise.all": bare,
  "Effect fibers": effect,
});

// Its time grows faster than the number of tasks, hence fewer of them.
registerBenches({ workload: "spawn", operations: 1_000 }, {
  "greenlets and joinAll": greenlets,
  "effection tasks": effection,
});
