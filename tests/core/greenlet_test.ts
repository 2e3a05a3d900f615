import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { Greenlet } from "../../core/greenlet.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn, spawnLater } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { collectReports } from "../helpers/reports.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

function state(greenlet: Greenlet): unknown[] {
  return [greenlet.started, greenlet.ready, greenlet.dead, greenlet.successful];
}

Deno.test("Greenlet refuses to be made of what cannot be called", () => {
  for (const fn of [null, 5, {}]) {
    assertThrows(() => new Greenlet(fn as never), TypeError, `received ${Deno.inspect(fn)}`);
  }
});

virtualTest("Greenlet goes from new over started to ended when its function returns", async () => {
  const greenlet = new Greenlet((n: number) => sleep(1).then(() => n + 1), 1);
  assertEquals(state(greenlet), [false, false, false, false]);
  greenlet.start();
  assertEquals(state(greenlet), [true, false, false, false]);
  await turns();
  assertEquals(state(greenlet), [true, false, false, false]);
  assertEquals(await greenlet.get(), 2);
  assertEquals(state(greenlet), [false, true, true, true]);
  assertEquals([greenlet.value, greenlet.exception], [2, undefined]);
});

virtualTest("Greenlet is not dead in its first turn", async () => {
  const seen: unknown[] = [];
  const greenlet: Greenlet = spawn(() => void seen.push(...state(getCurrent())));
  greenlet.rawlink(() => seen.push("linked"));
  await greenlet.join();
  assertEquals(seen, [true, false, false, false, "linked"]);
});

virtualTest("Greenlet keeps the very error that ended it, synchronously or not", async () => {
  using reports = collectReports();
  const error = new Error("broken");
  const throwing: (() => unknown)[] = [
    () => {
      throw error;
    },
    () => Promise.reject(error),
    () => sleep(1).then(() => Promise.reject(error)),
    () => ({
      get then(): never {
        throw error;
      },
    }),
  ];
  for (const fn of throwing) {
    const greenlet = spawn(fn);
    assertStrictEquals(await assertRejects(() => greenlet.get()), error);
    assertEquals(state(greenlet), [false, true, true, false]);
    assertStrictEquals(greenlet.exception, error);
    assertEquals(greenlet.value, undefined);
  }
  assertEquals(reports.list.length, throwing.length);
});

virtualTest("Greenlet waits for a thenable that its function returns", async () => {
  const thenable = { then: (resolve: (value: string) => void) => resolve("value") };
  assertEquals(await spawn(() => thenable as unknown as Promise<string>).get(), "value");
});

virtualTest("Greenlet gives undefined when it has no function", async () => {
  const greenlet = new Greenlet();
  greenlet.start();
  assertEquals(await greenlet.get(), undefined);
});

virtualTest("Greenlet.run() is what a subclass does", async () => {
  class Doubler extends Greenlet<number> {
    n = 21;
    override async run(): Promise<number> {
      await sleep(1);
      return this.n * 2;
    }
  }
  const greenlet = new Doubler();
  greenlet.start();
  assertEquals([await greenlet.get(), String(greenlet).startsWith("<Doubler ")], [42, true]);
});

virtualTest(
  "Greenlet.ended() of a subclass is called once, in the hub, however the greenlet ends",
  async () => {
    using reports = collectReports();
    const ends: unknown[] = [];
    class Watched extends Greenlet {
      protected override ended(): void {
        ends.push(this.exception ?? this.value, hub.inCallback);
        throw new Error("broken ended()");
      }
    }
    const error = new Error("failed");
    const unstarted = new Watched();
    const failing = new Watched(() => Promise.reject(error));
    const returning = new Watched(() => "value");
    unstarted.throw();
    failing.start();
    returning.start();
    await returning.join();
    await failing.join();
    assertEquals(ends, [unstarted.value, true, error, true, "value", true]);
    assertEquals(reports.list.length, 4);
  },
);

virtualTest(
  "Greenlet tells those who wait for its end even when a subclass fails to report",
  async () => {
    using reports = collectReports();
    const failure = new Error("broken report");
    class Failing extends Greenlet {
      protected override report(): never {
        throw failure;
      }
    }
    const error = new Error("broken");
    const greenlet = new Failing(() => Promise.reject(error));
    greenlet.start();
    assertStrictEquals(await assertRejects(() => greenlet.get()), error);
    assertEquals(reports.list, [{ context: greenlet, error: failure }]);
  },
);

