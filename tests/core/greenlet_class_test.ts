import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { Greenlet } from "../../core/greenlet.ts";
import { Actor } from "../../sync/actor.ts";
import { now, virtualTest } from "../helpers/virtual_test.ts";

/** Only compiles if two types are the same. */
function sameType<A, B>(
  _: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false,
): void {}

class Doubler extends Greenlet<number> {
  readonly n: number;
  constructor(n: number) {
    super();
    this.n = n;
  }
  override run(): number {
    return this.n * 2;
  }
}

class Tagged<T> extends Greenlet<T> {
  readonly tag = "tagged";
}

class Hello extends Greenlet<string> {
  override run(): string {
    return "hello";
  }
}

class Adder extends Actor<number> {
  total = 0;
  override receive(n: number): void {
    this.total += n;
  }
}

virtualTest("Greenlet.spawn() starts a function with arguments", async () => {
  const greenlet = Greenlet.spawn((a: number, b: string) => b.repeat(a), 2, "x");
  sameType<typeof greenlet, Greenlet<string>>(true);
  assert(greenlet.started);
  assertEquals(await greenlet.get(), "xx");
});

virtualTest(
  "Greenlet.spawn() of a subclass makes one with the arguments of its constructor",
  async () => {
    const doubler = Doubler.spawn(21);
    sameType<typeof doubler, Doubler>(true);
    assertInstanceOf(doubler, Doubler);
    assertEquals([doubler.n, await doubler.get()], [21, 42]);
    // @ts-expect-error -- the constructor takes a number
    Doubler.spawn("21");
  },
);

virtualTest(
  "Greenlet.spawn() of a subclass takes a function when the constructor does",
  async () => {
    const tagged = Tagged.spawn((n: number) => n + 1, 1);
    const value: number = await tagged.get();
    assertEquals([tagged.tag, value], ["tagged", 2]);
    const hello = Hello.spawn();
    sameType<typeof hello, Hello>(true);
    assertEquals(await hello.get(), "hello");
  },
);

virtualTest("Greenlet.spawn() of an Actor makes one that can be sent messages", async () => {
  const adder = Adder.spawn({ inboxSize: 1 });
  sameType<typeof adder, Adder>(true);
  for (const n of [1, 2, 3]) await adder.send(n);
  await adder.stop();
  assertEquals(adder.total, 6);
  // @ts-expect-error -- it is abstract
  void (() => Actor.spawn());
});

virtualTest("Greenlet.spawnLater() starts it when the time has come", async () => {
  const plain = Greenlet.spawnLater(5, (text: string) => [text, now()], "at");
  sameType<typeof plain, Greenlet<(string | number)[]>>(true);
  const doubler = Doubler.spawnLater(10, 2);
  sameType<typeof doubler, Doubler>(true);
  assertEquals(await plain.get(), ["at", 5]);
  assertEquals([await doubler.get(), now()], [4, 10]);
  const killed = Doubler.spawnLater(10, 2);
  await killed.kill();
  assertEquals(now(), 10);
});

Deno.test("Greenlet.spawn() and Greenlet.spawnLater() refuse what cannot be called", () => {
  assertThrows(() => Greenlet.spawn(5 as never), TypeError, "received 5");
  assertThrows(() => Greenlet.spawnLater(1, "x" as never), TypeError, 'received "x"');
  assertThrows(() => Greenlet.spawnLater(NaN, () => {}), TypeError, "received NaN");
});

virtualTest("Greenlet.args are those of the constructor until it has ended", async () => {
  const seen: unknown[] = [];
  const greenlet = new Greenlet((...args: unknown[]) => void seen.push(...args), 1, "two");
  assertEquals(greenlet.args, [1, "two"]);
  greenlet.start();
  assertEquals(greenlet.args, [1, "two"]);
  await greenlet.join();
  assertEquals([seen, greenlet.args], [[1, "two"], []]);
  assertEquals(new Greenlet().args, []);
});
