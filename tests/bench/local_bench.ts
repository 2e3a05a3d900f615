import { registerBenches } from "./harness/register_benches.ts";
import bare from "./peers/core_bare.ts";
import effect from "./peers/core_effect.ts";
import greenlets from "./peers/core_greenlets.ts";

registerBenches({ workload: "local", operations: 10_000 }, {
  "local()": greenlets,
  "AsyncLocalStorage": bare,
  "services of Effect": effect,
});

registerBenches({ workload: "localTasks", operations: 10_000 }, {
  "greenlets with local()": greenlets,
  "promises with AsyncLocalStorage": bare,
  "Effect fibers with services": effect,
});