virtualTest(
  "Greenlet.start() does nothing when it was started, has ended or was killed before",
  async () => {
    let runs = 0;
    const greenlet = new Greenlet(() => runs++);
    greenlet.start();
    greenlet.start();
    greenlet.startLater(5);
    await greenlet.join();
    greenlet.start();
    const killed = new Greenlet(() => runs++);
    killed.throw();
    killed.start();
    killed.startLater(1);
    await sleep(10);
    assertEquals(runs, 1);
  },
);

virtualTest("Greenlet.startLater() does nothing more when it was started", async () => {
  let runs = 0;
  const greenlet = new Greenlet(() => void runs++);
  greenlet.startLater(5);
  greenlet.start();
  assert(greenlet.started);
  await turns();
  assertEquals(runs, 0);
  await greenlet.join();
  assertEquals([runs, now()], [1, 5]);
});

virtualTest("Greenlet.get() throws a Timeout at once when told not to block", async () => {
  const greenlet = spawn(sleep, 5);
  await assertRejects(() => greenlet.get({ block: false }), Timeout);
  assertEquals(now(), 0);
  await greenlet.join();
  assertEquals(await greenlet.get({ block: false }), undefined);
});

virtualTest(
  "Greenlet.get() and Greenlet.join() wait for one that was not started yet",
  async () => {
    const greenlet = new Greenlet(() => "value");
    const waiting = [spawn(() => greenlet.get()), spawn(() => greenlet.join())];
    await sleep(5);
    greenlet.start();
    assertEquals([await waiting[0]!.get(), await waiting[1]!.get()], ["value", undefined]);
  },
);

virtualTest("Greenlet.get() returns the GreenletExit that ended it", async () => {
  const exit = new GreenletExit("enough");
  const greenlet = spawn(() => {
    throw exit;
  });
  assertStrictEquals(await greenlet.get() as unknown, exit);
  assertEquals([greenlet.successful, greenlet.exception], [true, undefined]);
});

virtualTest("Greenlet.join() never throws what the greenlet throws", async () => {
  using _ = collectReports();
  assertEquals(await spawn(() => Promise.reject(new Error("x"))).join(), undefined);
});

virtualTest("Greenlet is not thenable", () => {
  assert(!("then" in new Greenlet()));
});

virtualTest("Greenlet.name is its own or made of its number, and can be given", () => {
  const greenlet = new Greenlet(function fetchAll() {});
  assertEquals(greenlet.name, `Greenlet-${greenlet.id}`);
  assertEquals(String(greenlet), `<Greenlet "Greenlet-${greenlet.id}": fetchAll>`);
  greenlet.name = "mine";
  assertEquals(Deno.inspect(greenlet), '<Greenlet "mine": fetchAll>');
  greenlet.throw();
});

virtualTest("Greenlet.id is the smallest that no living greenlet has", async () => {
  const [first, second, third] = [spawn(sleep, 1), spawn(sleep, 2), spawn(sleep, 1)];
  const ids = [first, second, third].map((greenlet) => greenlet!.id);
  assertEquals(new Set(ids).size, 3);
  await first!.join();
  await third!.join();
  assertEquals(first!.id, ids[0], "It changed");
  const next = [spawn(sleep, 1), spawn(sleep, 1)];
  assertEquals(next.map((greenlet) => greenlet.id), [ids[0], ids[2]]);
  await second!.join();
  for (const greenlet of next) await greenlet.join();
});

virtualTest("Greenlet.id of a dead greenlet does not use up a number", async () => {
  using _ = collectReports();
  const dead = [1, 2, 3].map(() => spawn(() => {}));
  await turns();
  const ids = dead.map((greenlet) => greenlet.id);
  assertEquals(new Set(ids).size, 1);
  assertEquals(spawn(() => {}).id, ids[0]);
});

