import { registerBenches } from "./harness/register_benches.ts";
import mutex from "./peers/sync_async_mutex.ts";
import effect from "./peers/sync_effect.ts";
import greenlets from "./peers/sync_greenlets.ts";
import limit from "./peers/sync_p_limit.ts";

for (const workload of ["semaphore", "semaphoreContended"] as const) {
  registerBenches({ workload, operations: 10_000 }, {
    "Semaphore": greenlets,
    "Semaphore of async-mutex": mutex,
    "p-limit": limit,
    "Semaphore of Effect": effect,
  });
}

for (const workload of ["lock", "lockContended"] as const) {
  registerBenches({ workload, operations: 10_000 }, {
    "Lock": greenlets,
    "Mutex of async-mutex": mutex,
    "p-limit of 1": limit,
    "Semaphore of Effect": effect,
  });
}
