import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import type { Greenlet } from "../../core/greenlet.ts";
import { joinAll } from "../../core/join.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { Event } from "../../sync/event.ts";
import { RLock } from "../../sync/rlock.ts";
import { exploreSchedules } from "../../testing/explore_schedules.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

virtualTest(
  "RLock may be taken again by its holder, and is free when released as often",
  async () => {
    const lock = new RLock();
    assertEquals([lock.locked, lock.owned], [false, false]);
    for (let i = 0; i < 3; i++) assertEquals(await lock.acquire(), true);
    const other = spawn(() => lock.acquire().then(() => lock.release()));
    for (let i = 0; i < 3; i++) {
      await turns();
      assertEquals([lock.locked, lock.owned, other.ready], [true, true, false]);
      lock.release();
    }
    await other.get();
    assertEquals([lock.locked, lock.owned], [false, false]);
  },
);

virtualTest("RLock.release() refuses who does not hold it", async () => {
  const lock = new RLock();
  assertThrows(() => lock.release(), TypeError, "does not hold");
  assertThrows(() => lock.releaseAll(), TypeError, "does not hold");
  await lock.acquire();
  const other = spawn(() => {
    assertThrows(() => lock.release(), TypeError, "does not hold");
  });
  await other.get();
  lock.release();
});

virtualTest(
  "RLock.acquire() gives false at once when told not to block, or after its timeout",
  async () => {
    const lock = new RLock();
    const holder = spawn(async () => {
      using _ = await lock.hold();
      await sleep(10);
    });
    await turns();
    assertEquals(await lock.acquire({ blocking: false }), false);
    assertEquals([await lock.acquire({ timeout: 5 }), now()], [false, 5]);
    await assertRejects(() => lock.hold({ timeout: 1 }), Timeout);
    assertEquals([await lock.acquire(), lock.owned, now()], [true, true, 10]);
    assertEquals(await lock.acquire({ blocking: false }), true);
    await holder.join();
    lock.release();
    lock.release();
  },
);

virtualTest("RLock is handed to those who wait in the order in which they came", async () => {
  const lock = new RLock();
  const order: number[] = [];
  await joinAll([1, 2, 3].map((n) =>
    spawn(async () => {
      using _outer = await lock.hold();
      using _inner = await lock.hold();
      await sleep(1);
      order.push(n);
    })
  ));
  assertEquals([order, lock.locked], [[1, 2, 3], false]);
});

virtualTest("RLock.hold() lets go once, at the end of the block, also when killed", async () => {
  const lock = new RLock();
  const held = await lock.hold();
  held[Symbol.dispose]();
  held[Symbol.dispose]();
  assertEquals(lock.locked, false);
  const holder = spawn(async () => {
    using _outer = await lock.hold();
    using _inner = await lock.hold();
    await sleep(1000);
  });
  await turns();
  assert(lock.locked);
  await holder.kill();
  assertEquals(lock.locked, false);
});

virtualTest("RLock.acquire() raises a kill even when the lock is held already", async () => {
  const lock = new RLock();
  const greenlet = spawn(async () => {
    await lock.acquire();
    getCurrent().throw();
    try {
      await lock.acquire();
    } finally {
      lock.release();
    }
  });
  await greenlet.join();
  assertEquals([greenlet.value instanceof GreenletExit, lock.locked], [true, false]);
});

virtualTest(
  "RLock.releaseAll() and RLock.restore() let go and take again as often as it was held",
  async () => {
    const lock = new RLock();
    await lock.acquire();
    await lock.acquire();
    const count = lock.releaseAll();
    assertEquals([count, lock.locked], [2, false]);
    await lock.restore(count);
    lock.release();
    assert(lock.owned);
    lock.release();
    assert(!lock.locked);
  },
);

virtualTest("RLock says who holds it, and how often", async () => {
  const lock = new RLock();
  assertEquals(String(lock), "<RLock unlocked>");
  getCurrent().name = "me";
  await lock.acquire();
  await lock.acquire();
  assertEquals(String(lock).replace(/: \w+/, ""), '<RLock locked by <Greenlet "me"> 2 times>');
  lock.releaseAll();
});

// Several calls of one greenlet side by side.

