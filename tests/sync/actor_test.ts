import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { GreenletExit, ShutDown } from "../../core/errors.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { withTimeout } from "../../core/timeout.ts";
import { Actor, type ActorOptions } from "../../sync/actor.ts";
import { collectReports } from "../helpers/reports.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

class Recorder extends Actor<number> {
  readonly seen: number[] = [];
  readonly restarts: unknown[] = [];

  constructor(options?: ActorOptions) {
    super(options);
  }

  override async receive(n: number): Promise<void> {
    await sleep(1);
    if (n < 0) throw new RangeError(`cannot take ${n}`);
    this.seen.push(n);
  }

  override restarted(error: unknown): void {
    this.restarts.push((error as Error).message);
  }
}

function started(options?: ActorOptions): Recorder {
  const actor = new Recorder(options);
  actor.start();
  return actor;
}

Deno.test("Actor refuses numbers that make no sense", () => {
  for (const options of [{ maxRestarts: -1 }, { within: 0 }, { within: NaN }]) {
    assertThrows(() => new Recorder(options), RangeError, "as it must be");
  }
  assertThrows(() => new Recorder({ inboxSize: -1 }), RangeError, "received -1");
});

virtualTest(
  "Actor deals with one message after the other, and with all before it stops",
  async () => {
    const actor = started();
    for (const n of [1, 2, 3]) await actor.send(n);
    assertEquals(actor.seen, []);
    await actor.stop();
    assertEquals([actor.seen, actor.dead, actor.successful, now()], [[1, 2, 3], true, true, 3]);
    await assertRejects(() => actor.send(4), ShutDown);
    await actor.stop();
  },
);

virtualTest("Actor makes the sender wait when its inbox is full", async () => {
  const actor = started({ inboxSize: 1 });
  const sender = spawn(async () => {
    for (const n of [1, 2, 3]) await actor.send(n);
    return now();
  });
  assertEquals(await sender.get(), 1);
  await actor.stop();
  assertEquals(actor.seen, [1, 2, 3]);
});

virtualTest("Actor fails with the error of receive when nobody decides otherwise", async () => {
  using reports = collectReports();
  const actor = started();
  await actor.send(-1);
  await actor.send(2);
  await actor.join();
  assertInstanceOf(actor.exception, RangeError);
  assertEquals([actor.seen, actor.inbox.qsize, reports.list.length], [[], 0, 1]);
});

virtualTest("Actor goes on with the next message when it is to restart", async () => {
  const asked: unknown[] = [];
  const actor = started({
    supervise: (error, message) => {
      asked.push([(error as Error).message, message]);
      return "restart";
    },
  });
  for (const n of [1, -2, 3]) await actor.send(n);
  await actor.stop();
  assertEquals([actor.seen, actor.restarts], [[1, 3], ["cannot take -2"]]);
  assertEquals(asked, [["cannot take -2", -2]]);
});

virtualTest("Actor fails when it was to restart too often in a time", async () => {
  using _ = collectReports();
  const actor = started({ supervise: () => "restart", maxRestarts: 2, within: 100 });
  for (const n of [-1, -2]) await actor.send(n);
  await sleep(150);
  for (const n of [-3, -4, 5, -6]) await actor.send(n);
  await actor.join();
  assertEquals([actor.restarts.length, actor.seen], [4, [5]]);
  assertEquals((actor.exception as Error).message, "cannot take -6");
});

virtualTest("Actor just ends when it is to stop", async () => {
  const actor = started({ supervise: () => "stop" });
  for (const n of [1, -1, 2]) await actor.send(n);
  await actor.join();
  assertEquals([actor.seen, actor.successful], [[1], true]);
});

virtualTest("Actor is no more than a greenlet when killed, and turns senders away", async () => {
  const actor = started({ inboxSize: 1, supervise: () => "restart" });
  const sender = spawn(async () => {
    for (const n of [1, 2, 3]) await actor.send(n);
  });
  const blocked = sender.get().catch((error) => error);
  using _ = collectReports();
  await turns();
  await actor.kill();
  assertInstanceOf(actor.value, GreenletExit);
  assertInstanceOf(await blocked, ShutDown);
});

virtualTest("Actor.stop() ends one that was never started", async () => {
  const actor = new Recorder();
  await actor.send(1);
  await actor.stop();
  assertEquals([actor.dead, actor.seen], [true, []]);
});

virtualTest(
  "Actor.supervise() fails with a child that fails, and takes the others with it",
  async () => {
    using reports = collectReports();
    const parent = started();
    const [failing, other] = [new Recorder(), new Recorder()];
    parent.supervise(failing as Actor<never>);
    parent.supervise(other as Actor<never>);
    await failing.send(-1);
    await parent.join();
    await turns();
    assertEquals(parent.exception, failing.exception);
    assertInstanceOf(other.value, GreenletExit);
    assertEquals(reports.list.map((report) => report.context), [parent]);
  },
);

virtualTest("Actor.supervise() does not mind a child that ends well", async () => {
  const parent = started();
  const child = new Recorder();
  parent.supervise(child as Actor<never>);
  await child.send(1);
  await child.stop();
  await turns();
  assert(!parent.dead);
  await parent.stop();
});

virtualTest("Actor.send() gives up when its timeout comes before there is room", async () => {
  const actor = new Recorder({ inboxSize: 1 });
  await actor.send(1);
  await assertRejects(() => actor.send(2, { timeout: 5 }), Error, "full");
  await assertRejects(() => withTimeout(5, () => actor.send(2)));
  assertEquals(actor.inbox.qsize, 1);
  actor.throw();
});
