import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import { GreenletExit } from "../../core/errors.ts";
import { joinAll } from "../../core/join.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, kill, spawn, spawnLater } from "../../core/spawn.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

virtualTest("spawn() runs the function with its arguments once the spawner waits", async () => {
  const seen: unknown[] = [];
  const greenlet = spawn((...args: number[]) => void seen.push(...args), 1, 2);
  await Promise.resolve();
  assertEquals([seen, greenlet.started], [[], true]);
  await turns(1);
  assertEquals([seen, greenlet.started], [[1, 2], false]);
});

Deno.test("spawn() and spawnLater() refuse what cannot be called", () => {
  assertThrows(() => spawn(undefined as never), TypeError, "received undefined");
  assertThrows(() => spawn({ a: 1 } as never), TypeError, "received { a: 1 }");
  assertThrows(() => spawnLater(1, 5 as never), TypeError, "received 5");
});

Deno.test("spawnLater() refuses a time that is not a number", () => {
  for (const ms of [NaN, "1", undefined]) {
    assertThrows(
      () => spawnLater(ms as number, () => {}),
      TypeError,
      `received ${Deno.inspect(ms)}`,
    );
  }
});

virtualTest("spawnLater() runs the function at its time", async () => {
  assertEquals(await spawnLater(25, (x: string) => [x, now()], "arg").get(), ["arg", 25]);
});

virtualTest(
  "spawnLater() runs the function after what is queued when the time is 0 or negative",
  async () => {
    const order: string[] = [];
    const note = (name: string): void => void order.push(name);
    await joinAll([
      spawnLater(0, note, "zero"),
      spawnLater(-5, note, "negative"),
      spawn(note, "first"),
      spawn(note, "second"),
    ]);
    assertEquals([order, now()], [["first", "second", "zero", "negative"], 0]);
  },
);

virtualTest("spawnLater() never runs the function when it is killed before its time", async () => {
  let ran = false;
  const greenlet = spawnLater(10, () => ran = true);
  await sleep(5);
  await greenlet.kill();
  await sleep(20);
  assert(!ran && greenlet.value instanceof GreenletExit);
});

virtualTest(
  "getCurrent() gives the running greenlet across awaits, native promises and links",
  async () => {
    const greenlet = spawn(async () => {
      const seen = [getCurrent()];
      await sleep(1);
      seen.push(getCurrent());
      await Promise.resolve();
      seen.push(getCurrent());
      await Promise.all([sleep(1), Promise.resolve().then(() => seen.push(getCurrent()))]);
      seen.push(getCurrent());
      return seen;
    });
    for (const one of await greenlet.get()) assertStrictEquals(one, greenlet);
  },
);

Deno.test("getCurrent() gives the main greenlet when called outside all others", async () => {
  const main = getCurrent();
  assertEquals([main.name, main.started, main.ready, String(main)], [
    "main",
    true,
    false,
    '<Greenlet "main">',
  ]);
  await sleep();
  assertStrictEquals(getCurrent(), main);
  assertStrictEquals(spawn(() => {}).parent, main);
});

Deno.test("kill() throws and Greenlet.kill() rejects when the main greenlet is meant", async () => {
  const main = getCurrent();
  assertThrows(() => kill(main), TypeError, "Cannot kill the main greenlet");
  assertThrows(() => main.throw(), TypeError, "Cannot kill the main greenlet");
  await assertRejects(() => main.kill(), TypeError, "Cannot kill the main greenlet");
  await sleep();
});

virtualTest("kill() raises the exception without waiting", async () => {
  const greenlet = spawn(sleep, 1000);
  await turns();
  kill(greenlet);
  assert(!greenlet.ready);
  await turns();
  assert(greenlet.value instanceof GreenletExit);
});

virtualTest("spawn() hands the AsyncLocalStorage values of the spawner down", async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const look = (): void => void seen.push(storage.getStore());
  const greenlets = storage.run("outer", () => [
    spawn(async () => {
      look();
      await sleep(5);
      look();
      await storage.run("inner", () => spawn(look).join());
      look();
    }),
    spawnLater(20, look),
  ]);
  await joinAll(greenlets);
  look();
  assertEquals(seen, ["outer", "outer", "inner", "outer", "outer", undefined]);
});

virtualTest(
  "spawn() keeps the values of greenlets apart when they wait at the same time",
  async () => {
    const storage = new AsyncLocalStorage<number>();
    const greenlets = Array.from({ length: 20 }, (_, i) =>
      storage.run(i, () =>
        spawn(async () => {
          for (let n = 0; n < 5; n++) {
            await sleep(i % 3);
            assertEquals(storage.getStore(), i);
          }
        })));
    await joinAll(greenlets, { raiseError: true });
  },
);
