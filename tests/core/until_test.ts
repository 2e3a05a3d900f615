import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { each, until } from "../../core/until.ts";
import { Queue } from "../../sync/queue.ts";
import { collectUnhandled } from "../helpers/reports.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

virtualTest("until() gives the value or the error of the promise", async () => {
  const error = new Error("broken");
  assertEquals(await until(Promise.resolve("value")), "value");
  assertEquals(await until(sleep(5).then(() => "late")), "late");
  assertStrictEquals(await assertRejects(() => until(Promise.reject(error))), error);
});

virtualTest("until() calls the promise's own then, once", async () => {
  let calls = 0;
  class Lazy extends Promise<string> {
    override then<A, B>(
      ok?: ((value: string) => A | PromiseLike<A>) | null,
      fail?: ((error: unknown) => B | PromiseLike<B>) | null,
    ): Promise<A | B> {
      calls++;
      return super.then(ok, fail);
    }
  }
  const lazy = new Lazy((resolve) => resolve("value"));
  assertEquals(await until(lazy), "value");
  assertEquals(calls, 1);
});

virtualTest("until() throws what the promise's then throws", async () => {
  const error = new Error("no then today");
  const broken = {
    then(): never {
      throw error;
    },
  };
  assertStrictEquals(await assertRejects(() => until(broken)), error);
});

virtualTest("until() refuses what has no then", async () => {
  for (const nonsense of [undefined, null, 5, {}]) {
    await assertRejects(() => until(nonsense as never), TypeError, "no 'then'");
  }
});

virtualTest("until() gives a late value to its orphan when the wait was interrupted", async () => {
  const orphans: string[] = [];
  const options = { orphan: (value: string) => orphans.push(value) };
  const promise = sleep(50).then(() => "late");
  const killed = spawn(() => until(promise, options));
  const timedOut = spawn(() => until(promise, { ...options, timeout: 5 }).catch(() => {}));
  const within = spawn(() => withTimeout(5, () => until(promise, options)).catch(() => {}));
  const inTime = spawn(() => until(promise, options));
  await turns();
  await killed.kill();
  await timedOut.join();
  await within.join();
  assertEquals([await inTime.get(), now()], ["late", 50]);
  await turns();
  assertEquals(orphans, ["late", "late", "late"]);
});

virtualTest("until() tells its operation when it is given up, and only then", async () => {
  const abandoned: string[] = [];
  const begin = (name: string): Promise<string> =>
    until(sleep(50).then(() => name), { abandon: () => void abandoned.push(name), timeout: 80 });
  const killed = spawn(() => begin("killed"));
  const within = spawn(() => withTimeout(5, () => begin("timed out")).catch(() => {}));
  const inTime = spawn(() => begin("in time"));
  const refused = spawn(async () => {
    await new Promise((resolve) => spawn(sleep, 10).rawlink(resolve));
    const options = { abandon: (): void => void abandoned.push("refused") };
    await until(Promise.resolve(), options); // the kill has come before
  });
  await turns();
  await killed.kill();
  refused.throw();
  await within.join();
  assertEquals(await inTime.get(), "in time");
  await refused.join();
  // Where awaits are observed, the last one ends before it gets there.
  assertEquals(abandoned, ["killed", "timed out", ...(hub.awaits === null ? ["refused"] : [])]);
  await sleep(50);
});

virtualTest("until() disposes of a late value when it has no orphan", async () => {
  const disposed: string[] = [];
  const values: unknown[] = [
    { [Symbol.dispose]: () => void disposed.push("sync") },
    { [Symbol.asyncDispose]: () => Promise.resolve(disposed.push("async")) },
    Object.assign(() => {}, { [Symbol.dispose]: () => void disposed.push("function") }),
    { nothing: "to dispose of" },
    null,
    undefined,
    "text",
  ];
  for (const value of values) {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const greenlet = spawn(() => until(promise));
    await turns();
    await greenlet.kill();
    resolve(value);
    await turns();
  }
  assertEquals(disposed, ["sync", "async", "function"]);
});

virtualTest("until() drops a late error when the wait was interrupted", async () => {
  using unhandled = collectUnhandled();
  const { promise, reject } = Promise.withResolvers<void>();
  const greenlet = spawn(() => until(promise));
  await turns();
  await greenlet.kill();
  reject(new Error("late"));
  await sleep(1);
  assertEquals(unhandled.list, []);
});

virtualTest(
  "until() gives the value to its orphan when it was refused before it waited",
  async () => {
    const orphans: string[] = [];
    const options = { orphan: (value: string) => orphans.push(value) };
    const greenlet = spawn(() => {
      greenlet.throw();
      return until(Promise.resolve("killed before"), options);
    });
    await greenlet.join();
    await assertRejects(() =>
      until(Promise.resolve("aborted before"), { ...options, signal: AbortSignal.abort() })
    );
    await turns();
    assertEquals(orphans, ["killed before", "aborted before"]);
  },
);

