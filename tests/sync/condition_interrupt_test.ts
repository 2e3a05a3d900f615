import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import type { Greenlet } from "../../core/greenlet.ts";
import { joinAll } from "../../core/join.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, kill, spawn } from "../../core/spawn.ts";
import type { WaitOptions } from "../../core/suspend.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { Condition } from "../../sync/condition.ts";
import { Lock } from "../../sync/lock.ts";
import { RLock } from "../../sync/rlock.ts";
import { exploreSchedules } from "../../testing/explore_schedules.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

const LOCKS: Readonly<Record<string, () => Lock | RLock>> = {
  Lock: () => new Lock(),
  RLock: () => new RLock(),
};

/** What came of a wait, and whether the lock was held when it did. */
interface Seen {
  readonly outcome: unknown;
  readonly held: boolean;
  readonly at: number;
}

/** Starts a greenlet that waits once. */
function waiter(
  condition: Condition,
  lock: Lock | RLock,
  options?: WaitOptions,
): Greenlet<Seen> {
  return spawn(async () => {
    using _ = await condition.hold();
    const outcome = await condition.wait(options).catch((error) => error);
    const held = lock instanceof RLock ? lock.owned : lock.locked;
    return { outcome, held, at: now() };
  });
}

/** Does something while holding the lock. */
async function locked(condition: Condition, act: () => void): Promise<void> {
  using _ = await condition.hold();
  act();
}

for (const [kind, makeLock] of Object.entries(LOCKS)) {
  const test = (name: string, fn: (lock: Lock | RLock, condition: Condition) => unknown): void =>
    virtualTest(`Condition.wait() with a ${kind} ${name}`, async () => {
      const lock = makeLock();
      const condition = new Condition(lock);
      await fn(lock, condition);
      assertEquals([lock.locked, condition.waiting], [false, 0]);
      assertEquals(await lock.acquire({ blocking: false }), true, "The lock is lost");
      lock.release();
    });

  test("has been notified when killed in the same turn after that", async (lock, condition) => {
    const greenlet = spawn(async () => {
      using _ = await condition.hold();
      const outcome = await condition.wait();
      const held = lock instanceof RLock ? lock.owned : lock.locked;
      return [outcome, held, await sleep(1).catch((error) => error.name)];
    });
    await turns();
    await locked(condition, () => {
      condition.notify();
      greenlet.throw();
    });
    assertEquals(await greenlet.get(), [true, true, "GreenletExit"]);
  });

  test("leaves the notification to the next when killed before it", async (lock, condition) => {
    const [first, second] = [waiter(condition, lock), waiter(condition, lock)];
    await turns();
    await locked(condition, () => {
      first.throw();
      condition.notify();
    });
    await joinAll([first, second]);
    assertInstanceOf((first.value as Seen).outcome, GreenletExit);
    assertEquals(second.value, { outcome: true, held: true, at: 0 });
  });

  test(
    "holds the lock again when its timeout is over while others hold it",
    async (lock, condition) => {
      const greenlet = waiter(condition, lock, { timeout: 5 });
      await turns();
      await condition.acquire();
      await sleep(50);
      assertEquals(greenlet.ready, false);
      condition.release();
      assertEquals(await greenlet.get(), { outcome: false, held: true, at: 50 });
    },
  );

  test("holds the lock again before it raises the Timeout of another", async (lock, condition) => {
    const timeout = new Timeout(5);
    const greenlet = spawn(async () => {
      using _ = await condition.hold();
      const outcome = await withTimeout(timeout, () => condition.wait()).catch((error) => error);
      return [outcome, lock instanceof RLock ? lock.owned : lock.locked, now()];
    });
    await turns();
    await condition.acquire();
    await sleep(50);
    condition.release();
    const [outcome, held, at] = await greenlet.get();
    assertStrictEquals(outcome, timeout);
    assertEquals([held, at], [true, 50]);
  });

  test("lets a Timeout wait that is due while it takes the lock again", async (lock, condition) => {
    const greenlet = spawn(async () => {
      using _ = await condition.hold();
      using timeout = Timeout.start(20);
      const outcome = await condition.wait();
      const next = await sleep(1000).catch((error) => error);
      return [outcome, next === timeout, now()];
    });
    await turns();
    await condition.acquire();
    condition.notify();
    await sleep(50);
    condition.release();
    assertEquals(await greenlet.get(), [true, true, 50]);
    void lock;
  });

  test("is not torn by a persistent kill", async (lock, condition) => {
    let held: boolean | undefined;
    const greenlet = spawn(async () => {
      using _ = await condition.hold();
      try {
        await condition.wait();
      } finally {
        held = lock instanceof RLock ? lock.owned : lock.locked;
      }
    });
    await turns();
    await condition.acquire();
    greenlet.throw();
    void greenlet.kill(undefined, { persistent: true, block: false });
    await sleep(5);
    condition.release();
    await greenlet.join();
    assertEquals(held, true);
  });

  test("keeps the lock when it is refused", async (lock, condition) => {
    const greenlet = spawn(async () => {
      using _ = await condition.hold();
      const seen: unknown[] = [];
      const isHeld = (): boolean => lock instanceof RLock ? lock.owned : lock.locked;
      kill(getCurrent());
      seen.push(await condition.wait().catch((error) => error.name), isHeld());
      const reason = new RangeError();
      const signal = AbortSignal.abort(reason);
      seen.push(await condition.wait({ signal }).catch((error) => error.name), isHeld());
      const timeout = "soon" as never;
      seen.push(await condition.wait({ timeout }).catch((error) => error.name), isHeld());
      return seen;
    });
    assertEquals(await greenlet.get(), [
      "GreenletExit",
      true,
      "RangeError",
      true,
      "TypeError",
      true,
    ]);
  });

  test("wakes each of many once, some of them killed", async (lock, condition) => {
    const greenlets = Array.from({ length: 20 }, () => waiter(condition, lock));
    await turns(50);
    assertEquals(condition.waiting, 20);
    for (let n = 0; n < 20; n += 3) greenlets[n]!.throw();
    await locked(condition, () => {
      condition.notify(3);
      for (let n = 1; n < 20; n += 3) greenlets[n]!.throw();
    });
    await turns(50);
    await locked(condition, () => condition.notifyAll());
    await joinAll(greenlets);
    for (const greenlet of greenlets) assert((greenlet.value as Seen).held);
    const woken = greenlets.filter((greenlet) => (greenlet.value as Seen).outcome === true);
    // Of those that were notified first, 1, 2 and 4, two were killed in the same turn after it.
    assertEquals(woken.map((greenlet) => greenlets.indexOf(greenlet)), [1, 2, 4, 5, 8, 11, 14, 17]);
  });
}

