import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  describeBlocked,
  formatRunInfo,
  GreenletTree,
  printRunInfo,
  stateOf,
} from "../../core/inspect.ts";
import { local } from "../../core/local.ts";
import { Greenlet } from "../../core/greenlet.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { Event } from "../../sync/event.ts";
import { collectStderr } from "../helpers/reports.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

function named<G extends Greenlet<unknown>>(name: string, greenlet: G): G {
  greenlet.name = name;
  return greenlet;
}

virtualTest("describeBlocked() names each living greenlet and all that it waits for", async () => {
  const event = new Event();
  const { promise, resolve } = Promise.withResolvers<void>();
  named("several", spawn(() => Promise.all([event.wait(), sleep(5)])));
  named("foreign", spawn(async () => await promise));
  await turns();
  const lines = describeBlocked().filter((line) => !line.includes("runVirtual"));
  assertEquals(lines, [
    '<Greenlet "several"> waits for Event.wait, sleep',
    '<Greenlet "foreign"> waits for a promise from elsewhere',
  ]);
  event.set();
  resolve();
  await sleep(10);
});

virtualTest("stateOf() tells in which state a greenlet is", async () => {
  const greenlet = new Greenlet(() => {
    states.push(stateOf(greenlet));
    return sleep(1);
  });
  const states = [stateOf(greenlet)];
  greenlet.start();
  states.push(stateOf(greenlet));
  await turns();
  states.push(stateOf(greenlet));
  await greenlet.join();
  states.push(stateOf(greenlet));
  assertEquals(states, [
    "is not running",
    "waits for its first turn",
    "is running",
    "waits for sleep",
    "is not running",
  ]);
});

virtualTest("GreenletTree shows who started whom, without those that have ended", async () => {
  named("runVirtual", getCurrent());
  named(
    "parent",
    spawn(async () => {
      named(
        "child",
        spawn(async () => {
          named("grandchild", spawn(sleep, 5));
          await sleep(5);
        }),
      );
      named("second child", spawn(sleep, 5));
      await sleep(5);
    }),
  );
  named("brief", spawn(() => void named("orphan", spawn(sleep, 5))));
  await turns();
  const text = GreenletTree.current().format({ details: false });
  assertEquals(text.replaceAll(/": \w+>/g, '">').split("\n"), [
    '<Greenlet "main">',
    ' +--- <Greenlet "runVirtual">',
    ' |     +--- <Greenlet "parent">',
    ' |           +--- <Greenlet "child">',
    ' |           |     +--- <Greenlet "grandchild">',
    ' |           +--- <Greenlet "second child">',
    ' +--- <Greenlet "orphan">',
  ]);
  await sleep(10);
});

virtualTest(
  "GreenletTree tells what each waits for, where it was started, and its locals",
  async () => {
    const values = local<{ user?: string }>();
    hub.trackSpawnSites = true;
    const greenlet = spawn(async () => {
      values.user = "alice";
      await sleep(5);
    });
    hub.trackSpawnSites = false;
    await turns();
    const text = String(GreenletTree.current());
    assertStringIncludes(text, "waits for sleep");
    assertMatch(text, /spawned at file:\/\/.*inspect_test\.ts:\d+:\d+/);
    assertStringIncludes(text, 'local { user: "alice" }');
    await greenlet.join();
  },
);

virtualTest(
  "formatRunInfo() tells the hub's numbers and the tree, printRunInfo() prints that",
  async () => {
    using stderr = collectStderr();
    const sleeper = spawn(sleep, 5);
    await turns();
    const text = formatRunInfo();
    assertStringIncludes(text, "* Hub: 2 greenlets, 0 in the run queue, 1 timers");
    assertStringIncludes(text, String(sleeper));
    printRunInfo();
    assertEquals(stderr.list, [text]);
    await sleeper.join();
  },
);

virtualTest(
  "GreenletTree draws a chain of greenlets that is longer than the stack is deep",
  async () => {
    const nest = async (left: number): Promise<void> => {
      if (left > 0) await spawn(nest, left - 1).join();
      else await sleep(5);
    };
    const outermost = spawn(nest, 10_000);
    await turns();
    await sleep(1);
    let depth = 0;
    for (let tree = GreenletTree.current(); tree.children.length > 0; depth++) {
      assertEquals(tree.children.length, 1);
      tree = tree.children[0]!;
    }
    assertEquals(depth, 10_002); // with that of the test
    const text = formatRunInfo().replaceAll(/\n.* awaits .* deep$/gm, ""); // where awaits are observed
    assertEquals(text.match(/waits for Greenlet.join/g)!.length, 10_000);
    assertEquals(/\n {114} \+--- <G.*\n.*\n {114} \+--- \[21\] <G/.test(text), true);
    assertMatch(text, /\n {114} \+--- \[10002\] <Greenlet .*\n {123} waits for sleep$/);
    await outermost.join();
  },
);

virtualTest("GreenletTree tells levels apart that it does not indent any further", async () => {
  const grow = async (level: number, which: string): Promise<void> => {
    named(`${level}${which}`, getCurrent());
    if (level < 19) spawn(grow, level + 1, "");
    else if (level < 22) { for (const child of ["a", "b"]) spawn(grow, level + 1, which + child); }
    await sleep(5);
  };
  spawn(grow, 2, "");
  await sleep(1);
  const lines = GreenletTree.current().format({ details: false }).split("\n");
  const branches = lines.slice(20).map((line) => line.replaceAll(/<Greenlet "(\w+)".*>/g, "$1"));
  assertEquals(branches.map((line) => line.slice(114)), [
    " +--- 20a",
    " +--- [21] 21aa",
    " +--- [22] 22aaa",
    " +--- [22] 22aab",
    " +--- [21] 21ab",
    " +--- [22] 22aba",
    " +--- [22] 22abb",
    " +--- 20b",
    " +--- [21] 21ba",
    " +--- [22] 22baa",
    " +--- [22] 22bab",
    " +--- [21] 21bb",
    " +--- [22] 22bba",
    " +--- [22] 22bbb",
  ]);
  assert(branches.every((line) => line.slice(0, 114).trim() === ""));
  await sleep(10);
});