virtualTest("Greenlet.parent is the greenlet that started it, as long as it lives", async () => {
  const child = await spawn(() => spawn(sleep, 1)).get();
  assert(child.parent instanceof Greenlet);
  await child.join();
  const own = spawn(sleep, 1);
  assertStrictEquals(own.parent, getCurrent());
  await own.join();
  assertEquals([child.parent, own.parent], [undefined, undefined]);
});

virtualTest("Greenlet.signal is aborted with the exception when it is killed", async () => {
  const exit = new GreenletExit();
  const running = spawn(sleep, 1000);
  const scheduled = spawnLater(1000, () => {});
  const unstarted = new Greenlet();
  const aborted: unknown[] = [];
  for (const greenlet of [running, scheduled, unstarted]) {
    greenlet.signal.addEventListener("abort", () => aborted.push(greenlet.signal.reason));
  }
  await turns();
  for (const greenlet of [running, scheduled, unstarted]) greenlet.throw(exit);
  assertEquals(aborted, [exit, exit, exit]);
  await running.join();
});

virtualTest(
  "Greenlet.signal is aborted when first asked for after a kill, and not after another end",
  async () => {
    using _ = collectReports();
    const killed = spawn(sleep, 1000);
    const returned = spawn(() => 1);
    const failed = spawn(() => Promise.reject(new Error("x")));
    await turns();
    await killed.kill();
    assertEquals([killed.signal.aborted, killed.signal.reason], [true, killed.value]);
    assertEquals([returned.signal.aborted, failed.signal.aborted], [false, false]);
  },
);

virtualTest("Greenlet is killed and joined at the end of an await using block", async () => {
  let kept: Greenlet<void>;
  {
    await using greenlet = spawn(async () => {
      try {
        await sleep(1000);
      } finally {
        await sleep(5);
      }
    });
    await turns();
    kept = greenlet;
  }
  assertEquals([kept.dead, now()], [true, 5]);
});

virtualTest(
  "Greenlet.treeLocals is shared with all that it starts, and fresh for each from outside",
  async () => {
    const seen: unknown[] = [];
    const greenlet = spawn(async () => {
      getCurrent().treeLocals!.user = "alice";
      await spawn(() => spawn(() => seen.push(getCurrent().treeLocals!.user)).join()).join();
      return getCurrent().treeLocals;
    });
    assertStrictEquals(greenlet.treeLocals, getCurrent().treeLocals);
    await greenlet.get();
    assertEquals(seen, ["alice"]);
    delete getCurrent().treeLocals!.user;
  },
);

Deno.test("Greenlet.treeLocals is fresh for each greenlet that the main program starts, which has none", async () => {
  const [first, second] = [spawn(() => {}), spawn(() => {})];
  assertEquals(getCurrent().treeLocals, undefined);
  assertEquals([first.treeLocals === second.treeLocals, typeof first.treeLocals], [
    false,
    "object",
  ]);
  await second.join();
});

virtualTest("Greenlet.spawnSite is where it was started, while that is tracked", async () => {
  assertEquals(spawn(() => {}).spawnSite, undefined);
  hub.trackSpawnSites = true;
  const sites = [spawn(() => {}).spawnSite, spawnLater(1, () => {}).spawnSite];
  hub.trackSpawnSites = false;
  for (const site of sites) assert(/greenlet_test\.ts:\d+:\d+$/.test(site ?? ""), site);
  await sleep(5);
});

virtualTest(
  "Greenlet.addSpawnCallback() has each greenlet shown that is started, once",
  async () => {
    using reports = collectReports();
    const seen: unknown[] = [];
    const callback = (greenlet: Greenlet): void => void seen.push(greenlet);
    const broken = (): never => {
      throw new Error("broken callback");
    };
    Greenlet.addSpawnCallback(broken);
    Greenlet.addSpawnCallback(callback);
    Greenlet.addSpawnCallback(callback);
    const greenlets = [spawn(() => {}), spawnLater(1, () => {})];
    const unstarted = new Greenlet();
    unstarted.throw();
    Greenlet.removeSpawnCallback(callback);
    Greenlet.removeSpawnCallback(broken);
    Greenlet.removeSpawnCallback(() => {});
    spawn(() => {});
    assertEquals([seen, reports.list.length], [greenlets, 2]);
    assertThrows(() => Greenlet.addSpawnCallback(5 as never), TypeError, "must be a function");
    await sleep(5);
  },
);
