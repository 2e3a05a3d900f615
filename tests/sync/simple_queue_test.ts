import { assertEquals, assertThrows } from "@std/assert";
import { spawn } from "../../core/spawn.ts";
import { SimpleQueue, StopIteration } from "../../sync/simple_queue.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

virtualTest("SimpleQueue gives items in the order in which they were put", async () => {
  const queue = new SimpleQueue<number>({ maxsize: 2, items: [1] });
  const producer = spawn(async () => {
    for (const n of [2, 3, 4]) await queue.put(n);
  });
  await turns();
  assertEquals([queue.full, queue.waiting], [true, { getters: 0, putters: 1 }]);
  const seen: number[] = [];
  for (let i = 0; i < 4; i++) seen.push(await queue.get());
  assertEquals(seen, [1, 2, 3, 4]);
  await producer.join();
});

virtualTest("SimpleQueue is gone over until StopIteration comes", async () => {
  const queue = new SimpleQueue<number | typeof StopIteration>({ items: [1, 2, StopIteration, 3] });
  const seen: number[] = [];
  for await (const n of queue) seen.push(n);
  assertEquals([seen, queue.getNowait()], [[1, 2], 3]);
});

Deno.test("SimpleQueue has neither tasks nor an end", () => {
  const queue = new SimpleQueue<number>();
  for (const name of ["taskDone", "join", "shutdown"]) assertEquals(name in queue, false);
  assertThrows(() => new SimpleQueue({ maxsize: 0.5 }), RangeError, "received 0.5");
});
