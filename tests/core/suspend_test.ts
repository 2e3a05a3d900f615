import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { BlockingSwitchOutError, GreenletExit } from "../../core/errors.ts";
import { hub } from "../../core/scheduler.ts";
import { idle, sleep } from "../../core/sleep.ts";
import { getCurrent, kill, spawn } from "../../core/spawn.ts";
import { countDown, suspend } from "../../core/suspend.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import type { Waiter } from "../../core/waiter.ts";
import { collectReports, collectUnhandled } from "../helpers/reports.ts";
import { now, parkedIn, turns, virtualTest } from "../helpers/virtual_test.ts";

/** A wait that can be settled from outside, and counts how often it was undone. */
class Parking<T> {
  waiter!: Waiter<T>;
  undone = 0;
  readonly park = (waiter: Waiter<T>): () => void => {
    this.waiter = waiter;
    return () => void this.undone++;
  };
}

virtualTest("suspend() gives what the waiter is resumed with, and does not undo", async () => {
  const parking = new Parking<string>();
  const greenlet = spawn(() => suspend(parking.park));
  await turns();
  assert(!parking.waiter.settled);
  assert(parking.waiter.resume("value"));
  assert(parking.waiter.settled);
  assertEquals([await greenlet.get(), parking.undone], ["value", 0]);
});

virtualTest("suspend() throws what the waiter fails with, and does not undo", async () => {
  const parking = new Parking<string>();
  const error = new Error("failed");
  const greenlet = spawn(() => suspend(parking.park).catch((error) => error));
  await turns();
  assert(parking.waiter.fail(error));
  assertStrictEquals(await greenlet.get(), error);
  assertEquals(parking.undone, 0);
});

virtualTest(
  "Waiter.resume() and Waiter.fail() do nothing and say so when the wait is over",
  async () => {
    const parking = new Parking<string>();
    const greenlet = spawn(() => suspend(parking.park));
    await turns();
    parking.waiter.resume("first");
    assertEquals([parking.waiter.resume("second"), parking.waiter.fail(new Error())], [
      false,
      false,
    ]);
    assertEquals(await greenlet.get(), "first");

    const killed = spawn(() => suspend(parking.park));
    await turns();
    await killed.kill();
    assertEquals([parking.waiter.resume("late"), parking.waiter.fail(new Error())], [false, false]);
  },
);

virtualTest("suspend() undoes once when it is killed, times out or is aborted", async () => {
  const controller = new AbortController();
  const ways: Record<string, (parking: Parking<void>) => Promise<unknown>> = {
    async killed({ park }) {
      const greenlet = spawn(() => suspend(park));
      await turns();
      greenlet.throw();
      greenlet.throw();
      await greenlet.join();
    },
    "own timeout": ({ park }) => assertRejects(() => suspend(park, { timeout: 5 }), Timeout),
    "Timeout object": ({ park }) =>
      assertRejects(() => suspend(park, { timeout: new Timeout(5) }), Timeout),
    "foreign timeout": ({ park }) =>
      assertRejects(() => withTimeout(5, () => suspend(park)), Timeout),
    async aborted({ park }) {
      spawn(() => controller.abort(new Error("aborted")));
      await assertRejects(() => suspend(park, { signal: controller.signal }), Error, "aborted");
    },
  };
  for (const [name, way] of Object.entries(ways)) {
    const parking = new Parking<void>();
    await way(parking);
    assertEquals(parking.undone, 1, name);
    parking.waiter.resume();
    parking.waiter.fail(new Error());
    assertEquals(parking.undone, 1, name);
  }
});

virtualTest("suspend() undoes before the greenlet goes on", async () => {
  const order: string[] = [];
  const greenlet = spawn(() =>
    suspend(() => () => order.push("undone")).finally(() => order.push("back"))
  );
  await turns();
  await greenlet.kill();
  assertEquals(order, ["undone", "back"]);
});

virtualTest(
  "suspend() undoes what was registered when the greenlet is killed while it registers",
  async () => {
    let undone = 0;
    const greenlet = spawn(() =>
      suspend(() => {
        kill(getCurrent());
        return () => undone++;
      })
    );
    await greenlet.join();
    assertEquals([undone, greenlet.value instanceof GreenletExit], [1, true]);
  },
);

