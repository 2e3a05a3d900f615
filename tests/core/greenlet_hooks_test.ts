import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertStrictEquals,
} from "@std/assert";
import { BlockingSwitchOutError, GreenletExit } from "../../core/errors.ts";
import { Greenlet } from "../../core/greenlet.ts";
import { Group } from "../../core/group.ts";
import { joinAll } from "../../core/join.ts";
import { Pool } from "../../core/pool.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn, spawnLater } from "../../core/spawn.ts";
import { TaskGroup } from "../../core/task_group.ts";
import { Timeout } from "../../core/timeout.ts";
import { AsyncResult } from "../../sync/async_result.ts";
import { collectReports } from "../helpers/reports.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

class Broken extends Error {}

/** Notes when its hooks are called, and what it looks like then. */
class Observed extends Greenlet<unknown> {
  readonly log: unknown[] = [];

  protected override report(error: unknown): void {
    this.log.push(["report", error, this.ready, this.successful]);
  }

  protected override ended(): void {
    this.log.push(["ended", this.ready, this.successful, this.exception ?? this.value]);
  }
}

const broken = new Broken();
const exit = new GreenletExit();
const timeout = new Timeout(5);

/** What a greenlet does, what is done to it after its first turn, and what the hooks are told. */
const ENDS: Readonly<
  Record<
    string,
    { run: () => unknown; act?: (g: Observed) => void; failed: boolean; with: unknown }
  >
> = {
  "returns": { run: () => 7, failed: false, with: 7 },
  "returns later": { run: () => sleep(1).then(() => 7), failed: false, with: 7 },
  "throws": {
    run: () => {
      throw broken;
    },
    failed: true,
    with: broken,
  },
  "throws later": {
    run: () => sleep(1).then(() => Promise.reject(broken)),
    failed: true,
    with: broken,
  },
  "throws undefined": { run: () => Promise.reject(undefined), failed: true, with: undefined },
  "throws GreenletExit": { run: () => Promise.reject(exit), failed: false, with: exit },
  "lets a Timeout out": { run: () => Promise.reject(timeout), failed: true, with: timeout },
  "is killed": { run: () => sleep(1000), act: (g) => g.throw(exit), failed: false, with: exit },
  "is killed with an error": {
    run: () => sleep(1000),
    act: (g) => g.throw(broken),
    failed: true,
    with: broken,
  },
};

for (const [how, { run, act, failed, with: outcome }] of Object.entries(ENDS)) {
  virtualTest(`Greenlet calls its hooks once, before its links, when it ${how}`, async () => {
    using reports = collectReports();
    const greenlet = new Observed(run);
    greenlet.rawlink(() => greenlet.log.push("link"));
    greenlet.start();
    await turns();
    act?.(greenlet);
    await greenlet.join();
    greenlet.throw();
    await turns();
    assertEquals(greenlet.log, [
      ...failed ? [["report", outcome, true, false]] : [],
      ["ended", true, !failed, outcome],
      "link",
    ]);
    assertEquals(reports.list, []);
  });
}

virtualTest("Greenlet calls its hooks when it is killed and never runs", async () => {
  const starts: ((greenlet: Observed) => void)[] = [
    () => {},
    (greenlet) => greenlet.start(),
    (greenlet) => greenlet.startLater(10),
  ];
  for (const start of starts) {
    for (const [error, reported] of [[exit, 0], [broken, 1]] as const) {
      const greenlet = new Observed(() => assert(false, "It ran"));
      start(greenlet);
      greenlet.throw(error);
      await turns();
      assertEquals(greenlet.log.length, 1 + reported);
      assertEquals(greenlet.log.at(-1), ["ended", true, reported === 0, error]);
    }
  }
});

virtualTest("Greenlet reports what its end hook throws, and ends all the same", async () => {
  using reports = collectReports();
  const worse = new Broken("worse");
  let refused: unknown;
  class Fails extends Greenlet<number> {
    protected override ended(): void {
      void sleep(1).catch((error) => refused = error);
      throw worse;
    }
  }
  const greenlet = new Fails(() => 1);
  greenlet.start();
  assertEquals(await greenlet.get(), 1);
  assertEquals(reports.list.map(({ error }) => error), [worse]);
  assertInstanceOf(refused, BlockingSwitchOutError);
});

// Spawn callbacks.

/** Has a callback called for what `fn` starts. */
async function withSpawnCallback(
  callback: (greenlet: Greenlet) => unknown,
  fn: () => unknown,
): Promise<void> {
  Greenlet.addSpawnCallback(callback);
  try {
    await fn();
  } finally {
    Greenlet.removeSpawnCallback(callback);
  }
  assertEquals(hub.spawnCallbacks, null);
}

