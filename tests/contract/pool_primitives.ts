/**
 * The calls of groups and pools that wait, as the contract sees them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { PoolFull } from "../../core/errors.ts";
import { Greenlet } from "../../core/greenlet.ts";
import { Group } from "../../core/group.ts";
import { Pool } from "../../core/pool.ts";
import { Event } from "../../sync/event.ts";
import { except, type Fixture, type Primitive } from "./blocking_contract.ts";

const noOptions = except(
  "all further arguments are the function's: see Pool.start()",
  "gives up when its timeout comes before it is ready",
  "drops its timeout when it becomes ready before",
  "has one outcome when its timeout is due right after the wake-up",
  "has one outcome when its timeout is due right before the wake-up",
  "gives up when the Timeout given as its timeout expires",
  "gives up when a running Timeout given as its timeout expires",
  "cancels the Timeout given as its timeout when it becomes ready",
  "waits on when the Timeout given as its timeout is cancelled",
  "refuses a timeout that is not a number",
  "refuses options that are none, and a signal that is none",
  "raises the reason when its signal is aborted already",
  "takes nothing when its signal is aborted already",
  "raises the reason when its signal is aborted while it waits",
  "ignores its signal when that is aborted after the wake-up",
);

const waitsAgain = except(
  "it has more to wait for after that",
  "gives its value when killed after the wake-up",
  "ignores its signal when that is aborted after the wake-up",
);

/** A pool of one whose slot is taken until it is woken. */
function fullPool(): { pool: Pool; rest: Pick<Fixture, "wake" | "untouched"> } {
  const pool = new Pool(1);
  const blocker = new Greenlet();
  void pool.add(blocker);
  return {
    pool,
    rest: {
      wake(): void {
        for (const member of pool) return pool.discard(member);
      },
      untouched: () => assertEquals([[...pool], pool.freeCount], [[blocker], 0]),
    },
  };
}

/** A group with a member that has to be told twice before it ends. */
async function stubbornGroup(): Promise<{ group: Group; rest: Omit<Fixture, "call" | "value"> }> {
  const group = new Group();
  const done = new Event();
  const member = await group.spawn(async () => {
    while (!done.isSet) {
      try {
        await done.wait();
      } catch {
        // It has been told.
      }
    }
  });
  return {
    group,
    rest: {
      wake: () => done.set(),
      wakeThen(action): void {
        member.rawlink(action);
        done.set();
      },
      cleanUp(): Promise<void> {
        done.set();
        return member.join();
      },
    },
  };
}

/** A group that maps a function which waits for the wake-up. */
function mapping(): {
  group: Group;
  wait: () => Promise<boolean>;
  rest: Omit<Fixture, "call" | "value">;
} {
  const group = new Group();
  const done = new Event();
  return {
    group,
    wait: () => done.wait(),
    rest: {
      wake: () => done.set(),
      wakeThen(action): void {
        for (const member of group) member.rawlink(action);
        done.set();
      },
      untouched: () => assertEquals([group.size, done.waiting], [0, 0]),
    },
  };
}

/** See the module. */
export const POOL_PRIMITIVES: readonly Primitive[] = [
  {
    name: "Group.join()",
    waitsFor: "Group.join",
    linked: true,
    async make() {
      const { group, rest } = await stubbornGroup();
      return { ...rest, call: (o) => group.join(o), value: true, expired: { value: false } };
    },
  },
  {
    name: "Group.kill()",
    waitsFor: "joinAll",
    linked: true,
    async make() {
      const { group, rest } = await stubbornGroup();
      return {
        ...rest,
        call: (options) => group.kill(undefined, options),
        value: undefined,
        expired: { value: undefined },
      };
    },
    except: {
      ...except(
        "an empty group is not waited for",
        "raises an outstanding kill and takes nothing when it is ready",
        "takes nothing when its signal is aborted already",
        "takes nothing when called in a hub callback",
      ),
    },
  },
  {
    name: "Pool.add()",
    waitsFor: "Pool.add",
    make() {
      const { pool, rest } = fullPool();
      return {
        ...rest,
        call: (options) => pool.add(new Greenlet(), options),
        value: undefined,
        expired: { error: PoolFull },
      };
    },
  },
  {
    name: "Pool.start()",
    waitsFor: "Pool.add",
    make() {
      const { pool, rest } = fullPool();
      return {
        ...rest,
        call: (options) => pool.start(new Greenlet(), options),
        value: undefined,
        expired: { error: PoolFull },
      };
    },
  },
  {
    name: "Pool.spawn()",
    waitsFor: "Pool.add",
    make() {
      const { pool, rest } = fullPool();
      return {
        ...rest,
        async call() {
          return await pool.spawn(() => {}) instanceof Greenlet;
        },
        value: true,
      };
    },
    except: noOptions,
  },
  {
    name: "Pool.apply()",
    waitsFor: "Pool.add",
    make() {
      const { pool, rest } = fullPool();
      return { ...rest, call: () => pool.apply((value) => value, "value"), value: "value" };
    },
    except: {
      ...noOptions,
      ...waitsAgain,
      "drops the Timeout of another when that is due right after the wake-up": "see above",
    },
  },
  {
    name: "Pool.waitAvailable()",
    waitsFor: "Pool.waitAvailable",
    make() {
      const { pool, rest } = fullPool();
      return {
        ...rest,
        call: (options) => pool.waitAvailable(options),
        value: 1,
        expired: { value: 0 },
      };
    },
  },
  {
    name: "Group.map()",
    waitsFor: "imap, for a result",
    linked: true,
    make() {
      const { group, wait, rest } = mapping();
      return {
        ...rest,
        call: (options) => group.map(wait, [1, 2], options),
        value: [true, true],
        expired: "timeout",
      };
    },
    except: waitsAgain,
  },
  ...(["imap", "imapUnordered"] as const).map((method): Primitive => ({
    name: `Group.${method}()`,
    waitsFor: "imap, for a result",
    linked: true,
    make() {
      const { group, wait, rest } = mapping();
      return {
        ...rest,
        async call(options) {
          const results = group[method](wait, [1], options);
          try {
            return (await results.next()).value;
          } finally {
            await results.return!();
          }
        },
        value: true,
        expired: "timeout",
      };
    },
  })),
];
