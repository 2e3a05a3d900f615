/**
 * The calls of core/ that wait, apart from those of groups and pools, as the contract sees them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Greenlet } from "../../core/greenlet.ts";
import { joinAll, killAll } from "../../core/join.ts";
import { hub } from "../../core/scheduler.ts";
import { idle, sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { suspend } from "../../core/suspend.ts";
import { each, until } from "../../core/until.ts";
import { iwait, wait } from "../../core/wait_for.ts";
import type { Waiter } from "../../core/waiter.ts";
import { Event } from "../../sync/event.ts";
import { now } from "../helpers/virtual_test.ts";
import { except, type Fixture, type Primitive } from "./blocking_contract.ts";

const OWN_TIMEOUT = [
  "gives up when its timeout comes before it is ready",
  "drops its timeout when it becomes ready before",
  "has one outcome when its timeout is due right after the wake-up",
  "has one outcome when its timeout is due right before the wake-up",
  "gives up when the Timeout given as its timeout expires",
  "gives up when a running Timeout given as its timeout expires",
  "cancels the Timeout given as its timeout when it becomes ready",
  "waits on when the Timeout given as its timeout is cancelled",
  "refuses a timeout that is not a number",
  "raises the Timeout of another when that comes before its own",
];

const IN_TIME = [
  "gives up when its timeout comes before it is ready",
  "drops its timeout when it becomes ready before",
  "has one outcome when its timeout is due right after the wake-up",
  "has one outcome when its timeout is due right before the wake-up",
  "gives up when the Timeout given as its timeout expires",
  "gives up when a running Timeout given as its timeout expires",
  "waits on when the Timeout given as its timeout is cancelled",
  "raises the Timeout of a withTimeout() around it",
  "raises the Timeout of another when that comes before its own",
  "drops the Timeout of another when that is due right after the wake-up",
  "loses nothing when the Timeout of another is due right before the wake-up",
  "gives its value when it becomes ready",
];

/** A thenable that keeps its word synchronously, unlike a promise. */
function thenable<T>(value: T): PromiseLike<T> & { fulfil(): void } {
  const waiting: ((value: T) => unknown)[] = [];
  let fulfilled = false;
  return {
    then(onFulfilled) {
      const tell = onFulfilled as (value: T) => unknown;
      if (fulfilled) tell(value);
      else waiting.push(tell);
      return undefined as never;
    },
    fulfil(): void {
      fulfilled = true;
      for (const tell of waiting.splice(0)) tell(value);
    },
  };
}

/** A greenlet that ends when it is woken, and does so right before `wakeThen` acts. */
function ending(): {
  target: Greenlet<string>;
  rest: Pick<Fixture, "wake" | "wakeThen" | "cleanUp">;
} {
  const done = new Event();
  const target = spawn(async () => {
    await done.wait();
    return "value";
  });
  const rest = {
    wake: (): void => done.set(),
    wakeThen(action: () => void): void {
      target.rawlink(action);
      done.set();
    },
    cleanUp: () => target.kill(),
  };
  return { target, rest };
}

/** A greenlet that ignores kills until it is woken. */
function stubborn(): {
  target: Greenlet<void>;
  rest: Pick<Fixture, "wake" | "wakeThen" | "cleanUp">;
} {
  const done = new Event();
  const target = spawn(async () => {
    while (!done.isSet) {
      try {
        await done.wait();
      } catch {
        // It has been told.
      }
    }
  });
  const rest = {
    wake: (): void => done.set(),
    wakeThen(action: () => void): void {
      target.rawlink(action);
      done.set();
    },
    cleanUp(): Promise<void> {
      done.set();
      return target.join();
    },
  };
  return { target, rest };
}

const deadDoesNotWait = except(
  "who kills the dead does not wait",
  "raises an outstanding kill and takes nothing when it is ready",
  "takes nothing when its signal is aborted already",
  "takes nothing when called in a hub callback",
);

