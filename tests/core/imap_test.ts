import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import type { Greenlet } from "../../core/greenlet.ts";
import { Group } from "../../core/group.ts";
import { joinAll } from "../../core/join.ts";
import { Pool } from "../../core/pool.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { TaskGroup } from "../../core/task_group.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { Queue } from "../../sync/queue.ts";
import { StopIteration } from "../../sync/simple_queue.ts";
import { collectReports } from "../helpers/reports.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

const METHODS = ["imap", "imapUnordered"] as const;

async function sleepFor(ms: number): Promise<number> {
  await sleep(ms);
  return ms;
}

async function collect<T>(results: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const result of results) list.push(result);
  return list;
}

virtualTest("Group.imap() gives results in the order of the items as they come", async () => {
  const seen: [number, number][] = [];
  for await (const n of new Group().imap(sleepFor, [20, 10, 30])) seen.push([n, now()]);
  assertEquals(seen, [[20, 20], [10, 20], [30, 30]]);
});

virtualTest("Group.imapUnordered() gives results in the order in which they finish", async () => {
  const seen: [number, number][] = [];
  for await (const n of new Group().imapUnordered(sleepFor, [20, 10, 30])) seen.push([n, now()]);
  assertEquals(seen, [[10, 10], [20, 20], [30, 30]]);
});

