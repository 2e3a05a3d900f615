import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BlockingSwitchOutError, Empty, Full, ShutDown } from "../../core/errors.ts";
import { joinAll } from "../../core/join.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Deque } from "../../core/deque.ts";
import { Queue } from "../../sync/queue.ts";
import { type QueueOptions, StopIteration } from "../../sync/simple_queue.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

Deno.test("Queue refuses a maxsize that is no limit", () => {
  for (const maxsize of [-1, 1.5, NaN, "2"]) {
    assertThrows(
      () => new Queue({ maxsize: maxsize as number }),
      RangeError,
      `received ${Deno.inspect(maxsize)}`,
    );
  }
});

virtualTest("Queue without a limit is never full", async () => {
  for (const maxsize of [undefined, null, 0, Infinity]) {
    const queue = new Queue<number>(maxsize === undefined ? {} : { maxsize });
    for (let i = 0; i < 1000; i++) await queue.put(i);
    assertEquals([queue.maxsize, queue.full, queue.qsize], [Infinity, false, 1000]);
  }
  assertEquals(new Queue().full, false);
});

virtualTest("Queue gives items in the order in which they were put", async () => {
  const queue = new Queue<number>({ maxsize: 2 });
  const producer = spawn(async () => {
    for (let i = 0; i < 10; i++) await queue.put(i);
  });
  const seen: number[] = [];
  for (let i = 0; i < 10; i++) seen.push(await queue.get());
  assertEquals(seen, [...Array(10).keys()]);
  await producer.join();
});

virtualTest("Queue hands items to getters in the order in which they came", async () => {
  const queue = new Queue<number>();
  const getters = [1, 2, 3].map(() => spawn(() => queue.get()));
  await turns();
  assertEquals(queue.waiting, { getters: 3, putters: 0 });
  for (const item of [10, 20, 30, 40]) queue.putNowait(item);
  await joinAll(getters);
  assertEquals([getters.map((getter) => getter.value), queue.qsize], [[10, 20, 30], 1]);
});

virtualTest(
  "Queue moves the items of blocked putters in, in order, when room is made",
  async () => {
    const queue = new Queue<string>({ maxsize: 2, items: ["a", "b"] });
    const order: string[] = [];
    const putters = ["c", "d", "e"].map((item) =>
      spawn(async () => {
        await queue.put(item);
        order.push(item);
      })
    );
    await turns();
    assertEquals(queue.waiting, { getters: 0, putters: 3 });
    assertEquals([queue.getNowait(), queue.qsize, order], ["a", 2, []]);
    await turns();
    assertEquals(order, ["c"]);
    assertEquals([queue.getNowait(), queue.getNowait()], ["b", "c"]);
    await joinAll(putters);
    assertEquals([order, queue.getNowait(), queue.getNowait(), queue.empty], [
      ["c", "d", "e"],
      "d",
      "e",
      true,
    ]);
  },
);

virtualTest(
  "Queue takes nobody's place when some waiters are killed, whatever their number",
  async () => {
    const queue = new Queue<number>();
    const getters = Array.from({ length: 6 }, () => spawn(() => queue.get()));
    await turns();
    for (const i of [0, 2, 5]) getters[i]!.throw();
    for (const item of [1, 2, 3, 4]) queue.putNowait(item);
    await joinAll(getters);
    assertEquals([1, 3, 4].map((i) => getters[i]!.value), [1, 2, 3]);
    assertEquals(queue.getNowait(), 4);

    const full = new Queue<number>({ maxsize: 1, items: [0] });
    const putters = [1, 2, 3].map((item) => spawn(() => full.put(item)));
    await turns();
    putters[0]!.throw();
    await putters[0]!.join();
    assertEquals([full.getNowait(), full.getNowait(), full.getNowait(), full.empty], [
      0,
      2,
      3,
      true,
    ]);
    await joinAll(putters);
  },
);

virtualTest("Queue.put() and Queue.get() throw at once when told not to block", async () => {
  const queue = new Queue<number>({ maxsize: 1 });
  const now = { block: false };
  await assertRejects(() => queue.get(now), Empty);
  await assertRejects(() => queue.peek(now), Empty);
  await queue.put(1, now);
  await assertRejects(() => queue.put(2, now), Full);
  assertEquals([await queue.peek(now), await queue.get(now)], [1, 1]);
  assertThrows(() => queue.getNowait(), Empty);
  assertThrows(() => queue.peekNowait(), Empty);
  queue.putNowait(3);
  assertThrows(() => queue.putNowait(4), Full);
  assertEquals([queue.peekNowait(), queue.getNowait()], [3, 3]);
});