virtualTest(
  "Condition.wait() has one outcome when its timeout is due together with the notification",
  async () => {
    for (const priority of [-5, 5]) {
      const began = now();
      const lock = new Lock(); // which a timer may use, too
      const condition = new Condition(lock);
      const greenlet = waiter(condition, lock, { timeout: 10 });
      await turns();
      await condition.acquire();
      hub.addTimer(10, { fire: () => condition.notify() }, priority);
      await sleep(20);
      condition.release();
      assertEquals(await greenlet.get(), { outcome: priority < 0, held: true, at: began + 20 });
    }
  },
);

virtualTest(
  "Condition.waitFor() ends with the lock held when it is killed or timed out",
  async () => {
    const lock = new RLock();
    const condition = new Condition(lock);
    const greenlet = spawn(async () => {
      using _outer = await condition.hold();
      using _inner = await condition.hold();
      const late = await condition.waitFor(() => false, { timeout: 5 });
      const exit = await condition.waitFor(() => false).catch((error) => error.name);
      return [late, exit, String(lock).endsWith("2 times>"), now()];
    });
    await sleep(10);
    greenlet.throw();
    assertEquals(await greenlet.get(), [false, "GreenletExit", true, 10]);
    assertEquals(lock.locked, false);
  },
);

virtualTest("Condition.waitFor() is wrong about nothing when others change it back", async () => {
  const condition = new Condition();
  let items = 0;
  const got: number[] = [];
  const getters = [1, 2].map((n) =>
    spawn(async () => {
      using _ = await condition.hold();
      await condition.waitFor(() => items > 0);
      items--;
      got.push(n);
    })
  );
  await turns();
  await locked(condition, () => {
    items = 1;
    condition.notifyAll(); // for two, though there is but one item
  });
  await turns();
  assertEquals([got, items, condition.waiting], [[1], 0, 1]);
  await locked(condition, () => {
    items = 1;
    condition.notify();
  });
  await joinAll(getters);
  assertEquals([got, items], [[1, 2], 0]);
});

virtualTest(
  "Condition.waitFor() throws what its predicate throws, with the lock held",
  async () => {
    const condition = new Condition();
    using _ = await condition.hold();
    const error = new RangeError("broken");
    assertStrictEquals(
      await assertRejects(() =>
        condition.waitFor(() => {
          throw error;
        })
      ),
      error,
    );
    condition.notifyAll();
  },
);

Deno.test("Condition loses no item in any order, whoever is killed", async () => {
  const { failure } = await exploreSchedules(async () => {
    const condition = new Condition();
    const items: number[] = [];
    const got: number[] = [];
    const take = async (): Promise<void> => {
      using _ = await condition.hold();
      while (items.length === 0) {
        try {
          await condition.wait();
        } finally {
          // Who is killed hands on a notification that it may have had.
          if (items.length > 0) condition.notify();
        }
      }
      got.push(items.shift()!);
    };
    const takers = [1, 2, 3].map(() => spawn(take));
    const putter = spawn(async () => {
      for (const item of [1, 2]) {
        using _ = await condition.hold();
        items.push(item);
        condition.notify();
      }
    });
    await sleep();
    takers[0]!.throw();
    await putter.join();
    await joinAll(takers, { count: takers[0]!.ready ? 3 : 2, timeout: 10 });
    for (const taker of takers) await taker.kill();
    assertEquals([...got, ...items].toSorted(), [1, 2]);
    assert(got.length === 2 || takers[0]!.value instanceof GreenletExit);
    assertEquals(condition.waiting, 0);
  }, { seeds: 300 });
  assertEquals(failure, undefined);
});
