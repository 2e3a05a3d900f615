import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { BlockingSwitchOutError } from "../../core/errors.ts";
import { Greenlet } from "../../core/greenlet.ts";
import { joinAll } from "../../core/join.ts";
import { Links } from "../../core/links.ts";
import { Pool } from "../../core/pool.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { iwait, wait } from "../../core/wait_for.ts";
import { AsyncResult } from "../../sync/async_result.ts";
import { Queue } from "../../sync/queue.ts";
import { collectReports } from "../helpers/reports.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

const COUNTS = [1, 2, 3, 8, 9, 20];

virtualTest("Links.notify() calls each once, in the order in which they were added", async () => {
  for (const count of COUNTS) {
    const links = new Links("source");
    const seen: unknown[] = [];
    for (let i = 0; i < count; i++) links.add((source) => seen.push([source, i]));
    assertEquals(links.size, count);
    links.notify();
    links.notify();
    assertEquals(seen, [], "It was called before the hub's turn");
    await turns(2);
    assertEquals(seen, Array.from({ length: count }, (_, i) => ["source", i]));
    assertEquals(links.size, 0);
    links.notify();
    await turns(2);
    assertEquals(seen.length, count);
  }
});

virtualTest("Links.notify() calls a function twice when it was added twice", async () => {
  const links = new Links("source");
  let calls = 0;
  const call = (): void => void calls++;
  links.add(call);
  links.add(call);
  links.notify();
  await turns(2);
  assertEquals(calls, 2);
});

virtualTest(
  "Links.unlink() takes the first one of what was given, and ignores what is not there",
  async () => {
    for (const count of COUNTS) {
      const links = new Links("source");
      const seen: number[] = [];
      const calls = Array.from({ length: count }, (_, i) => () => void seen.push(i));
      for (const call of calls) links.add(call);
      links.add(calls[0]!);
      links.unlink(() => {});
      links.unlink(calls[0]);
      assertEquals(links.size, count);
      links.notify();
      await turns(2);
      assertEquals(seen, [...Array(count).keys()].slice(1).concat(0));
      links.unlink(calls[0]);
    }
  },
);

virtualTest("Links honour what a link adds and removes while they are called", async () => {
  for (const before of [0, 1, 10]) {
    const links = new Links("source");
    const seen: string[] = [];
    const later = (): void => void seen.push("removed");
    const twice = links.add(() => void seen.push("removed, too"));
    links.delete(twice);
    for (let i = 0; i < before; i++) links.add(() => void seen.push("before"));
    links.add(() => {
      seen.push("first");
      links.unlink(later);
      links.unlink(later);
      links.add(() => {
        seen.push("added");
        links.add(() => void seen.push("added by the added"));
      });
    });
    links.add(later);
    links.add(() => void seen.push("last"));
    links.notify();
    await turns(2);
    assertEquals(seen.filter((s) => s !== "before"), [
      "first",
      "last",
      "added",
      "added by the added",
    ]);
    assertEquals(links.size, 0);
  }
});

virtualTest("Links go on when one of them throws, and report it", async () => {
  using reports = collectReports();
  const links = new Links("source");
  const error = new Error("broken link");
  let called = 0;
  links.add(() => {
    throw error;
  });
  links.add(() => void called++);
  links.notify();
  await turns(2);
  assertEquals([called, reports.list.map((report) => report.error)], [1, [error]]);
});

virtualTest("Links do not overflow the stack when each adds the next", async () => {
  const links = new Links("source");
  let left = 100_000;
  const next = (): void => {
    if (--left > 0) links.add(next);
  };
  links.add(next);
  links.notify();
  await turns(2);
  assertEquals(left, 0);
});

virtualTest("Greenlet.link() calls in a greenlet of its own, which may wait", async () => {
  const greenlet = spawn(() => "value");
  const seen: unknown[] = [];
  greenlet.link(async (source) => {
    await sleep(5);
    seen.push(source === greenlet, getCurrent() === greenlet, source.value);
  });
  await sleep(10);
  assertEquals(seen, [true, false, "value"]);
});

virtualTest("Greenlet.link() calls soon when the greenlet has ended before", async () => {
  const greenlet = spawn(() => "value");
  await greenlet.join();
  const seen: string[] = [];
  greenlet.link(() => void seen.push("link"));
  greenlet.rawlink(() => void seen.push("rawlink"));
  assertEquals(seen, []);
  await turns();
  assertEquals(seen.sort(), ["link", "rawlink"]);
});

virtualTest(
  "Greenlet.linkValue() and Greenlet.linkException() go by how the greenlet ended",
  async () => {
    using _ = collectReports();
    const killed = spawn(sleep, 1000);
    const ends: Record<string, Greenlet> = {
      returned: spawn(() => 1),
      failed: spawn(() => Promise.reject(new Error("x"))),
      killed,
      "killed with an error": new Greenlet(),
    };
    const seen: string[] = [];
    for (const [name, greenlet] of Object.entries(ends)) {
      greenlet.linkValue(() => void seen.push(`${name}: value`));
      greenlet.linkException(() => void seen.push(`${name}: exception`));
    }
    await turns();
    killed.throw();
    ends["killed with an error"]!.throw(new Error("x"));
    await turns();
    assertEquals(seen.sort(), [
      "failed: exception",
      "killed with an error: exception",
      "killed: value",
      "returned: value",
    ]);
  },
);