virtualTest(
  "Queue.putNowait() and Queue.getNowait() work in the hub, and wake who waits",
  async () => {
    const queue = new Queue<string>({ maxsize: 1 });
    const getter = spawn(() => queue.get());
    await turns();
    let got = "";
    hub.enqueueCallback(() => queue.putNowait("from the hub"));
    await turns();
    assertEquals(await getter.get(), "from the hub");
    queue.putNowait("first");
    const putter = spawn(() => queue.put("second"));
    await turns();
    let refused: unknown;
    hub.enqueueCallback(() => {
      got = queue.getNowait();
      queue.get().catch((error) => refused = error);
    });
    await putter.join();
    assertEquals([got, queue.getNowait()], ["first", "second"]);
    assert(refused instanceof BlockingSwitchOutError);
  },
);

virtualTest("Queue.peek() shows the same item to all who wait, and leaves it", async () => {
  const queue = new Queue<string>();
  const peekers = [1, 2].map(() => spawn(() => queue.peek()));
  const getter = spawn(() => queue.get());
  await turns();
  queue.putNowait("item");
  await joinAll([...peekers, getter]);
  assertEquals([peekers.map((p) => p.value), getter.value, queue.empty], [
    ["item", "item"],
    "item",
    true,
  ]);
});

virtualTest(
  "Queue may hold more than its maxsize from the start, and waits until there is room",
  async () => {
    const queue = new Queue<number>({ maxsize: 1, items: [1, 2, 3] });
    assertEquals([queue.qsize, queue.full, queue.unfinishedTasks], [3, true, 3]);
    const putter = spawn(() => queue.put(4));
    const taken: number[] = [];
    for (let i = 0; i < 2; i++) {
      await turns();
      assertEquals(putter.ready, false);
      taken.push(await queue.get());
    }
    taken.push(await queue.get(), await queue.get());
    assertEquals(taken, [1, 2, 3, 4]);
    await putter.join();
  },
);

virtualTest(
  "Queue.join() waits until all items are done, those from the start included",
  async () => {
    const queue = new Queue<number>({ items: [1, 2] });
    await queue.put(3);
    const joiners = [1, 2].map(() => spawn(() => queue.join()));
    for (let i = 0; i < 3; i++) {
      await queue.get();
      await sleep(10);
      assertEquals(joiners[0]!.ready, false);
      queue.taskDone();
    }
    assertEquals([await joiners[0]!.get(), await joiners[1]!.get(), now()], [true, true, 30]);
    assertEquals(await queue.join(), true);
    assertThrows(() => queue.taskDone(), RangeError, "too many times");
  },
);

virtualTest("Queue.put() counts a task only once its item is in", async () => {
  const queue = new Queue<number>({ maxsize: 1, items: [1] });
  const putter = spawn(() => queue.put(2));
  const killed = spawn(() => queue.put(3));
  await turns();
  await killed.kill();
  assertEquals(queue.unfinishedTasks, 1);
  queue.getNowait();
  assertEquals(queue.unfinishedTasks, 2);
  await putter.join();
});

virtualTest("Queue.shutdown() wakes all who wait to get, peek or put", async () => {
  const empty = new Queue<number>();
  const full = new Queue<number>({ maxsize: 1, items: [1] });
  const waiting = [() => empty.get(), () => empty.peek(), () => full.put(2)]
    .flatMap((call) => [spawn(() => call().catch((e) => e)), spawn(() => call().catch((e) => e))]);
  const joiner = spawn(() => full.join());
  await turns();
  empty.shutdown();
  full.shutdown();
  await joinAll(waiting);
  for (const greenlet of waiting) assert(greenlet.value instanceof ShutDown);
  assertEquals([empty.isShutdown, joiner.ready, full.qsize], [true, false, 1]);
  assertEquals(await full.get(), 1);
  full.taskDone();
  assertEquals(await joiner.get(), true);
});

virtualTest("Queue.shutdown() lets what is left be taken, and nothing more be put", async () => {
  const queue = new Queue<number>({ items: [1, 2] });
  queue.shutdown();
  queue.shutdown();
  await assertRejects(() => queue.put(3), ShutDown);
  assertThrows(() => queue.putNowait(3), ShutDown);
  assertEquals([await queue.peek(), await queue.get(), queue.getNowait()], [1, 1, 2]);
  await assertRejects(() => queue.get(), ShutDown);
  await assertRejects(() => queue.peek(), ShutDown);
  await assertRejects(() => queue.get({ block: false }), ShutDown);
  assertThrows(() => queue.getNowait(), ShutDown);
  assertThrows(() => queue.peekNowait(), ShutDown);
});