virtualTest("until() throws GreenletExit at once when its greenlet has ended", async () => {
  const orphans: string[] = [];
  let afterwards!: Promise<unknown>;
  const { promise, resolve } = Promise.withResolvers<void>();
  await spawn(() => {
    afterwards = promise.then(() =>
      until(Promise.resolve("late"), { orphan: (value) => orphans.push(value) })
    ).catch((error) => error);
  }).join();
  resolve();
  assertInstanceOf(await afterwards, GreenletExit);
  await turns();
  assertEquals(orphans, ["late"]);
});

virtualTest("until() lets an error of the orphan function surface", async () => {
  using unhandled = collectUnhandled();
  const error = new Error("broken orphan");
  const { promise, resolve } = Promise.withResolvers<string>();
  const greenlet = spawn(() =>
    until(promise, {
      orphan: () => {
        throw error;
      },
    })
  );
  await turns();
  await greenlet.kill();
  resolve("late");
  await sleep(1);
  assertEquals(unhandled.list, [error]);
});

async function* count(log: string[] = []): AsyncGenerator<number> {
  try {
    for (let n = 1;; n++) {
      await sleep(10);
      yield n;
    }
  } finally {
    log.push("closed");
  }
}

virtualTest("each() gives the items of an async iterable and ends with it", async () => {
  async function* three(): AsyncGenerator<number> {
    for (const n of [1, 2, 3]) yield await Promise.resolve(n);
  }
  const seen: number[] = [];
  for await (const n of each(three())) seen.push(n);
  assertEquals(seen, [1, 2, 3]);
});

virtualTest("each() closes the iterator when the loop is left, and waits for that", async () => {
  const log: string[] = [];
  for await (const n of each(count(log))) if (n === 2) break;
  assertEquals(log, ["closed"]);
  await assertRejects(
    async () => {
      for await (const _ of each(count(log))) throw new Error("broken loop");
    },
    Error,
    "broken loop",
  );
  assertEquals(log, ["closed", "closed"]);
});

virtualTest(
  "each() ends a pending step when killed, and does not wait for the iterator",
  async () => {
    let returned = 0;
    const stuck: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return(): Promise<IteratorResult<number>> {
          returned++;
          return new Promise(() => {});
        },
      }),
    };
    const greenlet = spawn(async () => {
      for await (const _ of each(stuck)) continue;
    });
    await turns();
    await greenlet.kill();
    assertEquals([greenlet.dead, returned], [true, 1]);
  },
);

virtualTest(
  "each() does not mind an iterator without return, or one whose return fails",
  async () => {
    using unhandled = collectUnhandled();
    const step = (): Promise<IteratorResult<number>> => new Promise(() => {});
    const iterators: AsyncIterator<number>[] = [
      { next: step },
      { next: step, return: () => Promise.reject(new Error("broken return")) },
    ];
    for (const iterator of iterators) {
      const greenlet = spawn(async () => {
        for await (const _ of each({ [Symbol.asyncIterator]: () => iterator })) continue;
      });
      await turns();
      await greenlet.kill();
    }
    await sleep(1);
    assertEquals(unhandled.list, []);
  },
);

virtualTest("each() throws the error of the iterator", async () => {
  async function* broken(): AsyncGenerator<number> {
    yield await Promise.resolve(1);
    throw new Error("broken source");
  }
  const seen: number[] = [];
  await assertRejects(
    async () => {
      for await (const n of each(broken())) seen.push(n);
    },
    Error,
    "broken source",
  );
  assertEquals(seen, [1]);
});

virtualTest("each() takes no further step when a kill is outstanding", async () => {
  const items = new Queue<number>({ items: [1, 2, 3] });
  const source: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.resolve({ done: false, value: items.getNowait() }),
    }),
  };
  const greenlet = spawn(async () => {
    for await (const _ of each(source)) greenlet.throw();
  });
  await greenlet.join();
  assertEquals(items.qsize, 2);
});

virtualTest("each() limits the time of each step", async () => {
  const seen: number[] = [];
  await assertRejects(
    async () => {
      for await (const n of each(count(), { timeout: 15 })) {
        seen.push(n);
        if (n === 3) await sleep(100);
        if (n === 5) break;
      }
      for await (const _ of each(count(), { timeout: 5 })) continue;
    },
    Timeout,
    "5 ms",
  );
  assertEquals(seen, [1, 2, 3, 4, 5]);
  await sleep(20);
});

virtualTest("each() refuses what is not an async iterable", async () => {
  for (const nonsense of [undefined, [1], 5]) {
    await assertRejects(
      () => each(nonsense as never).next(),
      TypeError,
      "not an async iterable",
    );
  }
  assert(true);
});
