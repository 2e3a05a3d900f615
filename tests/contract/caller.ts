/**
 * Greenlets that make one blocking call, for tests to look at.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Greenlet } from "../../core/greenlet.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { now, turns } from "../helpers/virtual_test.ts";

/** A greenlet that makes the call once and notes what came of it. */
export class Caller {
  /** What the call gave or threw; `undefined` as long as it has not ended. */
  outcome: { value: unknown } | { error: unknown } | undefined;
  /** When it ended. */
  at: number = NaN;
  /** What the wait after the call raised. */
  next: unknown;
  /** The greenlet. */
  readonly greenlet: Greenlet<void>;

  /** Starts the greenlet. */
  constructor(call: () => Promise<unknown>) {
    this.greenlet = spawn(async () => {
      try {
        this.outcome = { value: await call() };
      } catch (error) {
        this.outcome = { error };
      }
      this.at = now();
      try {
        await sleep();
      } catch (error) {
        this.next = error;
      }
    });
  }

  /** Starts a greenlet whose call has to wait. */
  static async parked(call: () => Promise<unknown>): Promise<Caller> {
    const caller = new Caller(call);
    await turns();
    assertEquals(caller.outcome, undefined, "The call did not wait");
    return caller;
  }

  /** What the call threw. */
  get error(): unknown {
    assert(this.outcome !== undefined, "The call has not ended");
    assert("error" in this.outcome, `Got a value: ${Deno.inspect(this.outcome)}`);
    return this.outcome.error;
  }
}