for (const method of METHODS) {
  virtualTest(`Group.${method}() ends at once when there are no items`, async () => {
    async function* nothing(): AsyncGenerator<number> {}
    assertEquals(await collect(new Group()[method](sleepFor, [])), []);
    assertEquals(await collect(new Group()[method](sleepFor, nothing())), []);
    assertEquals(now(), 0);
  });

  virtualTest(`Group.${method}() says done again and again when it is over`, async () => {
    const results = new Group()[method](sleepFor, [1]);
    await results.next();
    for (let i = 0; i < 3; i++) {
      assertEquals(await results.next(), { done: true, value: undefined });
    }
  });

  virtualTest(`Group.${method}() begins when the first result is asked for`, async () => {
    let begun = 0;
    const results = new Group()[method](() => begun++, [1, 2]);
    await turns();
    assertEquals(begun, 0);
    await results.next();
    assertEquals(begun, 2);
    assertEquals(await collect(results), [1]);
  });

  virtualTest(
    `Group.${method}() throws the error of a call in its place and may be continued`,
    async () => {
      using _ = collectReports();
      const results = new Group()[method]((n: number) => {
        if (n === 2) throw new Error("two");
        return n;
      }, [1, 2, 3]);
      assertEquals((await results.next()).value, 1);
      await assertRejects(() => results.next(), Error, "two");
      assertEquals((await results.next()).value, 3);
      assertEquals((await results.next()).done, true);
    },
  );

  virtualTest(
    `Group.${method}() takes an iterable that waits, or that sleeps after its last item`,
    async () => {
      const queue = new Queue<number | typeof StopIteration>();
      const greenlet = spawn(() => collect(new Pool(2)[method](sleepFor, queue)));
      for (const n of [1, 2, 3]) {
        await sleep(10);
        queue.putNowait(n);
      }
      queue.putNowait(StopIteration);
      assertEquals(await greenlet.get(), [1, 2, 3]);
      async function* late(): AsyncGenerator<number> {
        yield 1;
        await sleep(100);
      }
      assertEquals(await collect(new Pool(1)[method](sleepFor, late())), [1]);
    },
  );

  virtualTest(
    `Group.${method}() neither hangs nor drops anything when there are more items than slots`,
    async () => {
      const pool = new Pool(3);
      const items = [...Array(50).keys()];
      const results = await collect(pool[method]((n) => sleep(n % 3).then(() => n), items));
      assertEquals(results.toSorted((a, b) => a - b), items);
      assertEquals(pool.freeCount, 3);
    },
  );

  virtualTest(`Group.${method}() keeps no more finished results than it may`, async () => {
    const begun: number[] = [];
    const results = new Group()[method](
      (n: number) => {
        begun.push(n);
        return n;
      },
      [1, 2, 3, 4, 5],
      { maxsize: 2 },
    );
    const counts: number[] = [];
    for await (const _ of results) {
      await turns();
      counts.push(begun.length);
    }
    assertEquals(counts, [3, 4, 5, 5, 5]);
  });

  virtualTest(`Group.${method}() kills what it has begun when it is left early`, async () => {
    const pool = new Pool(2);
    const begun: number[] = [];
    const ended: number[] = [];
    for await (
      const _ of pool[method](async (n) => {
        begun.push(n);
        try {
          await sleep(n);
        } finally {
          ended.push(n);
        }
      }, [10, 1000, 1000, 1000])
    ) break;
    await turns();
    await pool.join();
    assertEquals([begun, ended, now()], [[10, 1000], [10, 1000], 10]);
    assertEquals(pool.freeCount, 2);
  });

  virtualTest(
    `Group.${method}() begins nothing more when it is closed as a slot is given to it`,
    async () => {
      const pool = new Pool(1);
      let begun = 0;
      const blocker = await pool.spawn(sleep, 1000);
      const results = pool[method](() => begun++, [1, 2, 3]);
      const reader = spawn(() => results.next());
      await turns();
      blocker.rawlink(() => void results.return!());
      blocker.throw();
      assertEquals(await reader.get(), { done: true, value: undefined });
      await turns();
      assertEquals([begun, pool.size, pool.freeCount], [0, 0, 1]);
    },
  );

  virtualTest(
    `Group.${method}() tells a reader that waits when it is closed by another`,
    async () => {
      const group = new Group();
      const results = group[method](sleepFor, [1000]);
      const reader = spawn(() => results.next());
      await turns();
      await results.return!();
      assertEquals([await reader.get(), now()], [{ done: true, value: undefined }, 0]);
    },
  );

  virtualTest(`Group.${method}() stops reading the items when it is closed`, async () => {
    let taken = 0;
    let closed = false;
    function* endless(): Generator<number> {
      try {
        for (;;) yield ++taken;
      } finally {
        closed = true;
      }
    }
    const results = new Pool(2)[method](sleepFor, endless());
    await results.next();
    await results.return!();
    await turns();
    const soFar = taken;
    await sleep(100);
    assertEquals([taken, closed], [soFar, true]);
    assertEquals((await results.next()).done, true);
  });

  virtualTest(`Group.${method}() serves several readers at once`, async () => {
    const results = new Group()[method](sleepFor, [20, 10]);
    const readers = [1, 2, 3].map(() => spawn(() => results.next()));
    assertEquals((await joinAll(readers, { timeout: 100 })).length, 3);
    const values = readers.map((reader) => (reader.value as IteratorResult<number>).value);
    assertEquals(values, method === "imap" ? [20, 10, undefined] : [10, 20, undefined]);
  });

  virtualTest(`Group.${method}() loses no result when a reader gives up`, async () => {
    const results = new Group()[method](sleepFor, [10, 20]);
    await assertRejects(() => withTimeout(5, () => results.next()), Timeout);
    assertEquals(await collect(results), [10, 20]);
  });

  virtualTest(
    `Group.${method}() is over when its time is, which is for all results together`,
    async () => {
      for (const make of [() => 25, () => new Timeout(25)]) {
        const began = now();
        const group = new Group();
        const timeout = make();
        const results = group[method](sleepFor, [10, 20, 30], { timeout });
        await sleep(5); // it begins when the first result is asked for
        assertEquals([(await results.next()).value, (await results.next()).value], [10, 20]);
        const error = await assertRejects(() => results.next(), Timeout);
        assertEquals([now() - began, error.ms, error === timeout], [30, 25, timeout !== 25]);
        await turns();
        assertEquals([group.size, (await results.next()).done], [0, true]);
      }
    },
  );

  virtualTest(`Group.${method}() stops its Timeout when a loop ends with an error`, async () => {
    using _reports = collectReports();
    const timeout = new Timeout(25);
    const failing = async (ms: number): Promise<number> => {
      if (await sleepFor(ms) === 10) throw new RangeError("failed");
      return ms;
    };
    const results = new Group()[method](failing, [5, 10, 20, 30], { timeout });
    const seen: number[] = [];
    await assertRejects(async () => {
      for await (const result of results) {
        seen.push(result);
        assert(timeout.pending);
      }
    }, RangeError);
    assertEquals([seen, timeout.pending], [[5], false]);
    assertEquals((await results.next()).value, 20);
    const error = await assertRejects(() => results.next()); // its time has gone on
    assertEquals([error === timeout, now()], [true, 25]);
  });

  virtualTest(`Group.${method}() gives results that are there when its time is over`, async () => {
    const results = new Group()[method](sleepFor, [1, 2, 3], { timeout: 10 });
    const seen: number[] = [];
    for await (const result of results) {
      seen.push(result);
      await sleep(20);
    }
    assertEquals(seen, [1, 2, 3]);
  });

  virtualTest(`Group.${method}() is over when its signal is aborted`, async () => {
    const group = new Group();
    const controller = new AbortController();
    const { signal } = controller;
    const results = group[method](sleepFor, [1, 100, 100], { signal });
    await results.next();
    controller.abort(new RangeError("enough"));
    await assertRejects(() => results.next(), RangeError, "enough");
    await turns();
    assertEquals([group.size, now()], [0, 1]);
    let begun = 0;
    const others = group[method](() => begun++, [1], { signal });
    await assertRejects(() => others.next(), RangeError, "enough");
    assertEquals(begun, 0);
  });

  virtualTest(`Group.${method}() gives nothing more once it was closed`, async () => {
    const results = new Group()[method](sleepFor, [1, 2, 3]);
    await results.next();
    await sleep(10); // the others have finished
    await results.return!();
    assertEquals(await results.next(), { done: true, value: undefined });
  });

  virtualTest(`Group.${method}() goes over a string as over other iterables`, async () => {
    assertEquals(await collect(new Group()[method]((c: string) => c + c, "ab")), ["aa", "bb"]);
  });

  virtualTest(`Group.${method}() kills what it has begun when its reader is killed`, async () => {
    using _ = collectReports();
    for (const exception of [undefined, new Error("killed"), new Timeout(5)]) {
      const pool = new Pool(2);
      const ended: number[] = [];
      const results = pool[method](async (n: number) => {
        try {
          await sleep(n);
        } finally {
          ended.push(n);
        }
      }, [1000, 2000, 3000]);
      const reader = spawn(async () => {
        for await (const _ of results) continue;
      });
      await turns();
      await reader.kill(exception);
      await pool.join();
      assertEquals([ended, pool.freeCount, now()], [[1000, 2000], 2, 0]);
      assertEquals(await results.next(), { done: true, value: undefined });
    }
  });

  virtualTest(
    `Group.${method}() kills what it has begun when the task group of its reader fails`,
    async () => {
      const pool = new Pool(1);
      const error = await assertRejects(() =>
        TaskGroup.run(async (group) => {
          group.spawn(() => sleep(5).then(() => Promise.reject(new RangeError("sibling"))));
          for await (const _ of pool[method](sleepFor, [1000])) continue;
        })
      );
      await pool.join();
      assertEquals([error instanceof RangeError, now()], [true, 5]);
    },
  );

  virtualTest(`Group.${method}() goes on for other readers when one is killed`, async () => {
    const group = new Group();
    const results = group[method](sleepFor, [10, 20, 30]);
    const seen: number[] = [];
    const readers = [1, 2].map(() =>
      spawn(async () => {
        for (;;) {
          const { done, value } = await results.next();
          if (done) return;
          seen.push(value);
        }
      })
    );
    await sleep(15);
    await readers[0]!.kill();
    await sleep(10);
    assertEquals([seen, group.size], [[10, 20], 1]);
    await readers[1]!.kill();
    await group.join();
    assertEquals(now(), 25, "The last reader has taken it along");
  });

  virtualTest(`Group.${method}() may be continued after a Timeout of any kind`, async () => {
    const results = new Group()[method](sleepFor, [10, 20]);
    const timeouts = [
      new Timeout(5),
      new Timeout(1, new Error("text")),
      new Timeout(1, RangeError),
    ];
    for (const timeout of timeouts) {
      assertStrictEquals(
        await assertRejects(() => withTimeout(timeout, () => results.next())),
        timeout.raised,
      );
    }
    assertEquals(await collect(results), [10, 20]);
  });

  virtualTest(`Group.${method}() is closed at the end of an await using block`, async () => {
    const group = new Group();
    {
      await using results = group[method](sleepFor, [1, 1000]) as
        & AsyncIterableIterator<number>
        & AsyncDisposable;
      await results.next();
    }
    await turns();
    assertEquals([group.size, now()], [0, 1]);
  });

  virtualTest(`Group.${method}() refuses what it cannot use`, () => {
    const group = new Group();
    for (const maxsize of [0, -1, 1.5, NaN]) {
      assertThrows(() => group[method](sleepFor, [], { maxsize }), RangeError, `${maxsize}`);
    }
    for (const items of [undefined, 5, {}]) {
      assertThrows(() => group[method](sleepFor, items as never), TypeError, "not iterable");
    }
    assertThrows(() => group[method]("x" as never, []), TypeError, "must be a function");
  });
}

