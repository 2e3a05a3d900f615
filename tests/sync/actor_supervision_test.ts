import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { Full, GreenletExit, ShutDown } from "../../core/errors.ts";
import { joinAll } from "../../core/join.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { Actor, type ActorOptions, type Supervision } from "../../sync/actor.ts";
import { Event } from "../../sync/event.ts";
import { StopIteration } from "../../sync/simple_queue.ts";
import { collectReports } from "../helpers/reports.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

class Broken extends Error {}

type Message = unknown;

/** Does what it is told: an error is thrown, a number slept, a function called. */
class Obedient extends Actor<Message> {
  readonly log: unknown[];

  constructor(options?: ActorOptions, log: unknown[] = []) {
    super(options);
    this.log = log;
  }

  override async receive(message: Message): Promise<void> {
    if (typeof message === "number") await sleep(message);
    else if (typeof message === "function") await message();
    else if (message instanceof Error) throw message;
    this.log.push(message);
  }

  override restarted(error: unknown): void {
    this.log.push(["restarted", error]);
  }

  protected override ended(): void {
    super.ended();
    this.log.push("ended");
  }
}

function started(options?: ActorOptions): Obedient {
  const actor = new Obedient(options);
  actor.start();
  return actor;
}

const child = (actor: Obedient): Actor<never> => actor as unknown as Actor<never>;

// Restarting.

virtualTest("Actor asks for each failure of its own what to do", async () => {
  const errors = [new Broken("first"), new Broken("second"), new Broken("third")];
  const asked: unknown[] = [];
  const decisions = ["restart", "restart", "stop"] as const;
  const actor = started({
    supervise: (error, message) => decisions[asked.push([error, message]) - 1]!,
  });
  for (const message of ["a", errors[0], "b", errors[1], errors[2], "c"]) await actor.send(message);
  await actor.join();
  assertEquals(asked, errors.map((error) => [error, error]));
  assertEquals([actor.successful, actor.log], [
    true,
    ["a", ["restarted", errors[0]], "b", ["restarted", errors[1]], "ended"],
  ]);
});

virtualTest("Actor waits for what it does to restart", async () => {
  class Slow extends Obedient {
    override async restarted(): Promise<void> {
      await sleep(10);
      this.log.push(`restarted at ${now()}`);
    }
  }
  const actor = new Slow({ supervise: () => "restart" });
  actor.start();
  for (const message of [new Broken(), "next"]) await actor.send(message);
  await actor.stop();
  assertEquals(actor.log, ["restarted at 10", "next", "ended"]);
});

virtualTest("Actor fails when its restart or its decision does", async () => {
  using reports = collectReports();
  const worse = new Broken("worse");
  class Fails extends Obedient {
    override restarted(): never {
      throw worse;
    }
  }
  const decides = new Obedient({
    supervise: () => {
      throw worse;
    },
  });
  for (const actor of [new Fails({ supervise: () => "restart" }), decides]) {
    actor.start();
    await actor.send(new Broken());
    assertStrictEquals(await assertRejects(() => actor.get()), worse);
  }
  assertEquals(reports.list.map(({ error }) => error), [worse, worse]);
});

virtualTest(
  "Actor escalates the restart that is one too many, and counts those in time",
  async () => {
    using _ = collectReports();
    for (const maxRestarts of [0, 1, 3]) {
      const actor = started({ supervise: () => "restart", maxRestarts, within: 100 });
      const errors = Array.from({ length: 5 }, (_, n) => new Broken(String(n)));
      for (const error of errors) await actor.send(error);
      assertStrictEquals(await assertRejects(() => actor.get()), errors[maxRestarts]);
    }
    const patient = started({ supervise: () => "restart", maxRestarts: 1, within: 100 });
    for (let i = 0; i < 5; i++) {
      await patient.send(new Broken());
      await sleep(100);
    }
    assertEquals([patient.log.length, patient.ready], [5, false]);
    const last = [new Broken(), new Broken()];
    for (const error of last) await patient.send(error);
    assertStrictEquals(await assertRejects(() => patient.get()), last[1]);
  },
);

virtualTest("Actor asks what to do when a Timeout escapes from receive", async () => {
  const timeout = new Timeout(5);
  const asked: unknown[] = [];
  const actor = started({
    supervise: (error) => {
      asked.push(error);
      return "restart";
    },
  });
  await actor.send(() => withTimeout(timeout, () => sleep(1000)));
  await actor.send("next");
  await actor.stop();
  assertEquals([asked, actor.log], [[timeout], [["restarted", timeout], "next", "ended"]]);
  assertEquals([actor.successful, now()], [true, 5]);
});

virtualTest("Actor fails with a Timeout that escapes from receive when it escalates", async () => {
  using reports = collectReports();
  const timeout = new Timeout(5);
  const actor = started();
  await actor.send(() => withTimeout(timeout, () => sleep(1000)));
  assertStrictEquals(await assertRejects(() => actor.get()), timeout);
  assertEquals(reports.list, [{ context: actor, error: timeout }]);
});

