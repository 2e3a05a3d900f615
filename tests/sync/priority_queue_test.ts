import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { spawn } from "../../core/spawn.ts";
import { PriorityQueue } from "../../sync/priority_queue.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

function drain<T>(queue: PriorityQueue<T>): T[] {
  return Array.from({ length: queue.qsize }, () => queue.getNowait());
}

Deno.test("PriorityQueue gives the smallest item first, whatever the order of putting", () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { maxLength: 60 }), fc.nat(60), (numbers, split) => {
      const queue = new PriorityQueue({ items: numbers.slice(0, split) });
      for (const n of numbers.slice(split)) queue.putNowait(n);
      assertEquals(drain(queue), numbers.toSorted((a, b) => a - b));
    }),
    { numRuns: 200 },
  );
});

Deno.test("PriorityQueue gives equal items in the order in which they were put", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5), { maxLength: 60 }), (priorities) => {
      const items = priorities.map((priority, order) => ({ priority, order }));
      const queue = new PriorityQueue<{ priority: number; order: number }>({
        compare: (a, b) => a.priority - b.priority,
        items,
      });
      assertEquals(drain(queue), items.toSorted((a, b) => a.priority - b.priority));
    }),
    { numRuns: 200 },
  );
});

Deno.test("PriorityQueue compares numbers, strings, dates, and arrays item by item", () => {
  assertEquals(drain(new PriorityQueue({ items: ["b", "a", "c"] })), ["a", "b", "c"]);
  assertEquals(drain(new PriorityQueue({ items: [3n, 1n, 2n] })), [1n, 2n, 3n]);
  const [early, late] = [new Date(1), new Date(2)];
  assertEquals(drain(new PriorityQueue({ items: [late, early] })), [early, late]);
  const tuples: [number, string][] = [[2, "a"], [1, "z"], [1, "b"]];
  assertEquals(drain(new PriorityQueue({ items: tuples })), [[1, "b"], [1, "z"], [2, "a"]]);
  assertEquals(drain(new PriorityQueue({ items: [[1, 2], [1]] })), [[1], [1, 2]]);
});

virtualTest(
  "PriorityQueue tells the putter when an item cannot be compared, and keeps the others",
  async () => {
    const queue = new PriorityQueue<unknown>({ items: [2, 1] });
    for (const item of [{}, "text", null, [1]]) {
      assertThrows(() => queue.putNowait(item), TypeError, "Cannot compare as priorities");
      await assertRejects(() => queue.put(item), TypeError, "Cannot compare as priorities");
    }
    assertEquals([queue.unfinishedTasks, drain(queue)], [2, [1, 2]]);
  },
);

virtualTest("PriorityQueue loses nothing when comparing fails as an item is taken", async () => {
  let broken = false;
  const queue = new PriorityQueue<number>({
    compare: (a, b) => {
      if (broken) throw new Error("cannot compare now");
      return a - b;
    },
    items: [3, 1, 2, 5, 4],
  });
  broken = true;
  assertThrows(() => queue.getNowait(), Error, "cannot compare now");
  await assertRejects(() => queue.get(), Error, "cannot compare now");
  broken = false;
  assertEquals(drain(queue), [1, 2, 3, 4, 5]);
});

Deno.test("PriorityQueue refuses a compare that cannot be called", () => {
  assertThrows(() => new PriorityQueue({ compare: 1 as never }), TypeError, "must be a function");
});

virtualTest(
  "PriorityQueue lets the item of a blocked putter overtake when it comes in",
  async () => {
    const queue = new PriorityQueue<number>({ maxsize: 2, items: [5, 6] });
    const putter = spawn(() => queue.put(1));
    await turns();
    assertEquals([queue.peekNowait(), await queue.get(), await queue.get(), await queue.get()], [
      5,
      5,
      1,
      6,
    ]);
    await putter.join();
  },
);

virtualTest("PriorityQueue hands an item to the getter that waits", async () => {
  const queue = new PriorityQueue<number>();
  const getters = [spawn(() => queue.get()), spawn(() => queue.get())];
  await turns();
  queue.putNowait(2);
  queue.putNowait(1);
  assertEquals([await getters[0]!.get(), await getters[1]!.get()], [2, 1]);
});