virtualTest(
  "Group.imap() throws the error of the iterable after the results before it",
  async () => {
    function* broken(): Generator<number> {
      yield 20;
      yield 10;
      throw new Error("broken items");
    }
    const seen: number[] = [];
    await assertRejects(
      async () => {
        for await (const n of new Group().imap(sleepFor, broken())) seen.push(n);
      },
      Error,
      "broken items",
    );
    assertEquals(seen, [20, 10]);
  },
);

virtualTest("Group.imap() gives a GreenletExit for a call that was killed", async () => {
  const group = new Group();
  const results = spawn(() => collect(group.imap(sleepFor, [5, 1000, 10])));
  await turns();
  const [, second] = group as Iterable<Greenlet>;
  second!.throw();
  const values = await results.get() as unknown[];
  assertEquals([values[0], (values[1] as Error).name, values[2]], [5, "GreenletExit", 10]);
});

virtualTest("Group.map() gives the list in the order of the items", async () => {
  assertEquals(await new Group().map(sleepFor, new Set([20, 10, 30])), [20, 10, 30]);
  assertEquals(await new Group().map((n: number) => n + 1, []), []);
});

virtualTest("Group.map() throws the first error in the order of the items", async () => {
  using _ = collectReports();
  const group = new Group();
  const fail = (ms: number): Promise<never> =>
    sleep(ms).then(() => Promise.reject(new Error(`after ${ms}`)));
  await assertRejects(() => group.map(fail, [20, 10]), Error, "after 20");
});

