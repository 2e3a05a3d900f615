import { assert, assertEquals, assertRejects } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { scopeOf } from "../../core/greenlet.ts";
import { Scope, type ScopeMember } from "../../core/scope.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { now, parkedIn, turns, virtualTest } from "../helpers/virtual_test.ts";

class Member implements ScopeMember {
  readonly kind = { name: "test" };
  memberIndex = 0;
  readonly order: number;
  readonly errors: unknown[] = [];
  readonly #scope: Scope;

  constructor(scope: Scope, order = 0) {
    this.order = order;
    this.#scope = scope;
    scope.join(this);
  }

  interrupt(error: unknown): void {
    this.#scope.leave(this);
    this.errors.push(error);
  }
}

Deno.test("Scope.interrupt() hits every wait in it and below, and none beside it", () => {
  const root = new Scope(null);
  const left = new Scope(root);
  const right = new Scope(root);
  const members = [root, left, left, right, new Scope(left)].map((scope) => new Member(scope));
  left.interrupt("stop");
  assertEquals(members.map((member) => member.errors.length), [0, 1, 1, 0, 1]);
  assertEquals([...root.parked()].length, 2);
  root.interrupt("stop all");
  assertEquals(members.map((member) => member.errors.at(-1)), [
    "stop all",
    "stop",
    "stop",
    "stop all",
    "stop",
  ]);
  assertEquals(root.takeInterrupt(), undefined);
});

Deno.test("Scope.interrupt() leaves waits alone that began before", () => {
  const scope = new Scope(null);
  const old = [new Member(scope, 1), new Member(scope, 2)];
  const fresh = new Member(scope, 3);
  scope.interrupt("stop", 3);
  assertEquals([...old, fresh].map((member) => member.errors), [[], [], ["stop"]]);
  const single = new Scope(null);
  const only = new Member(single, 1);
  single.interrupt("stop", 2);
  assertEquals([only.errors, single.takeInterrupt()], [[], { error: "stop" }]);
});

Deno.test("Scope.takeInterrupt() gives those of the scopes around it, the innermost and oldest first", () => {
  const root = new Scope(null);
  const child = new Scope(root);
  root.interrupt("root 1");
  root.interrupt("root 2");
  child.interrupt("child");
  const taken = Array.from({ length: 4 }, () => child.takeInterrupt());
  assertEquals(taken.map((one) => one?.error), ["child", "root 1", "root 2", undefined]);
  assertEquals(root.pending, null);
});

Deno.test("Scope.withdraw() takes back an interrupt that was not raised yet", () => {
  const scope = new Scope(null);
  scope.interrupt("one");
  scope.interrupt("two");
  assertEquals([scope.withdraw("one"), scope.withdraw("one"), scope.withdraw("other")], [
    true,
    false,
    false,
  ]);
  assertEquals(scope.takeInterrupt(), { error: "two" });
  scope.interrupt("three");
  scope.withdraw("three");
  assertEquals(scope.pending, null);
});

Deno.test("Scope.leave() finds each wait when they leave in any order", () => {
  const scope = new Scope(null);
  const members = Array.from({ length: 5 }, () => new Member(scope));
  for (const i of [1, 4, 0, 3]) scope.leave(members[i]!);
  assertEquals([...scope.parked()], [members[2]!]);
  scope.leave(members[2]!);
  assertEquals(scope.members, null);
});

Deno.test("Scope.close() keeps the scope within reach as long as something is parked in it", () => {
  const root = new Scope(null);
  const outer = new Scope(root);
  const inner = new Scope(outer);
  const member = new Member(inner);
  outer.close();
  inner.close();
  assertEquals([...root.parked()], [member]);
  inner.leave(member);
  assertEquals([...root.children!], []);
  assertEquals([...outer.children!], []);
});

virtualTest(
  "A Timeout hits only the waits inside its withTimeout() when a greenlet runs several at once",
  async () => {
    const ended: [string, number][] = [];
    const note = (name: string) => (): void => void ended.push([name, now()]);
    const greenlet = spawn(async () => {
      const inside = withTimeout(5, () =>
        Promise.all([
          sleep(20).finally(note("inside 1")),
          sleep(30).finally(note("inside 2")),
          withTimeout(100, () => sleep(40)).finally(note("deeper inside")),
        ]), { timeoutValue: "too late" });
      const outside = sleep(10).then(note("outside"));
      return [await inside, await outside];
    });
    assertEquals(await greenlet.get(), ["too late", undefined]);
    assertEquals(ended, [["inside 1", 5], ["inside 2", 5], ["deeper inside", 5], ["outside", 10]]);
  },
);

virtualTest(
  "A kill hits all waits of a greenlet when it runs several in nested withTimeout()",
  async () => {
    const greenlet = spawn(async () => {
      return await Promise.allSettled([
        sleep(100),
        withTimeout(50, () => Promise.all([sleep(100), withTimeout(50, () => sleep(100))])),
      ]);
    });
    await sleep(1);
    assertEquals(parkedIn(greenlet), 3);
    const exit = new GreenletExit();
    greenlet.throw(exit);
    const results = await greenlet.get();
    assertEquals(results.map((result) => result.status === "rejected" && result.reason), [
      exit,
      exit,
    ]);
  },
);

virtualTest(
  "The inner of two nested timeouts is not disturbed when only the outer expires in it",
  async () => {
    const outer = new Timeout(5, "outer");
    const inner = new Timeout(5, "inner");
    const error = await assertRejects(() =>
      withTimeout(outer, () => withTimeout(inner, () => sleep(10), { timeoutValue: "inner" }))
    );
    assertEquals(error, outer);
    await sleep(10);
  },
);

virtualTest("A kill reaches work that outlives the withTimeout() in which it began", async () => {
  let detached!: Promise<unknown>;
  const greenlet = spawn(async () => {
    await withTimeout(100, () => {
      detached = (async () => {
        await sleep(10);
        await sleep(1000);
      })().catch((error) => error);
    });
    await detached;
  });
  await sleep(50);
  assertEquals(parkedIn(greenlet), 1);
  await greenlet.kill();
  assertEquals(now(), 50);
  assert(await detached instanceof GreenletExit);
});

virtualTest(
  "A Timeout that was left running in a withTimeout() does not strike after that",
  async () => {
    await spawn(async () => {
      await withTimeout(100, () => void Timeout.start(5));
      await sleep(20);
    }).get();
  },
);

virtualTest("A scope is forgotten when it is over", async () => {
  const greenlet = spawn(async () => {
    for (let i = 0; i < 100; i++) await withTimeout(10, () => sleep(1));
    await sleep(1000);
  });
  await sleep(200);
  await turns();
  assertEquals([...scopeOf(greenlet)!.children!], []);
  await greenlet.kill();
});
