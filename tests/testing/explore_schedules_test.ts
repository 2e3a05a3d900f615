import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { GreenletExit, LoopExit } from "../../core/errors.ts";
import type { Greenlet } from "../../core/greenlet.ts";
import { joinAll } from "../../core/join.ts";
import { Pool } from "../../core/pool.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { Group } from "../../core/group.ts";
import { spawn, spawnLater } from "../../core/spawn.ts";
import { TaskGroup } from "../../core/task_group.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { AsyncResult } from "../../sync/async_result.ts";
import { Event } from "../../sync/event.ts";
import { Lock } from "../../sync/lock.ts";
import { Queue } from "../../sync/queue.ts";
import { exploreSchedules } from "../../testing/explore_schedules.ts";
import { runVirtual } from "../../testing/virtual_clock.ts";
import { collectReports } from "../helpers/reports.ts";
import { atEachSpeed } from "../helpers/speed.ts";
import { virtualTest } from "../helpers/virtual_test.ts";

class Broken extends Error {}

/** Some turns of waiting, so that one comes late in the plain order. */
async function later(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await sleep();
}

/** A check and an act with a wait in between; right in the plain order. */
async function checkThenAct(): Promise<void> {
  let created = 0;
  let shared: object | undefined;
  const getShared = async (): Promise<object> => {
    if (shared === undefined) {
      await sleep();
      created++;
      shared = {};
    }
    return shared;
  };
  await joinAll([
    spawn(getShared),
    spawn(async () => {
      await later(3);
      await getShared();
    }),
  ]);
  if (created !== 1) throw new Broken(`It was created ${created} times`);
}

/** A wake-up that comes between the look and the wait; right in the plain order. */
async function lostWakeUp(): Promise<void> {
  const changed = new Event();
  let ready = false;
  const waiter = spawn(async () => {
    await later(3);
    if (!ready) {
      await sleep();
      changed.clear();
      await changed.wait();
    }
  });
  spawn(() => {
    ready = true;
    changed.set();
  });
  await waiter.join();
}

Deno.test("exploreSchedules() finds a check and an act with a wait in between", async () => {
  await runVirtual(checkThenAct);
  const { explored, failure } = await exploreSchedules(checkThenAct);
  assertInstanceOf(failure?.error, Broken);
  assertEquals(explored, failure.seed + 1);
});

Deno.test("exploreSchedules() finds a wake-up that is lost, as a LoopExit", async () => {
  await runVirtual(lostWakeUp);
  const { failure } = await exploreSchedules(lostWakeUp);
  assertInstanceOf(failure?.error, LoopExit);
  assertEquals(failure.error.blocked.length, 2);
});

Deno.test("exploreSchedules() finds locks that are taken in different orders", async () => {
  const program = async (): Promise<void> => {
    const [first, second] = [new Lock(), new Lock()];
    const both = (a: Lock, b: Lock, turns: number) => async (): Promise<void> => {
      await later(turns);
      using _a = await a.hold();
      await sleep();
      using _b = await b.hold();
    };
    await joinAll([spawn(both(first, second, 0)), spawn(both(second, first, 4))]);
  };
  await runVirtual(program);
  const { failure } = await exploreSchedules(program);
  assertInstanceOf(failure?.error, LoopExit);
  assertEquals(failure.error.blocked.filter((line) => line.endsWith("Semaphore.hold")).length, 2);
});

Deno.test("exploreSchedules() replays a failure exactly from its seed", async () => {
  for (const program of [checkThenAct, lostWakeUp]) {
    const { failure } = await exploreSchedules(program);
    for (let i = 0; i < 3; i++) {
      const replayed = await exploreSchedules(program, { seeds: [failure!.seed] });
      assertEquals(replayed.explored, 1);
      assertEquals(replayed.failure?.seed, failure!.seed);
      assertEquals(
        (replayed.failure!.error as Error).message.replace(/Greenlet-\d+/g, ""),
        (failure!.error as Error).message.replace(/Greenlet-\d+/g, ""),
      );
    }
  }
});

