/**
 * The calls of conditions that wait, as the contract sees them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import type { WaitOptions } from "../../core/suspend.ts";
import { Condition } from "../../sync/condition.ts";
import { Lock } from "../../sync/lock.ts";
import { type Except, except, type Primitive } from "./blocking_contract.ts";

function conditionPrimitive(
  method: "wait" | "waitFor",
  lock: "an RLock" | "a Lock",
  but: Except = {},
): Primitive {
  return {
    name: `Condition.${method}() with ${lock}`,
    waitsFor: "Condition.wait",
    linked: true,
    make() {
      const condition = lock === "a Lock" ? new Condition(new Lock()) : new Condition();
      let ready = false;
      const wakeThen = (action: () => void): void => {
        ready = true;
        spawn(async () => {
          if (method === "wait") {
            // Nobody is told of a notification that was before: so it comes when there is somebody.
            for (let i = 0; condition.waiting === 0; i++) await sleep(i < 30 ? 0 : 1);
          }
          using _ = await condition.hold();
          condition.notify();
          action();
        });
      };
      const wait = (options?: WaitOptions): Promise<boolean> =>
        method === "wait" ? condition.wait(options) : condition.waitFor(() => ready, options);
      return {
        async call(options) {
          using _ = await condition.hold();
          return await wait(options);
        },
        value: true,
        expired: { value: false },
        wake: () => wakeThen(() => {}),
        wakeThen,
        untouched: () => assertEquals(condition.waiting, 0),
      };
    },
    except: but,
  };
}

const OF_ONE_GREENLET = except(
  "an RLock belongs to the greenlet, which can wait but once",
  "causes no unhandled rejection when interrupted while nobody awaits it",
);

const READY_ALREADY = except(
  "what is true already is not waited for, and the lock takes no options",
  "takes nothing when its signal is aborted already",
  "has one outcome when its timeout is due right before the wake-up",
  "has one outcome when its timeout is due right after the wake-up",
);

/** See the module. */
export const CONDITION_PRIMITIVES: readonly Primitive[] = [
  conditionPrimitive("wait", "an RLock", OF_ONE_GREENLET),
  conditionPrimitive("wait", "a Lock"),
  conditionPrimitive("waitFor", "an RLock", { ...READY_ALREADY, ...OF_ONE_GREENLET }),
  conditionPrimitive("waitFor", "a Lock", READY_ALREADY),
];
