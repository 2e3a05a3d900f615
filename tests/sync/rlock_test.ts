import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { joinAll } from "../../core/join.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { RLock } from "../../sync/rlock.ts";
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
