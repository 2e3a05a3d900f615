/**
 * Tools for testing programs that wait.
 *
 * @example
 * ```ts
 * import { sleep } from "@gevent/deno";
 * import { runVirtual } from "@gevent/deno/testing";
 *
 * await runVirtual(() => sleep(86_400_000)); // takes no time
 * ```
 *
 * @module
 */

export { type Exploration, type ExploreOptions, exploreSchedules } from "./explore_schedules.ts";
export { runVirtual } from "./virtual_clock.ts";