virtualTest(
  "Group.map() leaves nothing running when a call fails or the caller is killed",
  async () => {
    using _ = collectReports();
    const pool = new Pool(2);
    let finished = 0;
    const work = async (n: number): Promise<void> => {
      await sleep(n);
      if (n === 5) throw new Error("five");
      finished++;
    };
    await assertRejects(() => pool.map(work, [5, 100, 100, 100]), Error, "five");
    await turns();
    assertEquals([pool.size, pool.freeCount], [0, 2]);
    const killed = spawn(() => pool.map(work, [100, 100, 100]));
    await turns();
    await killed.kill();
    await turns();
    assertEquals([pool.size, pool.freeCount, finished], [0, 2, 0]);
    assert(killed.dead);
  },
);

virtualTest("Group.map() kills what still runs for it when its time is over", async () => {
  const pool = new Pool(2);
  const slow = (n: number): Promise<number> => sleepFor(100 * n);
  await assertRejects(() => pool.map(slow, [1, 2, 3], { timeout: 150 }), Timeout, "150 ms");
  assertEquals(now(), 150);
  await turns();
  assertEquals([pool.size, pool.freeCount], [0, 2]);
  const signal = AbortSignal.abort(new RangeError("enough"));
  await assertRejects(() => pool.map(slow, [1], { signal }), RangeError, "enough");
  assertEquals(pool.size, 0);
});

virtualTest("Group.mapAsync() ends with the Timeout when its time is over", async () => {
  using reports = collectReports();
  const group = new Group();
  const mapped = group.mapAsync(sleepFor, [1, 100], { timeout: 10 });
  await sleep(5);
  assertEquals(mapped.ready, false);
  await assertRejects(() => mapped.get(), Timeout, "10 ms");
  await turns();
  assertEquals([group.size, now(), reports.list.length], [0, 10, 1]);
  assertThrows(() => group.mapAsync(sleepFor, 5 as never), TypeError, "received 5");
  assertThrows(() => group.mapAsync(5 as never, []), TypeError, "received 5");
});