virtualTest("Actor waits for a decision that takes time", async () => {
  const broken = new Broken();
  const actor = started({
    supervise: async (): Promise<Supervision> => {
      await sleep(5);
      return "restart";
    },
  });
  for (const message of [broken, "next"]) await actor.send(message);
  await actor.stop();
  assertEquals([actor.log, now()], [[["restarted", broken], "next", "ended"], 5]);
});

virtualTest("Actor that is killed ends, whatever its clean-up throws instead", async () => {
  using _ = collectReports();
  const supervise = (): "restart" => {
    throw new Error("It was asked");
  };
  const broken = new Broken("clean-up");
  const timeout = new Timeout(5);
  for (const error of [broken, timeout]) {
    const actor = started({ supervise });
    await actor.send(() => sleep(1000).catch(() => Promise.reject(error)));
    await turns();
    await actor.kill();
    assertStrictEquals(actor.exception, error);
  }
  // Killed after its message was handed to it, and before it ran.
  const actor = started({ supervise });
  await turns();
  await actor.send(() => sleep(1000).finally(() => Promise.reject(broken)));
  await actor.kill();
  assertStrictEquals(actor.exception, broken);
});

virtualTest("Actor asks again for its failures when it has got over a kill", async () => {
  const broken = new Broken();
  const actor = started({ supervise: () => "restart" });
  await actor.send(() => sleep(1000).catch(() => {}));
  await turns();
  actor.throw();
  await actor.send(broken);
  await actor.send("next");
  await actor.stop();
  assertEquals(actor.log.slice(1), [["restarted", broken], "next", "ended"]);
});

virtualTest("Actor ends well when its receive throws a GreenletExit", async () => {
  const exit = new GreenletExit();
  const actor = started({ supervise: () => "restart" });
  await actor.send(exit);
  await actor.join();
  assertEquals([actor.successful, actor.value as unknown], [true, exit]);
});

// Kills and escalation.

virtualTest("Actor does not take a kill for a failure, whatever it is killed with", async () => {
  using reports = collectReports();
  for (const exception of [new GreenletExit(), new Broken(), new Timeout(5)]) {
    for (const message of [1000, undefined]) {
      const actor = started({
        supervise: () => {
          throw new Error("It was asked");
        },
      });
      if (message !== undefined) await actor.send(message);
      await turns();
      await actor.kill(exception);
      assertStrictEquals(actor.value ?? actor.exception, exception);
    }
  }
  assertEquals(reports.list.length, 4);
});

virtualTest(
  "Actor that is told to stop in its receive deals with what is left, then ends",
  async () => {
    const actor: Obedient = started();
    const stop = async (): Promise<void> => {
      await actor.stop();
      actor.log.push("went on");
    };
    for (const message of [stop, "left"]) await actor.send(message);
    await actor.join();
    assertEquals(actor.log, ["went on", stop, "left", "ended"]);
  },
);

virtualTest("Actor.supervise() fails with its child wherever it waits", async () => {
  for (const busy of [false, true]) {
    using reports = collectReports();
    const broken = new Broken();
    const parent = started({
      supervise: () => {
        throw new Error("It was asked");
      },
    });
    const failing = new Obedient();
    parent.supervise(child(failing));
    if (busy) await parent.send(1000);
    await turns();
    await failing.send(broken);
    assertStrictEquals(await assertRejects(() => parent.get()), broken);
    assertStrictEquals(failing.exception, broken);
    assertEquals(reports.list, [{ context: parent, error: broken }]);
    assertEquals(now(), 0);
  }
});

virtualTest("Actor.supervise() lets an error go up through several", async () => {
  using reports = collectReports();
  const broken = new Broken();
  const actors = Array.from({ length: 4 }, () => new Obedient());
  actors[0]!.start();
  for (let i = 1; i < actors.length; i++) actors[i - 1]!.supervise(child(actors[i]!));
  const sibling = new Obedient();
  actors[1]!.supervise(child(sibling));
  await turns();
  await actors[3]!.send(broken);
  await joinAll([...actors, sibling]);
  for (const actor of actors) assertStrictEquals(actor.exception, broken);
  assertInstanceOf(sibling.value, GreenletExit);
  assertEquals(reports.list, [{ context: actors[0], error: broken }]);
});

virtualTest("Actor.supervise() does not hear of what a child deals with itself", async () => {
  const parent = started();
  const [restarts, stops] = [
    new Obedient({ supervise: () => "restart" }),
    new Obedient({ supervise: () => "stop" }),
  ];
  for (const actor of [restarts, stops]) {
    parent.supervise(child(actor));
    await actor.send(new Broken());
  }
  const killed = new Obedient();
  parent.supervise(child(killed));
  await turns();
  await killed.kill();
  await sleep(10);
  assertEquals([parent.ready, restarts.ready, stops.ready], [false, false, true]);
  await parent.stop();
  await turns();
  assert(restarts.ready);
});

