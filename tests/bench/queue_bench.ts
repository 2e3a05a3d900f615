import { registerBenches } from "./harness/register_benches.ts";
import bare from "./peers/core_bare.ts";
import effect from "./peers/core_effect.ts";
import effection from "./peers/core_effection.ts";
import greenlets from "./peers/core_greenlets.ts";
import effectQueues from "./peers/sync_effect.ts";
import effectionQueues from "./peers/sync_effection.ts";
import queues from "./peers/sync_greenlets.ts";
import tasks from "./peers/sync_p_queue.ts";
import streams from "./peers/sync_streams.ts";

registerBenches({ workload: "queue", operations: 10_000 }, {
  "Queue between greenlets": greenlets,
  "a bare queue of promises": bare,
  "Queue of Effect": effect,
  "queue of effection": effection,
});

registerBenches({ workload: "unboundedQueue", operations: 10_000 }, {
  "Queue": queues,
  "Queue of Effect": effectQueues,
  "queue of effection": effectionQueues,
});

registerBenches({ workload: "boundedQueue", operations: 10_000 }, {
  "Queue": queues,
  "TransformStream": streams,
  "Queue of Effect": effectQueues,
});

registerBenches({ workload: "priorityQueue", operations: 10_000 }, {
  "PriorityQueue": queues,
  "p-queue": tasks,
});

registerBenches({ workload: "channel", operations: 10_000 }, {
  "Channel": queues,
  "Queue of Effect without room": effectQueues,
});

registerBenches({ workload: "joinableQueue", operations: 10_000 }, {
  "Queue.join()": queues,
  "p-queue": tasks,
});

for (const workload of ["simpleQueue", "lifoQueue"] as const) {
  registerBenches({ workload, operations: 10_000 }, { "between greenlets": queues });
}