Deno.test("exploreSchedules() has the same order for a seed each time, and others for others", async () => {
  const orderOf = async (seed: number): Promise<string> => {
    const order: number[] = [];
    await exploreSchedules(async () => {
      const queue = new Queue<number>({ maxsize: 2 });
      await joinAll([
        ...[1, 2, 3].map((n) => spawn(() => queue.put(n))),
        ...[1, 2, 3].map(() => spawn(async () => void order.push(await queue.get()))),
        ...[7, 8, 9].map((n) =>
          spawn(async () => {
            await sleep(n % 2);
            order.push(n);
            await withTimeout(1, () => sleep(2), { timeoutValue: 0 });
            order.push(n);
          })
        ),
      ]);
    }, { seeds: [seed] });
    assertEquals(order.length, 9);
    return order.join("");
  };
  const orders = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    const order = await orderOf(seed);
    assertEquals(await orderOf(seed), order, `seed ${seed}`);
    orders.add(order);
  }
  assert(orders.size > 10, `${orders.size} different orders`);
});

Deno.test("exploreSchedules() has the same order for a seed however fast the machine is", async () => {
  const orderOf = async (seed: number): Promise<string> => {
    const order: number[] = [];
    await exploreSchedules(async () => {
      let over = false;
      let steps = 0;
      const busy = [1, 2, 3].map((n) =>
        spawn(async () => {
          for (; !over && steps < 1e6; steps++) await sleep();
          order.push(n);
        })
      );
      await joinAll([4, 5].map((n) => spawnLater(0, () => order.push(n, steps))));
      over = true;
      await joinAll(busy);
    }, { seeds: [seed] });
    assertEquals(order.length, 7);
    return order.join();
  };
  for (const seed of [0, 1]) {
    const orders = await atEachSpeed(() => orderOf(seed));
    for (const order of orders) assertEquals(order, orders[0]);
  }
});

Deno.test("exploreSchedules() passes what is right in 1000 orders", async () => {
  const { explored, failure } = await exploreSchedules(async () => {
    const lock = new Lock();
    let balance = 0;
    const deposit = async (): Promise<void> => {
      using _ = await lock.hold();
      const before = balance;
      await sleep();
      balance = before + 1;
    };
    await joinAll([1, 2, 3].map(() => spawn(deposit)));
    if (balance !== 3) throw new Broken(`The balance is ${balance}`);
  });
  assertEquals([explored, failure], [1000, undefined]);
});

/** Uses of the library that must be right in every order. */
const RIGHT: Readonly<Record<string, () => Promise<void>>> = {
  "a queue between greenlets that are killed": async () => {
    const queue = new Queue<number>({ maxsize: 2 });
    const got: number[] = [];
    const all = new Event();
    const getters = [1, 2, 3].map(() =>
      spawn(async () => {
        for (;;) if (got.push(await queue.get()) === 6) all.set();
      })
    );
    const putter = spawn(async () => {
      for (let n = 0; n < 6; n++) await queue.put(n);
    });
    await later(2);
    getters[0]!.throw();
    await joinAll([putter, getters[0]!]);
    await all.wait();
    assertEquals(got.toSorted(), [0, 1, 2, 3, 4, 5]);
    for (const getter of getters) await getter.kill();
  },
  "a pool whose spawners are timed out": async () => {
    const pool = new Pool(2);
    const spawners = [1, 2, 3, 4].map((n) =>
      spawn(() => withTimeout(n, () => pool.spawn(sleep, 2), { timeoutValue: undefined }))
    );
    await joinAll(spawners);
    await pool.join();
    assertEquals([pool.size, pool.freeCount], [0, 2]);
  },
  "a task group with a child that fails": async () => {
    const broken = new Broken();
    const error = await assertRejects(() =>
      TaskGroup.run(async (group) => {
        group.spawn(() => later(2).then(() => Promise.reject(broken)));
        group.spawn(sleep, 1000);
        await sleep(1000);
      })
    );
    assertStrictEquals(error, broken);
    assertEquals(hub.clock.now(), 0);
  },
  "an event that is set and cleared": async () => {
    const event = new Event();
    const waiters = [1, 2, 3].map(() => spawn(() => event.wait()));
    for (const waiter of waiters) while (event.waiting < 3 && !waiter.ready) await sleep();
    event.set();
    event.clear();
    for (const waiter of waiters) assertEquals(await waiter.get(), true);
  },
};

