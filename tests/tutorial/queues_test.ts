import { assertEquals } from "@std/assert";
import boundedQueues from "../../examples/tutorial/bounded_queues.ts";
import queues from "../../examples/tutorial/queues.ts";
import { lines, printedVirtually } from "../helpers/printed.ts";

Deno.test("queues: workers take turns until the queue is empty", async () => {
  const { stdout } = await printedVirtually(queues);
  assertEquals(
    stdout,
    lines(`
      Worker steve got task 1
      Worker john got task 2
      Worker nancy got task 3
      Worker steve got task 4
      Worker john got task 5
      Worker nancy got task 6
      Worker steve got task 7
      Worker john got task 8
      Worker nancy got task 9
      Worker steve got task 10
      Worker john got task 11
      Worker nancy got task 12
      Worker steve got task 13
      Worker john got task 14
      Worker nancy got task 15
      Worker steve got task 16
      Worker john got task 17
      Worker nancy got task 18
      Worker steve got task 19
      Worker john got task 20
      Worker nancy got task 21
      Worker steve got task 22
      Worker john got task 23
      Worker nancy got task 24
      Quitting time!
      Quitting time!
      Quitting time!
    `),
  );
});

Deno.test("bounded_queues: the boss waits for the workers, and they for him", async () => {
  const { stdout, ms } = await printedVirtually(boundedQueues);
  assertEquals(
    stdout,
    lines(`
      Worker steve got task 1
      Worker john got task 2
      Worker bob got task 3
      Worker steve got task 4
      Worker john got task 5
      Worker bob got task 6
      Assigned all work in iteration 1
      Worker steve got task 7
      Worker john got task 8
      Worker bob got task 9
      Worker steve got task 10
      Worker john got task 11
      Worker bob got task 12
      Worker steve got task 13
      Worker john got task 14
      Worker bob got task 15
      Worker steve got task 16
      Worker john got task 17
      Worker bob got task 18
      Assigned all work in iteration 2
      Worker steve got task 19
      Quitting time!
      Quitting time!
      Quitting time!
    `),
  );
  assertEquals(ms, 1000);
});