/** A lock that another greenlet holds until it is told to let go. */
async function heldByAnother(): Promise<{ lock: RLock; letGo: () => void; holder: Greenlet }> {
  const lock = new RLock();
  const over = new Event();
  const holder = spawn(async () => {
    using _ = await lock.hold();
    await over.wait();
  });
  await turns();
  return { lock, letGo: () => over.set(), holder };
}

virtualTest("RLock grants all that a greenlet asks for side by side when it is free", async () => {
  const lock = new RLock();
  assertEquals(await Promise.all([lock.acquire(), lock.acquire()]), [true, true]);
  assertEquals(String(lock).endsWith(" 2 times>"), true);
  assertEquals(lock.releaseAll(), 2);
});

virtualTest(
  "RLock grants all that a greenlet waits for side by side when it gets the first",
  async () => {
    const { lock, letGo } = await heldByAnother();
    const order: string[] = [];
    const both = spawn(async () => {
      const acquired = await Promise.all([
        lock.acquire(),
        lock.hold({ timeout: 1000 }).then(() => true),
        lock.acquire({ timeout: 1000 }),
      ]);
      order.push(`both ${acquired}`);
      await sleep(5);
      for (let i = 0; i < 3; i++) {
        assertEquals([lock.owned, other.ready], [true, false]);
        lock.release();
      }
      assertEquals(lock.owned, false);
    });
    const other = spawn(async () => {
      using _ = await lock.hold();
      order.push(`other at ${now()}`);
    });
    await turns();
    letGo();
    await joinAll([both, other]);
    assertEquals(order, ["both true,true,true", "other at 5"]);
    assertEquals(lock.locked, false);
    await both.get();
  },
);

virtualTest(
  "RLock goes by the first of several waits of a greenlet, without those that gave up",
  async () => {
    const { lock, letGo } = await heldByAnother();
    const order: string[] = [];
    const take = async (name: string, times: number): Promise<void> => {
      const acquired = await Promise.all(
        Array.from({ length: times }, (_, n) => lock.acquire({ timeout: n === 0 ? 5 : 1000 })),
      );
      order.push(`${name} ${acquired}`);
      while (lock.owned) lock.release();
    };
    // The first wait of the first one gives up: what is left of it comes after that of the second, but before the third.
    const first = spawn(take, "first", 1);
    await turns();
    const second = spawn(async () => {
      await lock.acquire();
      order.push("second");
      lock.release();
    });
    await turns();
    const again = spawn(take, "third", 2);
    await sleep(10);
    letGo();
    await joinAll([first, second, again]);
    assertEquals(order, ["first false", "second", "third false,true"]);
    assertEquals(lock.locked, false);
  },
);

virtualTest("RLock.restore() counts on when its greenlet holds the lock by then", async () => {
  const { lock, letGo } = await heldByAnother();
  const greenlet = spawn(async () => {
    await Promise.all([lock.restore(2), lock.acquire()]);
    await lock.restore(1);
    return lock.releaseAll();
  });
  await turns();
  letGo();
  assertEquals(await greenlet.get(), 4);
  assertEquals(lock.locked, false);
});

Deno.test("RLock lets one greenlet in at a time in every order, however often each asks", async () => {
  const { failure } = await exploreSchedules(async () => {
    const lock = new RLock();
    let inside: Greenlet | undefined;
    const enter = async (n: number): Promise<void> => {
      using _ = await lock.hold(n === 0 ? { timeout: 1 } : {});
      const self = getCurrent();
      assert(inside === undefined || inside === self, "Another one is inside");
      inside = self;
      await sleep(n % 2);
      assert(inside === self || inside === undefined);
    };
    const greenlets = [1, 2, 3].map(() =>
      spawn(async () => {
        const entered = await Promise.allSettled([enter(0), enter(1), enter(2)]);
        if (inside === getCurrent()) inside = undefined;
        for (const { reason } of entered.filter((entry) => entry.status === "rejected")) {
          if (!(reason instanceof Timeout || reason instanceof GreenletExit)) throw reason;
        }
      })
    );
    await sleep();
    greenlets[1]!.throw();
    await joinAll(greenlets, { raiseError: true });
    assertEquals([lock.locked, String(lock)], [false, "<RLock unlocked>"]);
  }, { seeds: 300 });
  assertEquals(failure, undefined);
});
