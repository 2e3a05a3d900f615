import { assert, assertEquals, assertThrows } from "@std/assert";
import { Local, local } from "../../core/local.ts";
import { joinAll } from "../../core/join.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { virtualTest } from "../helpers/virtual_test.ts";

virtualTest("local() keeps the values of greenlets apart, and those of outside", async () => {
  const mine = local<{ n?: number }>();
  mine.n = -1;
  const greenlets = [1, 2, 3].map((n) =>
    spawn(async () => {
      assertEquals("n" in mine, false);
      mine.n = n;
      await sleep(10 - n);
      return mine.n;
    })
  );
  await joinAll(greenlets);
  assertEquals([greenlets.map((greenlet) => greenlet.value), mine.n], [[1, 2, 3], -1]);
});

virtualTest(
  "local() starts each greenlet from what init returns, when it first touches it",
  async () => {
    let calls = 0;
    const counter = local(() => ({ id: ++calls, n: 0 }));
    assertEquals(calls, 0);
    const look = async (): Promise<number[]> => {
      counter.n++;
      await sleep(1);
      counter.n++;
      return [counter.id, counter.n];
    };
    assertEquals(await spawn(look).get(), [1, 2]);
    assertEquals(await spawn(look).get(), [2, 2]);
    assertEquals(calls, 2);
  },
);

virtualTest("local() supports methods, accessors and private fields of a class", async () => {
  class Account {
    #balance = 0;
    readonly owner: string;
    constructor(owner: string) {
      this.owner = owner;
    }
    pay(amount: number): this {
      this.#balance += amount;
      return this;
    }
    get balance(): number {
      return this.#balance;
    }
    set balance(value: number) {
      this.#balance = value;
    }
  }
  const account = local(() => new Account("me"));
  account.pay(5).pay(5);
  const { pay } = account;
  pay(1);
  assertEquals([account.balance, account.owner], [11, "me"]);
  account.balance = 3;
  assertEquals(account.balance, 3);
  assert(account instanceof Account);
  assertEquals(await spawn(() => account.pay(1).balance).get(), 1);
});

virtualTest("local() takes part in everything that can be done with properties", () => {
  const mine = local<Record<string, unknown>>(() => ({ a: 1 }));
  mine.b = 2;
  assertEquals([Object.keys(mine), { ...mine }, JSON.stringify(mine)], [
    ["a", "b"],
    { a: 1, b: 2 },
    '{"a":1,"b":2}',
  ]);
  assert(delete mine.a);
  assertEquals(["a" in mine, "b" in mine, Object.hasOwn(mine, "b")], [false, true, true]);
  Object.defineProperty(mine, "c", { value: 3, enumerable: false });
  assertEquals([mine.c, Object.keys(mine)], [3, ["b"]]);
  assert(delete mine.c, "It was made fixed, which a proxy cannot report");
  const own = (): number => 7;
  mine.fn = own;
  assertEquals(mine.fn, own);
  assertEquals(Object.getOwnPropertyDescriptor(mine, "nothing"), undefined);
  assertEquals(Object.getPrototypeOf(mine), Object.prototype);
});

virtualTest("local() asks init again when that failed", () => {
  let calls = 0;
  const flaky = local(() => {
    if (++calls === 1) throw new Error("not yet");
    return { n: calls };
  });
  assertThrows(() => flaky.n, Error, "not yet");
  assertEquals(flaky.n, 2);
});

virtualTest("local() gives code of an ended greenlet fresh values each time", async () => {
  const mine = local(() => ({ n: 0 }));
  const { promise, resolve } = Promise.withResolvers<void>();
  let afterwards!: Promise<number[]>;
  await spawn(() => {
    mine.n = 5;
    afterwards = promise.then(() => {
      const seen = [mine.n];
      mine.n = 6;
      return [...seen, mine.n];
    });
  }).join();
  resolve();
  assertEquals(await afterwards, [0, 0]);
});

Deno.test("local() and Local refuse an init that is of no use", () => {
  assertThrows(() => local(5 as never), TypeError, "received 5");
  assertThrows(() => new Local({} as never), TypeError, "must be a function");
  for (const nothing of [null, undefined, 5]) {
    const broken = local(() => nothing as unknown as { n: number });
    assertThrows(() => broken.n, TypeError, `received ${nothing}`);
  }
});

Deno.test("new Local() is the same as local()", () => {
  const counter = new Local(() => ({ n: 1 })) as unknown as { n: number };
  counter.n++;
  assertEquals(counter.n, 2);
  assertEquals((new Local() as unknown as { x?: number }).x, undefined);
});
