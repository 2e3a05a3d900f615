import { registerBenches } from "./harness/register_benches.ts";
import bare from "./peers/core_bare.ts";
import effect from "./peers/core_effect.ts";
import greenlets from "./peers/core_greenlets.ts";
import std from "./peers/core_std.ts";

// So many that what they cost while they are pending shows.
registerBenches({ workload: "timer", operations: 1_000_000, iterations: 3 }, {
  "timers of the hub": greenlets,
  "setTimeout and clearTimeout": bare,
});

registerBenches({ workload: "busyTimeout", operations: 1_000_000, iterations: 3 }, {
  "Timeout.start() and cancel()": greenlets,
  "setTimeout and clearTimeout": bare,
});

registerBenches({ workload: "timeout", operations: 10_000 }, {
  "Timeout.start() and cancel()": greenlets,
  "setTimeout and clearTimeout": bare,
});

registerBenches({ workload: "withTimeout", operations: 1_000 }, {
  "withTimeout()": greenlets,
  "Promise.race() with setTimeout": bare,
  "timeout of Effect": effect,
  "deadline of @std/async": std,
});