virtualTest("Greenlet.addSpawnCallback() shows whatever is started, wherever", async () => {
  const names: string[] = [];
  const pool = new Pool(2);
  const group = new Group();
  await withSpawnCallback((greenlet) => names.push(greenlet.name), async () => {
    const named = (name: string): () => void => {
      return () => void (getCurrent().name = name);
    };
    spawn(named("spawn"));
    spawnLater(1, named("spawnLater"));
    await pool.spawn(named("pool"));
    await group.spawn(named("group"));
    await TaskGroup.run((tasks) => void tasks.spawn(named("task")));
    spawn(() => {}).link(new AsyncResult());
    spawn(() => {}).link(() => {});
    await sleep(5);
  });
  assertEquals(names.length, 8, "The link that is a function has a greenlet of its own");
});

virtualTest(
  "Greenlet.addSpawnCallback() is called before it runs, where nothing can wait",
  async () => {
    const log: unknown[] = [];
    const runner = getCurrent();
    await withSpawnCallback((greenlet) => {
      log.push(greenlet.started, greenlet.ready, greenlet.parent === runner);
      void sleep(1).catch((error) => log.push(error.name));
    }, async () => {
      await spawn(() => log.push("ran")).join();
    });
    assertEquals(log, [true, false, true, "BlockingSwitchOutError", "ran"]);
  },
);

virtualTest(
  "Greenlet.addSpawnCallback() may kill the greenlet, which then never runs",
  async () => {
    using reports = collectReports();
    for (const error of [exit, broken]) {
      for (const start of ["start", "startLater"] as const) {
        const linked: unknown[] = [];
        const greenlet = new Greenlet(() => assert(false, "It ran"));
        greenlet.rawlink((g) => linked.push(g));
        await withSpawnCallback((started) => started.throw(error), () => greenlet[start](5));
        assertEquals([greenlet.ready, hub.live.size, hub.timers.size], [true, 1, 0]);
        await sleep(10);
        assertEquals(linked, [greenlet]);
      }
    }
    assertEquals(reports.list.length, 2);
  },
);

virtualTest("Greenlet.removeSpawnCallback() works in a callback, also for others", async () => {
  const log: string[] = [];
  const second = (): void => void log.push("second");
  const first = (): void => {
    log.push("first");
    Greenlet.removeSpawnCallback(first);
    Greenlet.removeSpawnCallback(second);
  };
  Greenlet.addSpawnCallback(first);
  Greenlet.addSpawnCallback(second);
  await joinAll([spawn(() => {}), spawn(() => {})]);
  assertEquals([log, hub.spawnCallbacks], [["first"], null]);
});

// What is remembered of the start.

virtualTest(
  "Greenlet.spawnSite is in the code that uses the library, however it starts one",
  async () => {
    hub.trackSpawnSites = true;
    try {
      const pool = new Pool(2);
      const subclass = new Observed(() => {});
      subclass.startLater(1);
      const greenlets: Greenlet<unknown>[] = [
        spawn(() => {}),
        spawnLater(1, () => {}),
        subclass,
        await TaskGroup.run((tasks) => tasks.spawn(() => {})),
        await pool.spawn(() => {}),
        await new Group().spawn(() => {}),
        pool.applyAsync(() => {}),
      ];
      for (const greenlet of greenlets) {
        assertMatch(
          greenlet.spawnSite ?? "nowhere",
          /tests\/core\/greenlet_hooks_test\.ts:\d+:\d+$/,
        );
      }
      await joinAll(greenlets);
      assertMatch(greenlets[0]!.spawnSite!, /greenlet_hooks_test/, "It is kept after the end");
      assertEquals(new Greenlet().spawnSite, undefined);
    } finally {
      hub.trackSpawnSites = false;
    }
    assertEquals(spawn(() => {}).spawnSite, undefined);
  },
);

Deno.test("Greenlet.treeLocals goes down the tree, and not to others", async () => {
  const seen: Record<string, unknown> = {};
  const look = (name: string) => (): void => void (seen[name] = getCurrent().treeLocals!.user);
  const tree = (user: string): Greenlet<unknown> =>
    spawn(async () => {
      getCurrent().treeLocals!.user = user;
      const pool = new Pool(1);
      await pool.spawn(look(`${user} pool`));
      await spawn(async () => {
        await sleep();
        await spawn(look(`${user} grandchild`)).join();
        getCurrent().treeLocals!.user = `${user} changed`;
      }).join();
      await pool.join();
      return getCurrent().treeLocals!.user;
    });
  const trees = [tree("alice"), tree("bob")];
  await joinAll(trees);
  assertEquals(seen, {
    "alice pool": "alice",
    "alice grandchild": "alice",
    "bob pool": "bob",
    "bob grandchild": "bob",
  });
  assertEquals(trees.map((greenlet) => greenlet.value), ["alice changed", "bob changed"]);
  assertStrictEquals(getCurrent().treeLocals, undefined);
});
