/**
 * Looking at what greenlets are doing.
 *
 * @module
 */

import { type Greenlet, scopeOf } from "./greenlet.ts";
import { hub } from "./scheduler.ts";
import type { Wait } from "./waiter.ts";

/** One line for each greenlet that is parked: its name and what it waits for. */
export function describeBlocked(): string[] {
  return ([...hub.live] as Greenlet[]).map((greenlet) => {
    const waits = [...(scopeOf(greenlet)?.parked() ?? [])].map((wait) =>
      (wait as Wait<unknown>).kind.name
    );
    return `${greenlet} waits for ${waits.join(", ") || "a promise from elsewhere"}`;
  });
}