virtualTest("Greenlet.link() hands the result over when given an AsyncResult", async () => {
  using _ = collectReports();
  const value = new AsyncResult<number>();
  const failure = new AsyncResult<never>();
  const error = new Error("broken");
  spawn(() => 7).link(value);
  spawn(() => Promise.reject(error)).link(failure);
  assertEquals(await value.get(), 7);
  assertEquals([await failure.wait(), failure.exception], [undefined, error]);
});

virtualTest("Greenlet.link() takes a bound method, such as that of a queue", async () => {
  const queue = new Queue<Greenlet>();
  const greenlets = [spawn(sleep, 2), spawn(sleep, 1)];
  for (const greenlet of greenlets) greenlet.link((g) => queue.put(g));
  assertEquals([await queue.get(), await queue.get()], [greenlets[1], greenlets[0]]);
});

virtualTest("Greenlet.unlink() takes back what was linked in any way", async () => {
  let calls = 0;
  const call = (): void => void calls++;
  const result = new AsyncResult<void>();
  const greenlet = spawn(sleep, 1);
  for (const how of ["link", "linkValue", "linkException", "rawlink"] as const) {
    greenlet[how](call);
    greenlet.unlink(call);
  }
  greenlet.link(result);
  greenlet.unlink(result);
  greenlet.unlink(() => {});
  await sleep(5);
  assertEquals([calls, result.ready], [0, false]);
});

virtualTest(
  "Greenlet.unlinkAll() takes back everything that was linked, however much",
  async () => {
    for (const count of COUNTS) {
      let calls = 0;
      const greenlet = spawn(sleep, 1);
      assert(!greenlet.hasLinks);
      for (let i = 0; i < count; i++) {
        for (const how of ["link", "linkValue", "linkException", "rawlink"] as const) {
          greenlet[how](() => calls++);
        }
      }
      greenlet.link(new AsyncResult<void>());
      assert(greenlet.hasLinks);
      greenlet.unlinkAll();
      assert(!greenlet.hasLinks);
      greenlet.unlinkAll();
      await sleep(5);
      assertEquals(calls, 0);
    }
  },
);

virtualTest("Greenlet.unlinkAll() may be called by a link", async () => {
  const seen: string[] = [];
  const greenlet = spawn(() => {});
  greenlet.rawlink((source) => {
    seen.push("first");
    source.unlinkAll();
  });
  greenlet.rawlink(() => seen.push("second"));
  await turns();
  assertEquals(seen, ["first"]);
});

virtualTest("Greenlet.unlinkAll() leaves alone who waits for it and what it is in", async () => {
  const greenlet = spawn(sleep, 1);
  const pool = new Pool(1);
  await pool.add(greenlet);
  const mapped = pool.mapAsync(() => {
    getCurrent().unlinkAll();
    return "mapped";
  }, [1]);
  const waits = [
    greenlet.join(),
    greenlet.get(),
    joinAll([greenlet]),
    wait([greenlet]),
    iwait([greenlet]).next(),
    pool.join(),
    pool.waitAvailable(),
  ];
  await turns();
  assert(!greenlet.hasLinks, "Those who wait have not linked anything");
  greenlet.unlinkAll();
  await Promise.all(waits);
  assertEquals([pool.size, await mapped.get()], [0, ["mapped"]]);
});

virtualTest(
  "Greenlet.rawlink() calls in the hub, where nothing can wait, after the result is there",
  async () => {
    const greenlet = spawn(() => "value");
    let refused: unknown;
    let value: unknown;
    greenlet.rawlink((source) => {
      value = source.value;
      sleep(1).catch((error) => refused = error);
    });
    await turns();
    assertInstanceOf(refused, BlockingSwitchOutError);
    assertEquals(value, "value");
  },
);

virtualTest("Greenlet.link() and Greenlet.rawlink() refuse what cannot be called", () => {
  const greenlet = new Greenlet();
  for (const target of [undefined, 5, {}, { setFrom: 1 }]) {
    assertThrows(() => greenlet.link(target as never), TypeError, "must be a function");
    assertThrows(() => greenlet.rawlink(target as never), TypeError, "must be a function");
  }
  greenlet.throw();
});

virtualTest("Greenlet.link() reports the error of the function, and calls the others", async () => {
  using reports = collectReports();
  const greenlet = spawn(() => 1);
  const error = new Error("broken link");
  let others = 0;
  greenlet.link(() => Promise.reject(error));
  greenlet.link(() => void others++);
  await turns();
  assertEquals([reports.list.map((report) => report.error), others], [[error], 1]);
  assert(reports.list[0]!.context instanceof Greenlet);
});
