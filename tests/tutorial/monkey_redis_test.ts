import { assertEquals } from "@std/assert";
import monkeyRedis from "../../examples/tutorial/monkey_redis.ts";
import { eventually } from "../helpers/io_test.ts";
import { lines, printed } from "../helpers/printed.ts";
import { redisTest } from "../helpers/redis_contract.ts";

redisTest("monkey_redis: one line makes the binding cooperate", async ({ port }, observer) => {
  const { stdout } = await printed(() => monkeyRedis(port));
  assertEquals(
    stdout,
    lines(`
      Worker got one
      Worker got two
      Worker got three
      Nobody has sent a fourth
      Killed while it waited, and the next one gets its answer: PONG
    `),
  );
  await eventually(async () => await observer.connections() === 0);
  assertEquals(await observer.list("tutorial:jobs"), []);
});
