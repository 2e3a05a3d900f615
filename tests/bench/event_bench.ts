import { registerBenches } from "./harness/register_benches.ts";
import bare from "./peers/sync_bare.ts";
import effect from "./peers/sync_effect.ts";
import effection from "./peers/sync_effection.ts";
import greenlets from "./peers/sync_greenlets.ts";

registerBenches({ workload: "event", operations: 10_000 }, {
  "Event": greenlets,
  "promises that are renewed": bare,
  "Latch of Effect": effect,
});

registerBenches({ workload: "eventWaiters", operations: 10_000 }, {
  "Event": greenlets,
  "a promise": bare,
  "Latch of Effect": effect,
});

registerBenches({ workload: "asyncResult", operations: 10_000 }, {
  "AsyncResult": greenlets,
  "Promise.withResolvers()": bare,
  "Deferred of Effect": effect,
  "withResolvers() of effection": effection,
});