virtualTest(
  "suspend() undoes what was registered when it is aborted while it registers",
  async () => {
    const controller = new AbortController();
    let undone = 0;
    await assertRejects(() =>
      suspend(() => {
        controller.abort(new Error("aborted"));
        return () => undone++;
      }, { signal: controller.signal })
    );
    assertEquals(undone, 1);
  },
);

virtualTest("suspend() does not undo when it is resumed while it registers", async () => {
  let undone = 0;
  const value = await suspend<string>((waiter) => {
    waiter.resume("at once");
    return () => undone++;
  });
  assertEquals([value, undone], ["at once", 0]);
});

virtualTest("suspend() throws what its function throws, and leaves nothing parked", async () => {
  const error = new Error("cannot register");
  const thrown = await assertRejects(() =>
    suspend(() => {
      throw error;
    }, { timeout: 1000 })
  );
  assertStrictEquals(thrown, error);
});

virtualTest(
  "suspend() reports what the undo function throws and raises the interrupt",
  async () => {
    using reports = collectReports();
    const error = new Error("broken undo");
    const greenlet = spawn(() =>
      suspend(() => () => {
        throw error;
      })
    );
    await turns();
    await greenlet.kill();
    assert(greenlet.value instanceof GreenletExit);
    assertEquals(reports.list.map((report) => report.error), [error]);
  },
);

virtualTest("suspend() refuses to block in its own undo function", async () => {
  let refused: unknown;
  const greenlet = spawn(() =>
    suspend(() => () => {
      sleep(1).catch((error) => refused = error);
    })
  );
  await turns();
  await greenlet.kill();
  await turns();
  assert(refused instanceof BlockingSwitchOutError);
});

virtualTest("suspend() rejects and leaves nothing parked when its Timeout was closed", async () => {
  const timeout = new Timeout(5);
  timeout.close();
  await assertRejects(() => suspend(() => {}, { timeout }), TypeError, "as it was closed");
  assertEquals(parkedIn(getCurrent()), 0);
});

virtualTest(
  "suspend() waits for as long as it takes when its timeout is null, undefined or Infinity",
  async () => {
    for (const timeout of [null, undefined, Infinity, new Timeout(null)]) {
      const parking = new Parking<string>();
      const greenlet = spawn(() => suspend(parking.park, { timeout }));
      await sleep(1e9);
      assertEquals([greenlet.ready, hub.timers.size], [false, 0]);
      parking.waiter.resume("at last");
      assertEquals(await greenlet.get(), "at last");
    }
  },
);

virtualTest("suspend() gives others a turn when its timeout is 0 or negative", async () => {
  for (const timeout of [0, -5]) {
    let others = 0;
    spawn(() => others++);
    await assertRejects(() => suspend(() => {}, { timeout }), Timeout, `${timeout} ms`);
    assertEquals(others, 1);
  }
  assertEquals(now(), 0);
});

virtualTest("suspend() does not keep the abort listener when it is over", async () => {
  const listeners = new Set<unknown>();
  const signal = Object.assign(new EventTarget(), {
    aborted: false,
    addEventListener: (_: string, listener: unknown) => void listeners.add(listener),
    removeEventListener: (_: string, listener: unknown) => void listeners.delete(listener),
  }) as unknown as AbortSignal;
  const parking = new Parking<void>();
  const greenlet = spawn(() => suspend(parking.park, { signal }));
  await turns();
  assertEquals(listeners.size, 1);
  parking.waiter.resume();
  await greenlet.join();
  assertEquals(listeners.size, 0);
});

virtualTest("suspend() raises interrupts one by one when there are several", async () => {
  const errors: unknown[] = [];
  const [first, second] = [new GreenletExit("first"), new GreenletExit("second")];
  const greenlet = spawn(async () => {
    for (let i = 0; i < 2; i++) await suspend(() => {}).catch((error) => errors.push(error));
    return "alive";
  });
  await turns();
  greenlet.throw(first);
  greenlet.throw(second);
  assertEquals(await greenlet.get(), "alive");
  assertEquals(errors, [first, second]);
});

