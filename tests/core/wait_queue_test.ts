import { assertEquals, assertStrictEquals } from "@std/assert";
import type { Greenlet } from "../../core/greenlet.ts";
import { spawn } from "../../core/spawn.ts";
import { parkWait } from "../../core/suspend.ts";
import { WaitQueue } from "../../core/wait_queue.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

const KIND = { name: "test" };

/** Greenlets that stand in line, in this order. */
async function standing(queue: WaitQueue<string>, count: number): Promise<Greenlet<unknown>[]> {
  const greenlets = Array.from(
    { length: count },
    () =>
      spawn(() =>
        parkWait<string>((wait) => queue.add(wait), undefined, KIND).catch((error) => error)
      ),
  );
  await turns();
  assertEquals(queue.size, count);
  return greenlets;
}

virtualTest(
  "WaitQueue.resumeFirst() wakes who came first and says when nobody is there",
  async () => {
    const queue = new WaitQueue<string>();
    const greenlets = await standing(queue, 2);
    assertEquals(
      [queue.resumeFirst("one"), queue.resumeFirst("two"), queue.resumeFirst("three")],
      [true, true, false],
    );
    assertEquals(await Promise.all(greenlets.map((g) => g.get())), ["one", "two"]);
    assertEquals([queue.size, queue.first], [0, null]);
  },
);

virtualTest("WaitQueue.resumeAll() wakes everybody in order and says how many", async () => {
  const queue = new WaitQueue<string>();
  const order: unknown[] = [];
  const greenlets = await standing(queue, 3);
  for (const greenlet of greenlets) greenlet.rawlink((g) => order.push(g));
  assertEquals([queue.resumeAll("all"), queue.resumeAll("none")], [3, 0]);
  await turns();
  assertEquals(order, greenlets);
});

virtualTest("WaitQueue.failAll() wakes everybody with an error of their own", async () => {
  const queue = new WaitQueue<string>();
  const greenlets = await standing(queue, 2);
  assertEquals(queue.failAll(() => new Error("over")), 2);
  const [first, second] = await Promise.all(greenlets.map((g) => g.get())) as Error[];
  assertEquals([first!.message, second!.message, first === second], ["over", "over", false]);
});

virtualTest("WaitQueue keeps its order when somebody leaves from any place", async () => {
  for (const leaving of [0, 1, 2]) {
    const queue = new WaitQueue<string>();
    const greenlets = await standing(queue, 3);
    await greenlets[leaving]!.kill();
    assertEquals(queue.size, 2);
    const left = greenlets.filter((_, i) => i !== leaving);
    for (const [i] of left.entries()) queue.resumeFirst(String(i));
    assertEquals(await Promise.all(left.map((g) => g.get())), ["0", "1"]);
    assertStrictEquals(queue.first, null);
  }
});

virtualTest("WaitQueue.remove() ignores a wait that is not in it", async () => {
  const queue = new WaitQueue<string>();
  const other = new WaitQueue<string>();
  const [greenlet] = await standing(queue, 1);
  other.remove(queue.first!);
  assertEquals([queue.size, other.size], [1, 0]);
  queue.resumeFirst("value");
  assertEquals(await greenlet!.get(), "value");
});
