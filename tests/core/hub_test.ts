import { assert, assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import { getHub } from "../../core/hub.ts";
import { joinAll } from "../../core/join.ts";
import { idle, sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { collectReports, collectStderr, collectUnhandled } from "../helpers/reports.ts";
import { virtualTest } from "../helpers/virtual_test.ts";

const hub = getHub();

Deno.test("getHub() gives the same hub each time", () => {
  assertStrictEquals(getHub(), hub);
});

virtualTest(
  "Hub.onError gets the greenlet and its error, once, when a greenlet fails",
  async () => {
    using reports = collectReports();
    const error = new Error("broken");
    const failing = spawn(() => {
      throw error;
    });
    await failing.join();
    await failing.get().catch(() => {});
    assertEquals(reports.list, [{ context: failing, error }]);
  },
);

virtualTest(
  "Hub.onError prints the stack, and which greenlet failed when and with what",
  async () => {
    using stderr = collectStderr();
    const failing = spawn(function work() {
      throw new RangeError("broken", { cause: "something else" });
    });
    failing.name = "worker";
    await failing.join();
    const [text = ""] = stderr.list;
    assert(text.startsWith("RangeError: broken\n    at "), text);
    assertMatch(text, /Caused by "something else"/);
    assertMatch(
      text,
      /\d{4}-\d\d-\d\dT[\d:.]+Z <Greenlet "worker": work> failed with RangeError\n$/,
    );
  },
);

virtualTest("Hub.onError prints what was thrown when that is not an error", async () => {
  using stderr = collectStderr();
  await spawn(() => {
    throw { code: 7 };
  }).join();
  assertMatch(stderr.list[0] ?? "", /^Uncaught \{ code: 7 \}\n.* failed with object\n$/);
});

Deno.test("Hub.handleError() prints the name of a callback when that failed", () => {
  using stderr = collectStderr();
  hub.handleError(function onTick() {}, new Error("x"));
  hub.handleError(() => {}, new Error("x"));
  assertMatch(stderr.list[0] ?? "", / onTick failed with Error\n$/);
  assertEquals(stderr.list[0]?.includes("Caused by"), false);
  assertMatch(stderr.list[1] ?? "", / callback failed with Error\n$/);
});

virtualTest(
  "Hub.handleError() prints both errors and goes on when a custom onError fails",
  async () => {
    using stderr = collectStderr();
    const previous = hub.onError;
    hub.onError = () => {
      throw new Error("broken handler");
    };
    try {
      await spawn(() => {
        throw new Error("broken greenlet");
      }).join();
    } finally {
      hub.onError = previous;
    }
    assertEquals(stderr.list.map((text) => /broken \w+/.exec(text)?.[0]), [
      "broken greenlet",
      "broken handler",
    ]);
    assertEquals(await spawn(() => "alive").get(), "alive");
  },
);

virtualTest(
  "Hub.handleError() prints both errors when an asynchronous onError fails",
  async () => {
    using stderr = collectStderr();
    using unhandled = collectUnhandled();
    const previous = hub.onError;
    hub.onError = async () => {
      await Promise.resolve();
      throw new Error("broken handler");
    };
    try {
      await spawn(() => Promise.reject(new Error("broken greenlet"))).join();
      await idle();
    } finally {
      hub.onError = previous;
    }
    assertEquals(stderr.list.map((text) => /broken \w+/.exec(text)?.[0]), [
      "broken greenlet",
      "broken handler",
    ]);
    assertEquals(unhandled.list, []);
  },
);

virtualTest("Hub.handleError() throws nothing when stderr is broken", async () => {
  const previous = console.error;
  console.error = () => {
    throw new Error("broken pipe");
  };
  try {
    await spawn(() => Promise.reject(new Error("broken greenlet"))).join();
    hub.handleError("test", new Error("broken test"));
  } finally {
    console.error = previous;
  }
});

virtualTest("Hub.onError gets the error when a recursion without end fails", async () => {
  using reports = collectReports();
  const endless = (n: number): number => endless(n + 1) + 1;
  await spawn(endless, 0).join();
  assertEquals(reports.list.map(({ error }) => (error as Error).name), ["RangeError"]);
});

virtualTest("Hub.stats counts what the hub has done, and has to do", async () => {
  const before = hub.stats;
  const greenlets = [spawn(sleep, 5), spawn(sleep, 5)];
  assertEquals([hub.stats.queued - before.queued, hub.stats.greenlets - before.greenlets], [2, 2]);
  await sleep();
  assertEquals(hub.stats.timers - before.timers, 2);
  await joinAll(greenlets);
  const after = hub.stats;
  assertEquals([after.timersFired - before.timersFired, after.greenlets], [2, before.greenlets]);
  assert(after.entries - before.entries >= 5);
  assert(Object.isFrozen(after));
  await idle();
  assert(hub.stats.ioTurns > after.ioTurns);
});
