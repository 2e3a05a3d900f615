import { registerBenches } from "./harness/register_benches.ts";
import bare from "./peers/core_bare.ts";
import effect from "./peers/core_effect.ts";
import greenlets from "./peers/core_greenlets.ts";
import limit from "./peers/core_p_limit.ts";
import map from "./peers/core_p_map.ts";
import queue from "./peers/core_p_queue.ts";
import std from "./peers/core_std.ts";

registerBenches({ workload: "poolMap", operations: 10_000 }, {
  "Pool.map()": greenlets,
  "p-map": map,
  "p-limit": limit,
  "p-queue": queue,
  "Effect.forEach()": effect,
});

registerBenches({ workload: "poolImap", operations: 10_000 }, {
  "Pool.imap()": greenlets,
  "pMapIterable()": map,
  "pooledMap() of @std/async": std,
  "Stream.mapEffect() of Effect": effect,
});

registerBenches({ workload: "poolImapUnordered", operations: 10_000 }, {
  "Pool.imapUnordered()": greenlets,
  "pMapIterable()": map,
  "Stream.mapEffect() of Effect": effect,
});

registerBenches({ workload: "taskGroup", operations: 10_000 }, {
  "TaskGroup.run()": greenlets,
  "Promise.all()": bare,
  "Effect.all()": effect,
});
