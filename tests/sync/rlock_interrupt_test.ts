import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { joinAll } from "../../core/join.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { RLock } from "../../sync/rlock.ts";
import { exploreSchedules } from "../../testing/explore_schedules.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

/** A lock that the current greenlet holds so many times. */
async function held(times = 1): Promise<RLock> {
  const lock = new RLock();
  for (let i = 0; i < times; i++) await lock.acquire();
  return lock;
}

/** Takes and gives back a lock that must be free. */
async function assertFree(lock: RLock): Promise<void> {
  assertEquals([lock.locked, lock.owned, String(lock)], [false, false, "<RLock unlocked>"]);
  assertEquals(await lock.acquire({ blocking: false }), true);
  lock.release();
}

for (const method of ["acquire", "hold"] as const) {
  virtualTest(`RLock.${method}() takes nothing when killed while it waits`, async () => {
    const lock = await held(2);
    const waiters = [1, 2, 3].map(() => spawn(async () => void await lock[method]()));
    await turns();
    await waiters[0]!.kill();
    waiters[2]!.throw();
    lock.releaseAll();
    await joinAll(waiters);
    assertEquals(waiters.map(({ value }) => value as unknown instanceof GreenletExit), [
      true,
      false,
      true,
    ]);
    assertEquals([lock.locked, lock.owned], [true, false], "The second one has it");
  });

  virtualTest(`RLock.${method}() has taken it when killed after the release`, async () => {
    const lock = await held();
    const seen: unknown[] = [];
    const waiter = spawn(async () => {
      await lock[method]();
      seen.push(lock.owned, String(lock).includes(" 1 times>"));
      try {
        await sleep(10);
      } finally {
        seen.push(lock.owned);
        lock.release();
      }
    });
    await turns();
    lock.release();
    waiter.throw();
    await waiter.join();
    assertEquals([seen, now()], [[true, true, true], 0]);
    await assertFree(lock);
  });

  virtualTest(
    `RLock.${method}() leaves it to the next when killed before the release`,
    async () => {
      const lock = await held();
      const [first, second] = [1, 2].map(() =>
        spawn(async () => {
          await lock[method]();
          lock.release();
          return now();
        })
      );
      await turns();
      first!.throw();
      lock.release();
      assertEquals(await second!.get(), 0);
      assertInstanceOf(await first!.get(), GreenletExit);
      await assertFree(lock);
    },
  );

  virtualTest(
    `RLock.${method}() takes nothing when timed out in the turn of the release`,
    async () => {
      for (const releaseFirst of [true, false]) {
        const lock = await held();
        const holder = lock.releaseAll();
        // Held by the hub's side, so that both things can be done by timers.
        const owner = spawn(async () => {
          await lock.restore(holder);
          await new Promise<void>((resolve) =>
            hub.addTimer(10, { fire: resolve }, releaseFirst ? -5 : 5)
          );
          lock.release();
        });
        await turns();
        const timeout = new Timeout(10);
        const outcome = await withTimeout(timeout, async () => {
          await lock[method]();
          return "taken";
        }).catch((error) => error);
        if (outcome === "taken") lock.release();
        else assertStrictEquals(outcome, timeout);
        await owner.join();
        await assertFree(lock);
      }
    },
  );
}

virtualTest("RLock is locked while it changes hands, and can be taken by nobody else", async () => {
  const lock = await held();
  const next = spawn(() => lock.acquire());
  await turns();
  lock.release();
  assertEquals([lock.locked, lock.owned, String(lock)], [
    true,
    false,
    `<RLock locked by ${next} 1 times>`,
  ]);
  assertEquals(await lock.acquire({ blocking: false }), false);
  assertThrows(() => lock.release(), TypeError, "does not hold");
  assertEquals(await next.get(), true);
});

virtualTest(
  "RLock.acquire() gives false for its own timeout, and another Timeout raises",
  async () => {
    const lock = new RLock();
    const holder = spawn(async () => {
      using _ = await lock.hold();
      await sleep(100);
    });
    await turns();
    assertEquals([await lock.acquire({ timeout: 5 }), now()], [false, 5]);
    const own = new Timeout(5);
    assertEquals([await lock.acquire({ timeout: own }), now(), own.pending], [false, 10, false]);
    const other = new Timeout(5);
    const error = await assertRejects(() =>
      withTimeout(other, () => lock.acquire({ timeout: 50 }))
    );
    assertStrictEquals(error, other);
    assertEquals([now(), lock.owned], [15, false]);
    await holder.join();
    await assertFree(lock);
  },
);

virtualTest("RLock stays with a greenlet until it lets go, also in its clean-up", async () => {
  const lock = new RLock();
  const order: string[] = [];
  const owner = spawn(async () => {
    using _outer = await lock.hold();
    try {
      using _inner = await lock.hold();
      await sleep(1000);
    } finally {
      await sleep(10); // held once more
      order.push(`cleaned up at ${now()}`);
    }
  });
  const next = spawn(async () => {
    using _ = await lock.hold();
    order.push(`taken at ${now()}`);
  });
  await turns();
  owner.throw();
  await joinAll([owner, next]);
  assertEquals(order, ["cleaned up at 10", "taken at 10"]);
  await assertFree(lock);
});

virtualTest("RLock belongs to the greenlet, whatever scope it is taken in", async () => {
  const lock = new RLock();
  await withTimeout(1000, async () => {
    await lock.acquire();
    await withTimeout(1000, () => lock.acquire());
  });
  assertEquals(lock.releaseAll(), 2);
  await assertFree(lock);
});

Deno.test("RLock lets one in at a time in every order, whoever is killed", async () => {
  const { failure } = await exploreSchedules(async () => {
    const lock = new RLock();
    let inside = 0;
    let passed = 0;
    const greenlets = [1, 2, 3, 4].map((n) =>
      spawn(async () => {
        using _outer = await lock.hold();
        assertEquals(++inside, 1);
        try {
          using _inner = await lock.hold(n === 2 ? { timeout: 1 } : {});
          await sleep();
          passed++;
        } finally {
          inside--;
        }
      })
    );
    await sleep();
    greenlets[2]!.throw();
    await joinAll(greenlets);
    assert(passed >= 3);
    await assertFree(lock);
  }, { seeds: 300 });
  assertEquals(failure, undefined);
});