virtualTest("suspend() throws GreenletExit at once when its greenlet has been killed", async () => {
  let afterwards!: Promise<unknown>;
  const { promise, resolve } = Promise.withResolvers<void>();
  const greenlet = spawn(async () => {
    afterwards = (async () => {
      await promise;
      return await sleep(1).catch((error) => error);
    })();
    await sleep(1000);
  });
  await turns();
  await greenlet.kill();
  resolve();
  assert(await afterwards instanceof GreenletExit);
});

virtualTest(
  "suspend() still waits for work that outlives a greenlet that has ended by itself",
  async () => {
    let afterwards!: Promise<number>;
    await spawn(() => {
      afterwards = sleep(5).then(() => sleep(5)).then(now);
    }).join();
    await sleep(20);
    assertEquals(await afterwards, 10);
  },
);

virtualTest(
  "suspend() causes no unhandled rejection when one of several waits is enough for an error",
  async () => {
    using unhandled = collectUnhandled();
    const greenlet = spawn(() => Promise.all([sleep(100), sleep(200), suspend(() => {})]));
    await turns();
    await greenlet.kill();
    await turns();
    assertEquals([unhandled.list, parkedIn(greenlet)], [[], 0]);
  },
);

virtualTest("countDown() gives what is left of a number, and anything else as it is", async () => {
  const pending = Timeout.start(50);
  const left = [10, pending, null, undefined].map((timeout) => countDown(timeout));
  await sleep(4);
  assertEquals(left.map((remaining) => remaining()), [6, pending, null, undefined]);
  for (const remaining of left) remaining[Symbol.dispose]();
  assert(pending.pending);
  pending.cancel();
});

virtualTest(
  "countDown() has a Timeout run from the first wait to the last, also in between",
  async () => {
    const timeout = new Timeout(10);
    const waitTwice = async (): Promise<unknown> => {
      using remaining = countDown(timeout);
      for (let i = 0; i < 2; i++) {
        assertStrictEquals(remaining(), timeout);
        await suspend((waiter) => void waiter.resume(), { timeout: remaining() });
        await sleep(3);
        assert(timeout.pending);
      }
      await sleep(20);
      return await suspend(() => {}, { timeout: remaining() }).catch((error) => error);
    };
    const start = now();
    assertStrictEquals(await waitTwice(), timeout);
    assertEquals([now() - start, timeout.pending], [26, false]);
  },
);

virtualTest(
  "countDown() limits nothing once its Timeout was cancelled, and gives it back at the end",
  () => {
    const timeout = new Timeout(10);
    {
      using remaining = countDown(timeout);
      timeout.cancel();
      assertStrictEquals(remaining(), undefined);
    }
    {
      using _ = countDown(timeout);
      assert(timeout.pending);
    }
    assert(!timeout.pending);
    timeout.close();
    assertThrows(() => countDown(timeout), TypeError, "was closed");
  },
);

virtualTest("countDown() counts on without its Timeout when that was given back", async () => {
  const timeout = new Timeout(10);
  const remaining = countDown(timeout);
  await sleep(4);
  for (let i = 0; i < 2; i++) {
    remaining[Symbol.dispose]();
    assertEquals([remaining(), timeout.pending], [6, false]);
  }
  const others = Timeout.start(10);
  for (const timeout of [others, new Timeout(null)]) {
    const unlimited = countDown(timeout);
    unlimited[Symbol.dispose]();
    assertStrictEquals(unlimited(), timeout.pending ? timeout : undefined);
  }
  others.cancel();
});

virtualTest(
  "suspend() causes no unhandled rejection whatever the reason of an abort is",
  async () => {
    using unhandled = collectUnhandled();
    for (const reason of ["text", 0, "", null, 7n, false, Symbol("reason"), () => {}, {}]) {
      const controller = new AbortController();
      const { signal } = controller;
      const seen = suspend(() => {}, { signal }).catch((error) => error);
      void suspend(() => {}, { signal });
      void (async () => {
        try {
          await suspend(() => {}, { signal });
        } finally {
          await sleep(1); // nobody awaits this function, and it takes its time
        }
      })();
      controller.abort(reason);
      void suspend(() => {}, { signal }); // refused at once
      assertStrictEquals(await seen, reason);
    }
    await sleep(5);
    await idle(); // lets the runtime look for unhandled rejections
    assertEquals(unhandled.list, []);
  },
);