/** See the module. */
export const CORE_PRIMITIVES: readonly Primitive[] = [
  {
    name: "suspend()",
    waitsFor: "suspend",
    make() {
      const waiters: Waiter<string>[] = [];
      let ready = 0;
      return {
        call: (options) =>
          suspend((waiter) => {
            if (ready > 0) {
              ready--;
              waiter.resume("value");
              return;
            }
            waiters.push(waiter);
            return () => void waiters.splice(waiters.indexOf(waiter), 1);
          }, options),
        value: "value",
        expired: "timeout",
        wake(): void {
          if (waiters.length > 0) waiters.shift()!.resume("value");
          else ready++;
        },
        untouched: () => assertEquals(waiters.length, 0),
      };
    },
  },
  {
    name: "sleep()",
    waitsFor: "sleep",
    make: () => ({
      call: (options) => sleep(10, options),
      value: undefined,
      wake(): void {},
      wakeThen(action): void {
        const [sleeping] = [...hub.timers];
        hub.addTimer(sleeping!.deadline - now(), { fire: action });
      },
    }),
    except: {
      "gives its value at once when it is ready": "that would be no sleep",
      ...except("its time is its timeout", ...OWN_TIMEOUT),
      "drops the Timeout of another when that is due right after the wake-up":
        "timeouts come before sleeps that end at the same time",
    },
  },
  {
    name: "idle()",
    waitsFor: "idle",
    make() {
      let busy = true;
      const others = spawn(async () => {
        while (busy) await sleep();
      });
      return {
        call: idle,
        value: undefined,
        wake(): void {
          busy = false;
        },
        wakeThen(action): void {
          busy = false;
          const once = {
            resume(): boolean {
              action();
              return true;
            },
          };
          hub.idlers.add(once);
        },
        untouched: () => assertEquals(hub.idlers.size, 0),
        cleanUp(): Promise<void> {
          busy = false;
          return others.join();
        },
      };
    },
    except: {
      ...except("virtual time stands still until everybody is idle", ...IN_TIME),
      "cancels the Timeout given as its timeout when it becomes ready": "see above",
    },
  },
  {
    name: "until()",
    waitsFor: "until",
    make() {
      const promise = thenable("value");
      return {
        call: (options) => until(promise, options),
        value: "value",
        expired: "timeout",
        wake: () => promise.fulfil(),
      };
    },
  },
  {
    name: "each()",
    waitsFor: "until",
    make() {
      const step = thenable({ done: false, value: "value" });
      const items = {
        [Symbol.asyncIterator]: () => ({ next: () => step as never }),
      };
      return {
        async call(options) {
          return (await each(items, options).next()).value;
        },
        value: "value",
        expired: "timeout",
        wake: () => step.fulfil(),
      };
    },
  },
  {
    name: "Greenlet.join()",
    waitsFor: "Greenlet.join",
    linked: true,
    make() {
      const { target, rest } = ending();
      return {
        ...rest,
        call: (o) => target.join(o),
        value: undefined,
        expired: { value: undefined },
      };
    },
  },
  {
    name: "Greenlet.get()",
    waitsFor: "Greenlet.get",
    linked: true,
    make() {
      const { target, rest } = ending();
      return { ...rest, call: (o) => target.get(o), value: "value", expired: "timeout" };
    },
  },
  {
    name: "Greenlet.kill()",
    waitsFor: "Greenlet.join",
    linked: true,
    make() {
      const { target, rest } = stubborn();
      return {
        ...rest,
        call: (options) => target.kill(undefined, options),
        value: undefined,
        expired: { value: undefined },
      };
    },
    except: deadDoesNotWait,
  },
  {
    name: "joinAll()",
    waitsFor: "joinAll",
    linked: true,
    make() {
      const { target, rest } = ending();
      return {
        ...rest,
        call: (options) => joinAll([target], options),
        value: [target],
        expired: { value: [] },
      };
    },
  },
  {
    name: "killAll()",
    waitsFor: "joinAll",
    linked: true,
    make() {
      const { target, rest } = stubborn();
      return {
        ...rest,
        call: (options) => killAll([target], undefined, options),
        value: undefined,
        expired: "timeout",
      };
    },
  },
  {
    name: "wait()",
    waitsFor: "iwait",
    linked: true,
    make() {
      const { target, rest } = ending();
      return {
        ...rest,
        call: (options) => wait([target], options),
        value: [target],
        expired: { value: [] },
      };
    },
  },
  {
    name: "iwait()",
    waitsFor: "iwait",
    linked: true,
    make() {
      const { target, rest } = ending();
      return {
        ...rest,
        async call(options) {
          for await (const object of iwait([target], options)) return object;
          return "nothing";
        },
        value: target,
        expired: { value: "nothing" },
      };
    },
  },
];
