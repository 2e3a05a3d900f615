import { assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
// @ts-types="../helpers/ioredis.d.ts"
import { Cluster, Redis } from "ioredis";
import { ungreen } from "../../core/green.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { withTimeout } from "../../core/timeout.ts";
import { greenIoredis } from "../../monkey/green_ioredis.ts";
import { eventually } from "../helpers/io_test.ts";
import { redisTest, testRedisLibrary } from "../helpers/redis_contract.ts";
import type { RedisObserver } from "../helpers/redis_server.ts";

testRedisLibrary<Redis>({
  name: "greenIoredis",
  async connect(port) {
    const redis = greenIoredis(new Redis({ port, host: "127.0.0.1", retryStrategy: () => 5 }));
    redis.on("error", () => {}); // connections are cut off on purpose
    await redis.ping();
    return redis;
  },
  close: (redis) => redis.disconnect(),
  send: (redis, command, ...args) => redis.call(command, ...args),
  pop: async (redis, key) => (await redis.blpop(key, 0))![1],
  takes: {
    blpop: (redis) => redis.blpop("list", 0),
    blpopBuffer: (redis) => redis.blpopBuffer("list", 0),
    brpop: (redis) => redis.brpop("none", "list", 0),
    "blmpop LEFT": (redis) => redis.blmpop(0, 1, "list", "LEFT", "COUNT", 2),
    "blmpop RIGHT": (redis) => redis.blmpop(0, 1, "list", "RIGHT", "COUNT", 2),
    bzpopmin: (redis) => redis.bzpopmin("set", 0),
    bzpopmax: (redis) => redis.bzpopmax("set", 0),
    bzmpop: (redis) => redis.bzmpop(0, 1, "set", "MIN", "COUNT", 2),
    call: (redis) => redis.call("BLPOP", "list", "0"),
  },
});

function ioredisTest(
  name: string,
  fn: (redis: Redis, observer: RedisObserver) => Promise<void>,
): void {
  redisTest(name, async ({ port }, observer) => {
    const redis = greenIoredis(new Redis({ port, host: "127.0.0.1", keyPrefix: "app:" }));
    try {
      await fn(redis, observer);
    } finally {
      redis.disconnect();
    }
    await eventually(async () => await observer.connections() === 0);
  });
}

ioredisTest("greenIoredis() ends streams' XREAD and XREADGROUP", async (redis, observer) => {
  await redis.xgroup("CREATE", "stream", "group", "0", "MKSTREAM");
  const readers = [
    () => redis.xread("BLOCK", 0, "STREAMS", "stream", "$"),
    () => redis.xreadgroup("GROUP", "group", "me", "BLOCK", 0, "STREAMS", "stream", ">"),
    () => redis.call("XREAD", ["BLOCK", "0", "STREAMS", "app:stream", "$"]),
  ];
  for (const read of readers) {
    const reader = spawn<unknown, []>(read);
    await eventually(async () => await observer.blocked() === 1);
    await reader.kill();
    assertEquals(await redis.echo("next"), "next");
  }
});

ioredisTest("greenIoredis() ends WAIT", async (redis, observer) => {
  await redis.set("key", "1");
  const waiter = spawn(() => redis.wait(1, 0));
  await eventually(async () => await observer.blocked() === 1);
  await waiter.kill();
  assertEquals(await redis.echo("next"), "next");
});

ioredisTest("greenIoredis() ends a pipeline that blocks", async (redis, observer) => {
  const pipelines = [
    () => redis.pipeline().blpop("jobs", 0).brpop("jobs", 0).ping(),
    () => redis.pipeline([["ping"], ["blpop", "jobs", 0]]),
    () => redis.pipeline().addBatch([["blpopBuffer", "jobs", 0]]),
  ];
  for (const make of pipelines) {
    const waiter = spawn(() => make().exec());
    await eventually(async () => await observer.blocked() === 1);
    await waiter.kill();
    assertEquals(await redis.echo("next"), "next");
    assertEquals(await observer.blocked(), 0);
  }
});

ioredisTest("greenIoredis() leaves pipelines and transactions as they are", async (redis) => {
  const pipeline = redis.pipeline().set("a", "1").incr("a").get("a");
  assertEquals(await pipeline.exec(), [[null, "OK"], [null, 2], [null, "2"]]);
  const transaction = redis.multi().set("b", "1").incr("b");
  assertEquals(await spawn(() => transaction.exec()).get(), [[null, "OK"], [null, 2]]);
  const killed = spawn(() => redis.multi().incr("b").incr("b").exec());
  await sleep();
  await killed.kill();
  assertEquals(await redis.get("b"), "4");
});

ioredisTest("greenIoredis() ends the loop over a scan", async (redis) => {
  await redis.mset(Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`k${n}`, "v"])));
  const found = new Set<string>();
  for await (const keys of redis.scanStream({ match: "app:k*", count: 20 })) {
    for (const key of keys as string[]) found.add(key);
  }
  assertEquals(found.size, 500);
  const scanner = spawn(async () => {
    for (;;) for await (const _ of redis.scanStream({ count: 1 }));
  });
  await sleep(5);
  await scanner.kill();
  assertEquals(await redis.echo("next"), "next");
});

ioredisTest(
  "greenIoredis() leaves publishing and subscribing as they are",
  async (redis, observer) => {
    const subscriber = redis.duplicate();
    const heard: string[] = [];
    subscriber.on("message", (_channel, message) => heard.push(message));
    await subscriber.subscribe("news");
    assertEquals(await redis.publish("news", "first"), 1);
    await eventually(() => heard.length === 1);
    await spawn(() => subscriber.unsubscribe("news")).get();
    assertEquals(await subscriber.echo("next"), "next");
    const waiter = spawn(() => subscriber.blpop("jobs", 0)); // one that came out of a green one
    await eventually(async () => await observer.blocked() === 1);
    await waiter.kill();
    assertEquals(await subscriber.echo("next"), "next");
    subscriber.disconnect();
  },
);

ioredisTest("greenIoredis() lets the time of the command itself be over", async (redis) => {
  assertEquals(await withTimeout(10_000, () => redis.blpop("jobs", 0.01)), null);
});

ioredisTest("greenIoredis() is transparent", async (redis) => {
  assertInstanceOf(redis, Redis);
  assertStrictEquals(greenIoredis(redis), redis);
  assertStrictEquals(greenIoredis(ungreen(redis)), redis);
  assertEquals(await redis.ping(), "PONG");
  assertEquals(redis.status, "ready");
});

Deno.test("greenIoredis() throws when it is not a client with one connection", () => {
  assertThrows(() => greenIoredis({}), TypeError, "not a client of ioredis with one connection");
  const cluster = new Cluster([{ port: 1 }], { lazyConnect: true });
  assertThrows(() => greenIoredis(cluster), TypeError, "with one connection: received [Commander]");
});
