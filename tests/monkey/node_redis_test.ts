import { assertEquals, assertThrows } from "@std/assert";
// @ts-types="../helpers/node_redis.d.ts"
import { type Client, createClient, createClientPool, RESP_TYPES } from "redis";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { greenNodeRedis } from "../../monkey/green_node_redis.ts";
import { eventually } from "../helpers/io_test.ts";
import { redisTest, testRedisLibrary } from "../helpers/redis_contract.ts";
import type { RedisObserver } from "../helpers/redis_server.ts";

function makeClient(port: number): Client {
  return createClient({ socket: { port, host: "127.0.0.1", reconnectStrategy: () => 5 } });
}

testRedisLibrary<Client>({
  name: "greenNodeRedis",
  async connect(port) {
    const redis = greenNodeRedis(makeClient(port));
    redis.on("error", () => {}); // connections are cut off on purpose
    return await redis.connect();
  },
  close: (redis) => redis.destroy(),
  send: (redis, ...words) => redis.sendCommand(words),
  pop: async (redis, key) => (await redis.blPop(key, 0))!.element,
  takes: {
    blPop: (redis) => redis.blPop("list", 0),
    BLPOP: (redis) => redis.BLPOP("list", 0),
    brPop: (redis) => redis.brPop(["none", "list"], 0),
    "blmPop LEFT": (redis) => redis.blmPop(0, "list", "LEFT", { COUNT: 2 }),
    "blmPop RIGHT": (redis) => redis.blmPop(0, "list", "RIGHT", { COUNT: 2 }),
    bzPopMin: (redis) => redis.bzPopMin("set", 0),
    bzPopMax: (redis) => redis.bzPopMax("set", 0),
    bzmPop: (redis) => redis.bzmPop(0, "set", "MIN", { COUNT: 2 }),
    sendCommand: (redis) => redis.sendCommand(["BLPOP", "list", "0"]),
  },
});

function nodeRedisTest(
  name: string,
  fn: (redis: Client, observer: RedisObserver) => Promise<void>,
): void {
  redisTest(name, async ({ port }, observer) => {
    const redis = greenNodeRedis(makeClient(port));
    await redis.connect();
    try {
      await fn(redis, observer);
    } finally {
      redis.destroy();
    }
    await eventually(async () => await observer.connections() === 0);
  });
}

nodeRedisTest("greenNodeRedis() ends streams' XREAD and XREADGROUP", async (redis, observer) => {
  await redis.xGroupCreate("stream", "group", "0", { MKSTREAM: true });
  const stream = { key: "stream", id: "$" };
  const readers = [
    () => redis.xRead(stream, { BLOCK: 0 }),
    () => redis.xReadGroup("group", "me", { key: "stream", id: ">" }, { BLOCK: 0 }),
    () => redis.sendCommand(["xread", "block", "0", "STREAMS", "stream", "$"]),
  ];
  for (const read of readers) {
    const reader = spawn<unknown, []>(read);
    await eventually(async () => await observer.blocked() === 1);
    await reader.kill();
    assertEquals(await redis.echo("next"), "next");
  }
});

nodeRedisTest(
  "greenNodeRedis() knows the connection of clients with options",
  async (redis, observer) => {
    const bytes = redis.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Uint8Array });
    const waiters = [spawn(() => redis.blPop("first", 0)), spawn(() => bytes.blPop("second", 0))];
    await eventually(async () => await observer.blocked() === 1);
    await waiters[1]!.kill();
    await sleep(20); // would be enough to end the first
    assertEquals(waiters[0]!.ready, false);
    await waiters[0]!.kill();
    assertEquals(await redis.echo("next"), "next");
  },
);

nodeRedisTest("greenNodeRedis() ends a pipeline that blocks", async (redis, observer) => {
  const waiter = spawn(() => redis.multi().blPop("jobs", 0).brPop("jobs", 0).execAsPipeline());
  await eventually(async () => await observer.blocked() === 1);
  await waiter.kill();
  assertEquals(await redis.echo("next"), "next");
  assertEquals(await observer.blocked(), 0);
});

nodeRedisTest("greenNodeRedis() leaves transactions as they are", async (redis) => {
  const transaction = redis.multi().set("b", "1").incr("b").get("b");
  assertEquals(await spawn(() => transaction.exec()).get(), ["OK", 2, "2"]);
  const killed = spawn(() => redis.multi().incr("b").incr("b").exec());
  await sleep();
  await killed.kill();
  assertEquals(await redis.get("b"), "4");
});

nodeRedisTest("greenNodeRedis() ends the loop over a scan", async (redis) => {
  await redis.mSet(Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`k${n}`, "v"])));
  const found = new Set<string>();
  for await (const keys of redis.scanIterator({ COUNT: 20 })) {
    for (const key of keys) found.add(key);
  }
  assertEquals(found.size, 500);
  const scanner = spawn(async () => {
    for (;;) for await (const _ of redis.scanIterator({ COUNT: 1 }));
  });
  await sleep(5);
  await scanner.kill();
  assertEquals(await redis.echo("next"), "next");
});

nodeRedisTest(
  "greenNodeRedis() leaves publishing and subscribing as they are",
  async (redis, observer) => {
    const subscriber = redis.duplicate();
    await subscriber.connect();
    const heard: string[] = [];
    await subscriber.subscribe("news", (message) => void heard.push(message));
    assertEquals(await redis.publish("news", "first"), 1);
    await eventually(() => heard.length === 1);
    await spawn(() => subscriber.unsubscribe("news")).get();
    const waiter = spawn(() => subscriber.blPop("jobs", 0)); // one that came out of a green one
    await eventually(async () => await observer.blocked() === 1);
    await waiter.kill();
    assertEquals(await subscriber.echo("next"), "next");
    subscriber.destroy();
  },
);

Deno.test("greenNodeRedis() throws when it is not a client with one connection", () => {
  assertThrows(() => greenNodeRedis({}), TypeError, "not a client of redis with one connection");
  assertThrows(() => greenNodeRedis(createClientPool()), TypeError, "with one connection");
});