for (const [name, program] of Object.entries(RIGHT)) {
  Deno.test(`exploreSchedules() finds nothing wrong with ${name}`, async () => {
    const { explored, failure } = await exploreSchedules(program, { seeds: 300 });
    assertEquals([explored, failure], [300, undefined]);
  });
}

// What counts as a failure.

Deno.test("exploreSchedules() gives the error of the function", async () => {
  using reports = collectReports();
  const broken = new Broken();
  for (
    const fn of [() => Promise.reject(broken), () => sleep(5).then(() => Promise.reject(broken))]
  ) {
    const found = await exploreSchedules(fn);
    assertEquals(found, { explored: 1, failure: { seed: 0, error: broken } });
  }
  const sync = (): never => {
    throw broken;
  };
  assertStrictEquals((await exploreSchedules(sync)).failure?.error, broken);
  assertEquals(reports.list, []);
});

Deno.test("exploreSchedules() counts errors of greenlets that nobody joins", async () => {
  using reports = collectReports();
  const broken = new Broken();
  const { explored, failure } = await exploreSchedules(async () => {
    spawn(() => {
      throw broken;
    });
    await sleep(1);
  });
  assertEquals([explored, failure?.error], [1, broken]);
  assertEquals(reports.list, []);
});

/** Ways to take the error of a greenlet that fails. */
const TAKES: Readonly<Record<string, (failing: Greenlet<unknown>) => unknown>> = {
  "get()": (failing) => failing.get().catch(() => {}),
  "get() after its end": async (failing) => {
    await failing.join();
    await failing.get().catch(() => {});
  },
  "reading exception": async (failing) => {
    await failing.join();
    assertInstanceOf(failing.exception, Broken);
  },
  "joinAll() that raises errors": (failing) =>
    joinAll([failing], { raiseError: true }).catch(() => {}),
  "Group.join() that raises errors": (failing) =>
    new Group([failing]).join({ raiseError: true }).catch(() => {}),
  "a link that looks at it": (failing) => {
    const result = new AsyncResult<unknown>();
    failing.link(result);
    return result.get().catch(() => {});
  },
};

for (const [way, take] of Object.entries(TAKES)) {
  Deno.test(`exploreSchedules() does not count an error that was taken by ${way}`, async () => {
    using reports = collectReports();
    const { failure } = await exploreSchedules(async () => {
      await take(spawn(() => sleep(1).then(() => Promise.reject(new Broken()))));
    }, { seeds: 5 });
    assertEquals([failure, reports.list], [undefined, []]);
  });
}

Deno.test("exploreSchedules() counts an error that was handled in one greenlet and not in another", async () => {
  const [taken, left] = [new Broken("taken"), new Broken("left")];
  const { failure } = await exploreSchedules(async () => {
    const failing = [taken, left].map((error) => spawn(() => Promise.reject(error)));
    await failing[0]!.get().catch(() => {});
    await failing[1]!.join();
    assertEquals(failing[1]!.successful, false);
  });
  assertEquals(failure, { seed: 0, error: left });
});

Deno.test("exploreSchedules() counts an error that somebody took and did not handle", async () => {
  const broken = new Broken();
  const { failure } = await exploreSchedules(async () => {
    const failing = spawn(() => Promise.reject(broken));
    await spawn(() => failing.get()).join();
  });
  assertEquals(failure, { seed: 0, error: broken });
});

Deno.test("exploreSchedules() counts the error of a hub callback", async () => {
  const broken = new Broken();
  for (
    const fail of [() => Promise.reject(broken), (): never => {
      throw broken;
    }]
  ) {
    const { failure } = await exploreSchedules(async () => {
      spawn(() => {}).rawlink(fail);
      await sleep(1);
    });
    assertEquals(failure, { seed: 0, error: broken });
  }
});

