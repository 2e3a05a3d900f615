import { assertEquals, assertThrows } from "@std/assert";
import { spawn } from "../../core/spawn.ts";
import { LifoQueue } from "../../sync/lifo_queue.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

virtualTest("LifoQueue gives the newest item first, and shows it", async () => {
  const queue = new LifoQueue<number>({ items: [1, 2] });
  await queue.put(3);
  assertEquals([queue.peekNowait(), await queue.peek(), await queue.get()], [3, 3, 3]);
  assertEquals([queue.getNowait(), queue.getNowait(), queue.empty], [2, 1, true]);
});

virtualTest("LifoQueue takes the item of a blocked putter for the newest", async () => {
  const queue = new LifoQueue<number>({ maxsize: 1, items: [1] });
  const putters = [2, 3].map((n) => spawn(() => queue.put(n)));
  await turns();
  const taken: number[] = [];
  for (let i = 0; i < 3; i++) taken.push(await queue.get());
  assertEquals(taken, [1, 2, 3]);
  for (const putter of putters) await putter.join();
});

Deno.test("LifoQueue refuses a maxsize that is no limit, and counts tasks like any queue", () => {
  assertThrows(() => new LifoQueue({ maxsize: -1 }), RangeError, "received -1");
  const queue = new LifoQueue<number>({ items: [1, 2] });
  assertEquals([queue.unfinishedTasks, String(queue)], [
    2,
    "<LifoQueue size=2 getters=0 putters=0>",
  ]);
});
