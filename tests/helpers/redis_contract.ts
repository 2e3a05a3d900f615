/**
 * What clients of Redis have to do once they are green, whichever library they are from.
 *
 * @module
 */

import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { idle, sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import type { ChildServer } from "./child_server.ts";
import { exerciseClient } from "./client_exercise.ts";
import { eventually, ioTest } from "./io_test.ts";
import { seededRandom } from "./random.ts";
import { noRedis, RedisObserver, runRedisCli, startRedis } from "./redis_server.ts";
import { collectReports, collectUnhandled } from "./reports.ts";

/** A library. */
export interface RedisLibrary<Client> {
  /** The adapter's name, for the names of tests. */
  readonly name: string;
  /** A green client that is connected. */
  connect(port: number): Promise<Client>;
  /** Closes it. */
  close(client: Client): void;
  /** Sends a command by the method for any command. */
  send(client: Client, ...words: string[]): Promise<unknown>;
  /** Takes an item off the front of a list, waiting for one without limit. */
  pop(client: Client, key: string): Promise<string>;
  /** The calls of blocking commands that take from the list `list` or the sorted set `set`, by their names. */
  readonly takes: Readonly<Record<string, (client: Client) => Promise<unknown>>>;
}

/** A server, somebody who watches it, and a client. */
interface Stage<Client> {
  readonly server: ChildServer;
  readonly observer: RedisObserver;
  readonly redis: Client;
}

/** Registers the tests of a library. */
export function testRedisLibrary<Client>(library: RedisLibrary<Client>): void {
  const { name, send, pop } = library;

  function test(does: string, fn: (stage: Stage<Client>) => Promise<void>): void {
    redisTest(`${name}() ${does}`, async (server, observer) => {
      const redis = await library.connect(server.port);
      try {
        await fn({ server, observer, redis });
      } finally {
        library.close(redis);
      }
      await eventually(async () => await observer.connections() === 0);
    });
  }

  for (const seed of [1, 2, 3]) {
    test(`bears kills and timeouts at random, seed ${seed}`, async ({ observer, redis }) => {
      await exerciseClient({
        echo: (text) => send(redis, "ECHO", text) as Promise<string>,
        block: () => pop(redis, "nothing"),
        connections: () => observer.connections(),
        mostConnections: 2, // one to tell the server, for a while
      }, seed);
      assertEquals(await observer.blocked(), 0);
    });
  }

  test("leaves a client usable at once when a blocking command is killed", async (stage) => {
    const { observer, redis } = stage;
    const waiter = spawn(pop, redis, "jobs");
    await eventually(async () => await observer.blocked() === 1);
    await waiter.kill();
    assertEquals(await spawn(send, redis, "ECHO", "next").get(), "next");
    await observer.send("RPUSH", "jobs", "1");
    assertEquals(await observer.list("jobs"), ["1"]);
    assertEquals(await pop(redis, "jobs"), "1");
  });

  test("leaves a client usable at once when a blocking command times out", async ({ redis }) => {
    for (let round = 0; round < 3; round++) {
      await assertRejects(
        () => spawn(withTimeout, 5, () => pop(redis, "jobs")).get(),
        Timeout,
      );
      assertEquals(await spawn(send, redis, "ECHO", "next").get(), "next");
    }
  });

  test("ends a command that was killed before there was a connection", async (stage) => {
    const { server, observer, redis } = stage;
    await observer.send("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    const waiter = spawn(pop, redis, "jobs");
    await sleep();
    await waiter.kill();
    await eventually(() =>
      send(redis, "ECHO", "next").then((answer) => answer === "next", () => false)
    );
    assertEquals(await observer.blocked(), 0);
    runRedisCli(server.port, "RPUSH", "jobs", "1");
    assertEquals(await observer.list("jobs"), ["1"]);
  });

  test("ends no other command than the one that was killed", async ({ observer, redis }) => {
    const first = spawn(pop, redis, "first");
    const second = spawn(pop, redis, "second");
    const third = spawn(pop, redis, "third");
    await eventually(async () => await observer.blocked() === 1);
    await second.kill();
    await sleep(20); // would be enough to end the first
    assertEquals(first.ready, false);
    await observer.send("RPUSH", "first", "1");
    assertEquals(await first.get(), "1");
    await observer.send("RPUSH", "third", "3");
    assertEquals(await third.get(), "3");
  });

  test("lets a command go on that was ended in place of another", async ({ server, redis }) => {
    // Each round the first one gets its item while it is being ended, so that the second may be hit.
    for (let round = 0; round < 50; round++) {
      const first = spawn(pop, redis, "first");
      const second = spawn(pop, redis, "second");
      await sleep(1);
      const [killing] = [first.kill(), runRedisCliLater(server.port, "RPUSH", "first", "x")];
      await killing;
      await sleep(round % 3);
      runRedisCli(server.port, "RPUSH", "second", `${round}`);
      assertEquals(await second.get(), `${round}`);
      await send(redis, "DEL", "first");
    }
  });

  test("loses no item when those who wait for it are killed", async ({ observer, redis }) => {
    const random = seededRandom(7);
    const taken: string[] = [];
    const pushed: string[] = [];
    for (let round = 0; round < 150; round++) {
      const waiters = [1, 2].map(() =>
        spawn(async () => {
          const item = await pop(redis, "jobs");
          taken.push(item);
        })
      );
      await sleep(random(2));
      pushed.push(`${round}`);
      const pushing = observer.send("RPUSH", "jobs", `${round}`);
      for (let turn = random(4); turn > 0; turn--) await sleep();
      for (const waiter of waiters) await waiter.kill();
      await pushing;
    }
    await eventually(async () =>
      taken.length + (await observer.list("jobs")).length === pushed.length
    );
    const all = [...taken, ...await observer.list("jobs")];
    assertEquals(new Set(all), new Set(pushed));
    assertEquals(all.length, pushed.length);
  });

  for (const [command, take] of Object.entries(library.takes)) {
    test(`gives back what ${command} takes for nobody`, async ({ server, observer, redis }) => {
      await send(redis, "SELECT", "3");
      const waiter = spawn(take, redis);
      await eventually(async () => await observer.blocked() === 1);
      // Nothing else runs meanwhile: the server has answered, and the greenlet does not know.
      runRedisCli(server.port, "-n", "3", "RPUSH", "list", "a", "b", "c");
      runRedisCli(server.port, "-n", "3", "ZADD", "set", "1.5", "x", "2", "y", "3", "z");
      waiter.throw();
      assertEquals([await observer.send("SELECT", "3")], ["+OK\r\n"]);
      assertEquals(await send(redis, "ECHO", "next"), "next");
      await eventually(async () =>
        (await observer.list("list")).join() === "a,b,c" &&
        (await observer.send("ZRANGE", "set", "0", "-1", "WITHSCORES")).replace(/\$\d+/g, "")
            .match(/[\w.]+/g)?.slice(1).join() === "x,1.5,y,2,z,3"
      );
      assertInstanceOf(waiter.value, GreenletExit);
    });
  }

  test("replaces the connection when the server cannot be told", async ({ observer, redis }) => {
    await observer.send("ACL", "SETUSER", "default", "-client|unblock");
    const waiter = spawn(pop, redis, "jobs");
    await eventually(async () => await observer.blocked() === 1);
    await waiter.kill();
    await eventually(() =>
      send(redis, "ECHO", "next").then((answer) => answer === "next", () => false)
    );
    assertEquals(await observer.blocked(), 0);
    await observer.send("RPUSH", "jobs", "1");
    assertEquals(await observer.list("jobs"), ["1"]);
  });

  test("replaces the connection when that does not know itself", async ({ observer, redis }) => {
    await observer.send("ACL", "SETUSER", "default", "-client|info");
    await observer.send("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await eventually(() =>
      send(redis, "ECHO", "next").then((answer) => answer === "next", () => false)
    );
    const waiter = spawn(pop, redis, "jobs");
    await eventually(async () => await observer.blocked() === 1);
    await waiter.kill();
    await eventually(() =>
      send(redis, "ECHO", "next").then((answer) => answer === "next", () => false)
    );
    assertEquals(await observer.blocked(), 0);
  });

  test("closes the connection that it told the server over", async ({ observer, redis }) => {
    const waiter = spawn(pop, redis, "jobs");
    await eventually(async () => await observer.blocked() === 1);
    await waiter.kill();
    await send(redis, "ECHO", "next");
    assertEquals(await observer.connections(), 2);
    await eventually(async () => await observer.connections() === 1);
    const again = spawn(pop, redis, "jobs");
    await eventually(async () => await observer.blocked() === 1);
    await again.kill();
    assertEquals(await send(redis, "ECHO", "next"), "next");
  });
}

/** Registers a test with a server of its own, in which nothing may go wrong behind the back of the test. */
export function redisTest(
  name: string,
  fn: (server: ChildServer, observer: RedisObserver) => Promise<void>,
): void {
  if (noRedis !== undefined) console.log(`Ignored: ${name}: ${noRedis}`);
  ioTest(name, async () => {
    using unhandled = collectUnhandled();
    using reports = collectReports();
    await using server = await startRedis();
    using observer = await RedisObserver.connect(server.port);
    await fn(server, observer);
    await idle(); // lets the runtime look for unhandled rejections
    assertEquals(unhandled.list, []);
    assertEquals(reports.list.filter(({ error }) => !(error instanceof Timeout)), []);
  }, { ignore: noRedis !== undefined });
}

function runRedisCliLater(port: number, ...words: string[]): Promise<unknown> {
  return new Promise((resolve) => setTimeout(() => resolve(runRedisCli(port, ...words))));
}
