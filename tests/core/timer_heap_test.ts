import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Timer, TimerHeap } from "../../core/timer_heap.ts";

const target = { fire(): void {} };

/** Takes all timers out, in the order in which they are due. */
function drain(heap: TimerHeap): Timer[] {
  const timers: Timer[] = [];
  for (let timer = heap.first; timer !== undefined; timer = heap.first) {
    timers.push(timer);
    heap.remove(timer);
  }
  return timers;
}

Deno.test("TimerHeap.first is the timer with the lowest priority number when several are due together", () => {
  const heap = new TimerHeap();
  const ordinary = heap.add(5, target);
  const urgent = heap.add(5, target, -1);
  const late = heap.add(5, target, 1);
  const earlier = heap.add(4, target, 9);
  assertEquals(drain(heap), [earlier, urgent, ordinary, late]);
});

Deno.test("TimerHeap.first is the oldest timer when time and priority are equal", () => {
  const heap = new TimerHeap();
  const timers = Array.from({ length: 50 }, () => heap.add(1, target));
  assertEquals(drain(heap), timers);
});

Deno.test("TimerHeap.remove() does nothing when the timer has been removed", () => {
  const heap = new TimerHeap();
  const timer = heap.add(1, target);
  const other = heap.add(2, target);
  heap.remove(timer);
  heap.remove(timer);
  assertEquals([heap.size, heap.first, timer.index], [1, other, -1]);
});

Deno.test("TimerHeap.nextOrder is the order of the timer that is added next", () => {
  const heap = new TimerHeap();
  heap.add(1, target);
  const { nextOrder } = heap;
  assertEquals(heap.add(1, target).order, nextOrder);
});

Deno.test("TimerHeap gives timers in order when they are added and removed at random", () => {
  const entry = fc.record({
    deadline: fc.oneof(fc.nat(20), fc.constant(Infinity)),
    priority: fc.integer({ min: -1, max: 1 }),
    removed: fc.boolean(),
  });
  const before = (a: Timer, b: Timer): number =>
    (a.deadline === b.deadline ? 0 : a.deadline - b.deadline) || a.priority - b.priority ||
    a.order - b.order;
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 100, size: "max" }), (entries) => {
      const heap = new TimerHeap();
      const timers = entries.map((entry) => heap.add(entry.deadline, target, entry.priority));
      const kept = timers.filter((_, i) => !entries[i]!.removed);
      for (const timer of timers) if (!kept.includes(timer)) heap.remove(timer);
      assertEquals(new Set(heap), new Set(kept));
      for (const timer of heap) assertEquals([...heap][timer.index], timer);
      assertEquals(drain(heap), kept.sort(before));
    }),
    { numRuns: 200 },
  );
});