virtualTest(
  "Queue.shutdown() drops what is left and counts it as done when that is to be immediate",
  async () => {
    const queue = new Queue<number>({ maxsize: 2, items: [1, 2, 3] });
    const joiner = spawn(() => queue.join());
    const putter = spawn(() => queue.put(4).catch((error) => error));
    await turns();
    await queue.get();
    queue.shutdown({ immediate: true });
    await turns();
    assertEquals([queue.qsize, queue.unfinishedTasks, joiner.ready], [0, 1, false]);
    assert(putter.value instanceof ShutDown);
    queue.taskDone();
    assertEquals(await joiner.get(), true);
    await assertRejects(() => queue.get(), ShutDown);
  },
);

virtualTest("Queue is gone over until it is shut down and empty", async () => {
  const queue = new Queue<number>();
  const greenlet = spawn(async () => {
    const seen: number[] = [];
    for await (const n of queue) seen.push(n);
    return seen;
  });
  for (const n of [1, 2, 3]) {
    await queue.put(n);
    await turns();
  }
  queue.putNowait(4);
  queue.shutdown();
  assertEquals(await greenlet.get(), [1, 2, 3, 4]);
});

virtualTest("Queue is gone over until StopIteration comes", async () => {
  const queue = new Queue<number | typeof StopIteration>({ items: [1, StopIteration, 2] });
  const seen: number[] = [];
  for await (const n of queue) seen.push(n);
  assertEquals([seen, await queue.get()], [[1], 2]);
});

virtualTest("Queue is left alone when the greenlet that goes over it is killed", async () => {
  const queue = new Queue<number>();
  const greenlet = spawn(async () => {
    for await (const _ of queue) continue;
  });
  await turns();
  await greenlet.kill();
  queue.putNowait(1);
  assertEquals([queue.qsize, queue.waiting], [1, { getters: 0, putters: 0 }]);
});

virtualTest("Queue keeps its items in the store that a subclass passes", async () => {
  class Stack extends Queue<number> {
    constructor(options: QueueOptions<number>) {
      const items: number[] = [];
      super(options, {
        get size() {
          return items.length;
        },
        push: (item) => void items.push(item),
        shift: () => items.pop(),
        at: () => items.at(-1),
      });
    }
  }
  const stack = new Stack({ maxsize: 2 });
  await stack.put(1);
  await stack.put(2);
  const putter = spawn(() => stack.put(3));
  await turns();
  assertEquals([stack.full, stack.peekNowait(), stack.getNowait()], [true, 2, 2]);
  assertEquals([await stack.get(), await stack.get(), stack.empty], [3, 1, true]);
  const peeker = spawn(() => stack.peek());
  const getter = spawn(() => stack.get());
  await turns();
  stack.putNowait(4);
  assertEquals([await peeker.get(), await getter.get()], [4, 4]);
  await putter.join();
  assertEquals(String(stack), "<Stack maxsize=2 size=0 getters=0 putters=0>");
});

virtualTest("Queue tells the putter when storing an item fails, and counts no task", async () => {
  class Picky extends Queue<number> {
    constructor(options: QueueOptions<number>) {
      const items = new Deque<number>();
      super(options, {
        get size() {
          return items.size;
        },
        push: (item) => {
          if (item < 0) throw new Error(`Cannot store ${item}`);
          items.push(item);
        },
        shift: () => items.shift(),
        at: (index) => items.at(index),
      });
    }
  }
  const queue = new Picky({ maxsize: 1 });
  assertThrows(() => queue.putNowait(-1), Error, "Cannot store -1");
  await assertRejects(() => queue.put(-2), Error, "Cannot store -2");
  assertEquals([queue.unfinishedTasks, queue.qsize], [0, 0]);
  await queue.put(1);
  const putters = [-3, 2].map((item) =>
    spawn(() => queue.put(item).catch((error) => error.message))
  );
  await turns();
  assertEquals([await queue.get(), await queue.get(), queue.unfinishedTasks], [1, 2, 2]);
  assertEquals([await putters[0]!.get(), await putters[1]!.get()], ["Cannot store -3", undefined]);
});

virtualTest("Queue says how it stands", async () => {
  const queue = new Queue<number>();
  assertEquals(String(queue), "<Queue size=0 getters=0 putters=0>");
  const getter = spawn(() => queue.get());
  await turns();
  assertEquals(String(queue), "<Queue size=0 getters=1 putters=0>");
  await getter.kill();
});