virtualTest("Actor.supervise() takes its children along, however it ends", async () => {
  using _ = collectReports();
  const ends: Record<string, (parent: Obedient) => unknown> = {
    stopped: (parent) => parent.stop(),
    killed: (parent) => parent.kill(),
    failed: (parent) => parent.send(new Broken()),
    "stopped itself": (parent) => parent.send(StopIteration),
    "never started": (parent) => parent.throw(),
  };
  for (const [how, end] of Object.entries(ends)) {
    const parent = new Obedient();
    if (how !== "never started") parent.start();
    const children = [new Obedient(), new Obedient()];
    for (const actor of children) parent.supervise(child(actor));
    await children[0]!.send(1000);
    await turns();
    await end(parent);
    await joinAll([parent, ...children]);
    for (const actor of children) assertInstanceOf(actor.value, GreenletExit, how);
    assertEquals(now(), 0, how);
  }
});

virtualTest("Actor.supervise() starts nothing when it has ended itself", async () => {
  const parent = started();
  await parent.stop();
  const late = new Obedient();
  parent.supervise(child(late));
  await late.join();
  assertInstanceOf(late.value, GreenletExit);
});

virtualTest("Actor lets a child clean up when it ends", async () => {
  const parent = started();
  const cleaned: number[] = [];
  const slow = new Obedient();
  parent.supervise(child(slow));
  await slow.send(async () => {
    try {
      await sleep(1000);
    } finally {
      await sleep(10);
      cleaned.push(now());
    }
  });
  await turns();
  await parent.kill();
  assertEquals([cleaned, slow.ready], [[], false]);
  await slow.join();
  assertEquals(cleaned, [10]);
});

virtualTest("Actor reports the error of a child whose supervisor has ended", async () => {
  using reports = collectReports();
  const broken = new Broken();
  const parent = started();
  const slow = new Obedient();
  parent.supervise(child(slow));
  await slow.send(() => sleep(1000).catch(() => Promise.reject(broken)));
  await turns();
  await parent.kill();
  await slow.join();
  assertEquals(reports.list, [{ context: slow, error: broken }]);
});

// Inboxes.

virtualTest("Actor.send() waits for room, in order, and gives up when it is told to", async () => {
  using _ = collectReports();
  const actor = started({ inboxSize: 2 });
  const gate = new Event();
  await actor.send(() => gate.wait());
  await turns();
  const senders = ["a", "b", "c", "d", "e"].map((name) => spawn(() => actor.send(name)));
  await turns();
  assertEquals(senders.map((sender) => sender.ready), [true, true, false, false, false]);
  await assertRejects(() => actor.send("late", { timeout: 5 }), Full);
  await assertRejects(() => withTimeout(5, () => actor.send("late")), Timeout);
  await senders[3]!.kill();
  gate.set();
  await actor.stop();
  assertEquals(
    actor.log.slice(1),
    ["a", "b", "ended"],
    "Those who waited for room were turned away",
  );
  assertInstanceOf(senders[2]!.exception, ShutDown);
});

virtualTest(
  "Actor.send() takes messages before it is started, and deals with them then",
  async () => {
    const actor = new Obedient();
    for (const message of ["a", "b"]) await actor.send(message);
    assertEquals(actor.log, []);
    actor.startLater(10);
    await actor.send("c");
    await sleep(10);
    await actor.stop();
    assertEquals(actor.log, ["a", "b", "c", "ended"]);
  },
);

virtualTest("Actor.send() throws ShutDown when it has ended, however that came", async () => {
  using _ = collectReports();
  const ends: ((actor: Obedient) => unknown)[] = [
    (actor) => actor.stop(),
    (actor) => actor.kill(),
    (actor) => actor.send(new Broken()),
    (actor) => actor.send(StopIteration),
  ];
  for (const end of ends) {
    const actor = started();
    await end(actor);
    if (!actor.inbox.isShutdown) await actor.send("left");
    await actor.join();
    await assertRejects(() => actor.send("late"), ShutDown);
    assertEquals([actor.inbox.qsize, actor.inbox.isShutdown], [0, true]);
  }
  const unstarted = new Obedient();
  unstarted.throw();
  await assertRejects(() => unstarted.send("late"), ShutDown);
  unstarted.start();
  assert(unstarted.dead);
});

virtualTest("Actor.stop() waits only as long as it is told", async () => {
  const actor = started();
  for (const message of [10, 10]) await actor.send(message);
  await actor.stop({ timeout: 15 });
  assertEquals([actor.ready, now()], [false, 15]);
  await assertRejects(() => actor.send("late"), ShutDown);
  await actor.stop();
  assertEquals([actor.log, now()], [[10, 10, "ended"], 20]);
});

virtualTest("Actor can be killed while it waits to stop, and by Group-like means", async () => {
  const actor = started();
  await actor.send(1000);
  const stopper = spawn(() => actor.stop());
  await turns();
  await stopper.kill();
  assertEquals(actor.ready, false);
  await actor.kill();
  assertEquals([actor.log, hub.timers.size], [["ended"], 0]);
});
