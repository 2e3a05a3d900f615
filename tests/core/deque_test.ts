import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Deque } from "../../core/deque.ts";

Deno.test("Deque.shift() gives items in the order they were pushed when it wraps and grows", () => {
  const deque = new Deque<number>();
  const seen: (number | undefined)[] = [];
  let next = 0;
  for (let round = 0; round < 200; round++) {
    for (let i = 0; i < 3; i++) deque.push(next++);
    for (let i = 0; i < 2; i++) seen.push(deque.shift());
  }
  while (deque.size > 0) seen.push(deque.shift());
  assertEquals(seen, Array.from({ length: 600 }, (_, i) => i));
});

Deno.test("Deque.shift() and Deque.pop() give undefined when it is empty", () => {
  const deque = new Deque<number>();
  assertEquals([deque.shift(), deque.pop(), deque.size], [undefined, undefined, 0]);
});

Deno.test("Deque.shift() still works after it has given memory back", () => {
  const deque = new Deque<number>();
  const many = 70_000;
  for (let i = 0; i < many; i++) deque.push(i);
  for (let i = 0; i < many; i++) assertEquals(deque.shift(), i);
  deque.push(1);
  assertEquals([deque.shift(), deque.size], [1, 0]);
});

Deno.test("Deque.removeAt() takes nothing when there is no such position", () => {
  const deque = new Deque<string>();
  deque.push("a");
  deque.push("b");
  assertEquals([deque.removeAt(-1), deque.removeAt(2)], [undefined, undefined]);
  assertEquals([...deque], ["a", "b"]);
});

Deno.test("Deque.clear() drops all items and leaves it usable", () => {
  const deque = new Deque<number>();
  for (let i = 0; i < 50; i++) deque.push(i);
  deque.clear();
  assertEquals([deque.size, deque.at(0)], [0, undefined]);
  deque.push(7);
  assertEquals([...deque], [7]);
});

Deno.test("Deque behaves like an array when operations come in any order", () => {
  const operation = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("push"), n: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("shift"), n: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("pop"), n: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("removeAt"), n: fc.nat(40) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("at"), n: fc.integer({ max: 40 }) }) },
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200, size: "max" }), (operations) => {
      const deque = new Deque<number>();
      const array: number[] = [];
      for (const { kind, n } of operations) {
        if (kind === "push") {
          deque.push(n);
          array.push(n);
        } else if (kind === "shift") {
          assertEquals(deque.shift(), array.shift());
        } else if (kind === "pop") {
          assertEquals(deque.pop(), array.pop());
        } else if (kind === "removeAt") {
          assertEquals(deque.removeAt(n), array.splice(n, 1)[0]);
        } else {
          assertEquals(deque.at(n), array[n]);
        }
        assertEquals(deque.size, array.length);
      }
      assertEquals([...deque], array);
    }),
    { numRuns: 200 },
  );
});
