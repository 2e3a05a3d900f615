import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { Greenlet } from "../../core/greenlet.ts";
import { Group } from "../../core/group.ts";
import { joinAll } from "../../core/join.ts";
import { Pool } from "../../core/pool.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { Event } from "../../sync/event.ts";
import { collectReports } from "../helpers/reports.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

virtualTest("Group has its members in the order in which they came, until they end", async () => {
  const group = new Group();
  const [slow, quick] = [await group.spawn(sleep, 20), await group.spawn(sleep, 10)];
  assertEquals([[...group], group.size, group.has(slow), group.full], [
    [slow, quick],
    2,
    true,
    false,
  ]);
  await sleep(15);
  assertEquals([[...group], group.has(quick)], [[slow], false]);
  await group.join();
  assertEquals([group.size, now()], [0, 20]);
});

virtualTest("Group takes the greenlets it is made with, running, new or ended", async () => {
  const dead = spawn(() => {});
  await turns();
  const fresh = new Greenlet(sleep, 5);
  const group = new Group([spawn(sleep, 5), fresh, dead]);
  assertEquals(group.size, 3);
  await turns();
  assertEquals([group.size, group.has(dead)], [2, false]);
  fresh.start();
  assertEquals(await group.join(), true);
});

virtualTest("Group.add() changes nothing when the greenlet is a member", async () => {
  const group = new Group();
  const greenlet = await group.spawn(sleep, 5);
  await group.add(greenlet);
  assertEquals(group.size, 1);
  group.discard(greenlet);
  assertEquals(group.size, 0);
  group.discard(greenlet);
  await greenlet.join();
});

virtualTest("Group refuses what is not a greenlet", async () => {
  const group = new Group();
  for (const nonsense of [undefined, 5, Promise.resolve()]) {
    assertThrows(() => new Group([nonsense as never]), TypeError, "must be a Greenlet");
    await assertRejects(() => group.add(nonsense as never), TypeError, "must be a Greenlet");
    await assertRejects(() => group.spawn(nonsense as never), TypeError, "must be a function");
    await assertRejects(() => group.apply(nonsense as never), TypeError, "must be a function");
    await assertRejects(() => group.map(nonsense as never, []), TypeError, "must be a function");
    assertThrows(() => group.applyAsync(nonsense as never), TypeError, "must be a function");
    assertThrows(() => group.mapAsync(nonsense as never, []), TypeError, "must be a function");
  }
  assertEquals(group.size, 0);
});

virtualTest("Group.discard() forgets a greenlet, which goes on", async () => {
  const group = new Group();
  const greenlet = await group.spawn(() => sleep(5).then(() => "done"));
  const joiner = spawn(() => group.join());
  await turns();
  group.discard(greenlet);
  assertEquals([await joiner.get(), now()], [true, 0]);
  assertEquals(await greenlet.get(), "done");
});

virtualTest("Group keeps a greenlet apart from other groups it is in", async () => {
  const groups = [new Group(), new Group(), new Group()];
  const greenlet = spawn(sleep, 5);
  for (const group of groups) await group.add(greenlet);
  groups[1]!.discard(greenlet);
  assertEquals(groups.map((group) => group.has(greenlet)), [true, false, true]);
  await groups[1]!.add(greenlet);
  groups[0]!.discard(greenlet);
  assertEquals(groups.map((group) => group.size), [0, 1, 1]);
  assert(await groups[2]!.join());
  assertEquals(groups.map((group) => group.size), [0, 0, 0]);
});

virtualTest("Group.join() gives true at once when there are no members", async () => {
  assertEquals(await new Group().join(), true);
});

virtualTest("Group.join() raises the first failure of its members when told to", async () => {
  using _ = collectReports();
  const group = new Group();
  const error = new Error("broken");
  await group.spawn(sleep, 5);
  await group.spawn(() => sleep(1).then(() => Promise.reject(error)));
  assertStrictEquals(await assertRejects(() => group.join({ raiseError: true })), error);
  assertEquals(now(), 5);
  assertEquals(await group.join(), true);
});

virtualTest("Group.join() is not told of an end that came before it began to wait", async () => {
  const group = new Group();
  const event = new Event();
  await group.spawn(() => event.wait());
  const first = spawn(() => group.join());
  await turns();
  event.set();
  await sleep(); // the member has ended, and its links are about to be called
  const second = spawn(async () => {
    await group.spawn(sleep, 100);
    return [await group.join(), now()];
  });
  assertEquals(await second.get(), [true, 100]);
  assertEquals(await first.get(), true);
});

virtualTest(
  "Group.kill() raises once in each member and waits for all, late ones included",
  async () => {
    const group = new Group();
    const exits: unknown[] = [];
    const die = async (ms: number): Promise<void> => {
      try {
        await sleep(1000);
      } catch (error) {
        exits.push(error);
        await group.spawn(async () => {
          try {
            await sleep(1000);
          } catch (error) {
            exits.push(error);
          }
        });
        await sleep(ms);
      }
    };
    await group.spawn(die, 5);
    await group.spawn(die, 10);
    await turns();
    await group.kill();
    assertEquals([group.size, exits.length, now()], [0, 4, 10]);
  },
);