Deno.test("exploreSchedules() counts errors of greenlets that are left at the end", async () => {
  const broken = new Broken();
  const { failure } = await exploreSchedules(() => {
    spawn(async () => {
      await sleep(1000).catch(() => Promise.reject(broken));
    });
    return sleep(1);
  });
  assertStrictEquals(failure?.error, broken);
});

Deno.test("exploreSchedules() does not take kills and handled timeouts for failures", async () => {
  const { failure } = await exploreSchedules(async () => {
    spawn(sleep, 1000);
    await spawn(() => {
      throw new GreenletExit();
    }).join();
    await withTimeout(1, () => sleep(10)).catch((error) => assertInstanceOf(error, Timeout));
  }, { seeds: 5 });
  assertEquals(failure, undefined);
});

// Arguments and leftovers.

Deno.test("exploreSchedules() tries the given seeds, in their order", async () => {
  let runs = 0;
  const count = (): void => void runs++;
  assertEquals(await exploreSchedules(count, { seeds: 7 }), { explored: 7, failure: undefined });
  assertEquals(await exploreSchedules(count, { seeds: 0 }), { explored: 0, failure: undefined });
  assertEquals((await exploreSchedules(count, { seeds: new Set([3, -1]) })).explored, 2);
  assertEquals(runs, 9);
  const failing = (): Promise<never> => Promise.reject(new Broken());
  assertEquals((await exploreSchedules(failing, { seeds: [42, 1] })).failure?.seed, 42);
});

Deno.test("exploreSchedules() refuses what is no function, no options or no seeds", async () => {
  await assertRejects(() => exploreSchedules(5 as never), TypeError, "received 5");
  for (const options of [null, 5]) {
    const run = (): Promise<unknown> => exploreSchedules(() => {}, options as never);
    await assertRejects(
      run,
      TypeError,
      `the options as they must be an object: received ${options}`,
    );
  }
  await assertRejects(
    () => exploreSchedules(() => {}, { seeds: null as never }),
    TypeError,
    "'seeds' as it must be iterable: received null",
  );
  for (const seeds of [NaN, -1, 1.5, Infinity, [0.5], ["0"], "7"]) {
    await assertRejects(
      () => exploreSchedules(() => {}, { seeds: seeds as number }),
      RangeError,
      `received ${seeds}`,
    );
  }
});

virtualTest("exploreSchedules() refuses to run in virtual time", async () => {
  const { pick, onError } = hub;
  await assertRejects(() => exploreSchedules(() => {}), TypeError, "running already");
  assertEquals([hub.pick, hub.onError], [pick, onError]);
});

Deno.test("exploreSchedules() does not disturb one that is going on", async () => {
  let refused: unknown;
  let orders = 0;
  const { explored, failure } = await exploreSchedules(async () => {
    const order: string[] = [];
    const greenlets = ["a", "b", "c"].map((name) =>
      spawn(async () => {
        await sleep();
        order.push(name);
      })
    );
    refused = await exploreSchedules(() => {}).catch((error) => error);
    assertNotEquals(hub.pick, null);
    await joinAll(greenlets);
    if (order.join("") !== "abc") orders++;
  }, { seeds: 20 });
  assertEquals([explored, failure], [20, undefined]);
  assertInstanceOf(refused, TypeError);
  assert(orders > 0);
});

Deno.test("exploreSchedules() puts everything back, also after a failure", async () => {
  const { onError } = hub;
  for (const fn of [(): void => {}, (): Promise<never> => Promise.reject(new Broken())]) {
    await exploreSchedules(fn, { seeds: 2 });
    assertEquals([hub.pick, hub.errorsTaken], [null, null]);
    assertStrictEquals(hub.onError, onError);
    assertEquals(hub.live.size, 0);
  }
  const order: string[] = [];
  await runVirtual(() =>
    joinAll(["a", "b", "c", "d", "e"].map((name) => spawn(() => order.push(name))))
  );
  assertEquals(order.join(""), "abcde");
});
