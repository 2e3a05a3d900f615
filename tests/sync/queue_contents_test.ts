import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { Deque } from "../../core/deque.ts";
import { hub } from "../../core/scheduler.ts";
import { spawn } from "../../core/spawn.ts";
import { LifoQueue } from "../../sync/lifo_queue.ts";
import { PriorityQueue } from "../../sync/priority_queue.ts";
import { Queue } from "../../sync/queue.ts";
import { type QueueOptions, SimpleQueue } from "../../sync/simple_queue.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

const KINDS = [SimpleQueue, Queue, LifoQueue, PriorityQueue];

function drain<T>(queue: SimpleQueue<T>): T[] {
  const items: T[] = [];
  while (!queue.empty) items.push(queue.getNowait());
  return items;
}

for (const Kind of KINDS) {
  const { name } = Kind;

  Deno.test(`${name}.items lists what is in it, in the order in which it would come out`, () => {
    const queue = new Kind<number>({ items: [3, 1, 2, 1, 5, 4] });
    const listed = queue.items;
    listed.push(100);
    assertEquals([queue.qsize, queue.items], [6, drain(queue)]);
    assertEquals(queue.items, []);
  });

  Deno.test(`${name}.copy() makes another of the same class that is full of the same`, () => {
    const queue = new Kind<number>({ maxsize: 6, items: [3, 1, 2, 1, 5, 4] });
    const copy = queue.copy();
    assertEquals(copy.constructor, Kind);
    assertEquals([copy.maxsize, copy.full], [6, true]);
    queue.getNowait();
    assertEquals(copy.qsize, 6, "They share the items");
    copy.getNowait();
    for (const one of [queue, copy]) one.putNowait(0);
    assertEquals(drain(copy), drain(queue));
    assertEquals(new Kind<number>().copy().maxsize, Infinity);
  });

  virtualTest(`${name}.maxsize may be set, which lets those in who wait for room`, async () => {
    const queue = new Kind<number>({ maxsize: 1, items: [0] });
    const putters = [1, 2, 3].map((n) => spawn(() => queue.put(n)));
    await turns();
    queue.maxsize = 3;
    assertEquals([queue.qsize, queue.full, queue.waiting.putters], [3, true, 1]);
    await turns();
    assertEquals(putters.map((putter) => putter.ready), [true, true, false]);
    hub.enqueueCallback(() => queue.maxsize = null);
    await turns();
    assertEquals([queue.maxsize, queue.qsize, queue.full], [Infinity, 4, false]);
    assert(putters[2]!.ready);
    queue.maxsize = 2;
    assertEquals([queue.maxsize, queue.qsize, queue.full], [2, 4, true], "What is in it stays");
    queue.maxsize = 0;
    assertEquals(queue.maxsize, Infinity);
  });

  Deno.test(`${name}.maxsize refuses what is no limit`, () => {
    const queue = new Kind<number>({ maxsize: 2 });
    for (const maxsize of [-1, 1.5, NaN, "2"]) {
      const set = (): void => void (queue.maxsize = maxsize as number);
      assertThrows(set, RangeError, `received ${Deno.inspect(maxsize)}`);
    }
    assertEquals(queue.maxsize, 2);
  });

  Deno.test(`${name} refuses options that are none`, () => {
    for (const options of [5, null, "x"]) {
      assertThrows(() => new Kind(options as never), TypeError, Deno.inspect(options));
    }
    assertThrows(
      () => new Kind({ items: 5 as never }),
      TypeError,
      "'items' as it must be iterable",
    );
  });
}

for (const Kind of [Queue, LifoQueue, PriorityQueue]) {
  virtualTest(`${Kind.name} begins with as many unfinished tasks as it is told to`, async () => {
    const queue = new Kind<number>({ items: [1, 2], unfinishedTasks: 1 });
    const joined = spawn(() => queue.join());
    await turns();
    assertEquals([queue.unfinishedTasks, joined.ready], [1, false]);
    queue.taskDone();
    assertEquals(await joined.get(), true);
    assertThrows(() => queue.taskDone(), RangeError);
    assertEquals(new Kind<number>({ items: [1, 2] }).unfinishedTasks, 2);
    for (const unfinishedTasks of [-1, 0.5, NaN, "1"]) {
      const make = (): Queue<number> => new Kind<number>({ unfinishedTasks } as never);
      assertThrows(make, RangeError, `received ${Deno.inspect(unfinishedTasks)}`);
    }
  });

  Deno.test(`${Kind.name}.copy() has as many unfinished tasks, and is not shut down`, () => {
    const queue = new Kind<number>({ items: [1, 2, 3] });
    queue.taskDone();
    queue.shutdown();
    const copy = queue.copy();
    assertEquals([copy.unfinishedTasks, copy.isShutdown, copy.qsize], [2, false, 3]);
  });
}

Deno.test("PriorityQueue.copy() keeps the order, and that of equal items", () => {
  const compare = (a: [number, string], b: [number, string]): number => b[0] - a[0];
  const items: [number, string][] = [[1, "a"], [2, "b"], [1, "c"], [2, "d"], [1, "e"]];
  const copy = new PriorityQueue({ items, compare }).copy();
  copy.putNowait([2, "f"]);
  assertEquals(copy.items.map(([, name]) => name).join(""), "bdface");
  assertEquals(drain(copy).map(([, name]) => name).join(""), "bdface");
});

Deno.test("Queue.copy() makes one of a subclass, which may say how", () => {
  class Named extends Queue<number> {
    readonly name: string;
    constructor(options: QueueOptions<number> & { name?: string }) {
      super(options);
      this.name = options.name ?? "unnamed";
    }
    protected override copyOptions(): QueueOptions<number> {
      return { ...super.copyOptions(), name: this.name } as QueueOptions<number>;
    }
  }
  const copy = new Named({ items: [1], name: "work" }).copy();
  assertInstanceOf(copy, Named);
  assertEquals([copy.name, copy.items], ["work", [1]]);
});

Deno.test("Queue.copy() refuses to lose anything, and Queue.items to guess", () => {
  class Own extends Queue<number> {
    constructor() {
      super({ maxsize: 3 });
    }
  }
  const own = new Own();
  own.putNowait(1);
  assertThrows(() => own.copy(), TypeError, "Cannot copy <Own");
  class Hidden extends SimpleQueue<number> {
    constructor(options: QueueOptions<number>) {
      const items = new Deque<number>();
      super(options, {
        get size() {
          return items.size;
        },
        push: (item) => items.push(item),
        shift: () => items.shift(),
        at: (index) => items.at(index),
      });
    }
  }
  const hidden = new Hidden({ items: [1] });
  assertThrows(() => hidden.items, TypeError, "Cannot list the items of <Hidden");
  assertThrows(() => hidden.copy(), TypeError, "Cannot list the items of <Hidden");
});

Deno.test("SimpleQueue refuses a store that is none", () => {
  class Broken extends SimpleQueue<number> {
    constructor(store: unknown) {
      super({}, store as never);
    }
  }
  for (const store of [5, {}, { push() {}, shift() {} }]) {
    assertThrows(() => new Broken(store), TypeError, Deno.inspect(store));
  }
});

virtualTest("Queue.shutdown() refuses options that are none, and goes on", async () => {
  const queue = new Queue<number>({ items: [1] });
  for (const options of [true, null, 5]) {
    assertThrows(() => queue.shutdown(options as never), TypeError, Deno.inspect(options));
  }
  assertEquals([queue.isShutdown, await queue.get()], [false, 1]);
});