virtualTest(
  "Group.kill() raises what it is given, and nothing in a member a second time",
  async () => {
    using _ = collectReports();
    const group = new Group();
    const caught: unknown[] = [];
    const survivor = await group.spawn(async () => {
      for (const ms of [1000, 1000]) await sleep(ms).catch((error) => caught.push(error));
    });
    const mortal = await group.spawn(sleep, 1000);
    await turns();
    const error = new Error("stop");
    await group.kill(error, { timeout: 5 });
    await group.kill(error, { timeout: 5 });
    group.killOne(survivor, error);
    await turns();
    assertEquals([caught, mortal.exception, group.size, now()], [[error], error, 1, 10]);
    await survivor.kill();
  },
);

virtualTest("Group.kill() returns with the members still in it when told not to wait", async () => {
  const group = new Group();
  await group.spawn(sleep, 1000);
  await turns();
  await group.kill(undefined, { block: false });
  assertEquals(group.size, 1);
  await turns();
  assertEquals(group.size, 0);
});

virtualTest(
  "Group.kill() leaves other waits of the same greenlet alone when its timeout comes",
  async () => {
    const group = new Group();
    const event = new Event();
    const stubborn = await group.spawn(async () => {
      while (!event.isSet) await event.wait().catch(() => {});
    });
    await turns();
    const results = await Promise.all([
      group.kill(undefined, { timeout: 5 }).then(now),
      sleep(20).then(now),
    ]);
    assertEquals(results, [5, 20]);
    event.set();
    await stubborn.join();
  },
);

virtualTest(
  "Group.kill() raises in the caller when that is a member, and in the others",
  async () => {
    const group = new Group();
    const other = await group.spawn(sleep, 1000);
    const caller = await group.spawn(() => sleep(1).then(() => group.kill()));
    await joinAll([caller, other]);
    assert(caller.value instanceof GreenletExit && other.value instanceof GreenletExit);
  },
);

virtualTest("Group.killOne() kills a member and nobody else", async () => {
  const group = new Group();
  const [member, other] = [await group.spawn(sleep, 1000), await group.spawn(sleep, 5)];
  const stranger = spawn(sleep, 5);
  await turns();
  group.killOne(member);
  group.killOne(stranger);
  await turns();
  assertEquals([member.dead, other.dead, stranger.dead], [true, false, false]);
  await joinAll([other, stranger]);
});

virtualTest("Group is killed and joined at the end of an await using block", async () => {
  let member: Greenlet;
  {
    await using group = new Group();
    member = await group.spawn(sleep, 1000);
    await turns();
  }
  assert(member.value instanceof GreenletExit);
});

virtualTest("Group.apply() gives the result of the function, or throws its error", async () => {
  using _ = collectReports();
  const group = new Group();
  assertEquals(await group.apply((a: number, b: number) => sleep(1).then(() => a + b), 1, 2), 3);
  const error = new Error("broken");
  const thrown = await assertRejects(() => group.apply(() => Promise.reject(error)));
  assertStrictEquals(thrown, error);
});

virtualTest("Group.apply() runs in a member, and in place when a member calls it", async () => {
  const group = new Group();
  const outer = await group.apply(async () => {
    const self = getCurrent();
    assert(group.has(self));
    return [self, await group.apply(() => getCurrent())];
  });
  assertStrictEquals(outer[0], outer[1]);
});

virtualTest("Group.applyAsync() gives a greenlet for the result at once", async () => {
  const group = new Group();
  const greenlet = group.applyAsync((n: number) => sleep(1).then(() => n * 2), 21);
  assertEquals([group.has(greenlet), await greenlet.get()], [true, 42]);
});

virtualTest("Group.tryStart() adds and starts a greenlet", async () => {
  const group = new Group();
  const greenlet = new Greenlet(sleep, 1);
  assertEquals([group.tryStart(greenlet), group.has(greenlet), greenlet.started], [
    true,
    true,
    true,
  ]);
  await group.join();
});

virtualTest("Group.mapAsync() gives a greenlet for the list at once", async () => {
  const group = new Group();
  assertEquals(await group.mapAsync((n: number) => n * 2, [1, 2, 3]).get(), [2, 4, 6]);
});

class Job<T> extends Greenlet<T> {
  readonly kind = "job";
}

virtualTest("Group makes greenlets of the class that it is told to", async () => {
  for (
    const group of [new Group([], { greenletClass: Job }), new Pool(2, { greenletClass: Job })]
  ) {
    const kind = (): unknown => (getCurrent() as Job<unknown>).kind;
    const spawned = await group.spawn(kind);
    assertInstanceOf(spawned, Job);
    assertInstanceOf(group.applyAsync(kind), Job);
    assertEquals([await spawned.get(), await group.apply(kind)], ["job", "job"]);
    assertEquals(await group.map(kind, [1, 2]), ["job", "job"]);
    assertEquals(group.greenletClass, Job);
  }
  assertEquals([new Group().greenletClass, new Pool(1).greenletClass], [Greenlet, Greenlet]);
});

virtualTest("Group may be extended by one with another class of greenlets", async () => {
  class Jobs extends Group {
    override readonly greenletClass = Job;
  }
  assertInstanceOf(await new Jobs().spawn(() => {}), Job);
});

Deno.test("Group and Pool refuse a class that is none of greenlets", () => {
  for (const greenletClass of [5, {}, class {}, () => {}]) {
    const options = { greenletClass: greenletClass as never };
    assertThrows(() => new Group([], options), TypeError, Deno.inspect(greenletClass));
    assertThrows(() => new Pool(1, options), TypeError, Deno.inspect(greenletClass));
  }
});
