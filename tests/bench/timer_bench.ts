import { registerBenches } from "./harness/register_benches.ts";
import bare from "./peers/core_bare.ts";
import greenlets from "./peers/core_greenlets.ts";

// So many that what they cost while they are pending shows.
registerBenches({ workload: "timer", operations: 1_000_000, iterations: 3 }, {
  "timers of the hub": greenlets,
  "setTimeout and clearTimeout": bare,
});

registerBenches({ workload: "timeout", operations: 10_000 }, {
  "Timeout.start() and cancel()": greenlets,
});
