import { assert, assertEquals, assertThrows } from "@std/assert";
import { joinAll } from "../../core/join.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { trace } from "../../core/trace.ts";
import { virtualTest } from "../helpers/virtual_test.ts";

virtualTest(
  "trace() records each stretch in which a greenlet ran, in a lane of its own",
  async () => {
    using recording = trace();
    const greenlets = ["a", "b"].map((name) => {
      const greenlet = spawn(async () => {
        await sleep(1);
        await sleep(1);
      });
      greenlet.name = name;
      return greenlet;
    });
    await joinAll(greenlets);
    recording.stop();
    const lanes = new Map(
      recording.events.filter((event) => event.ph === "M")
        .map((event) => [event.args!.name, event.tid]),
    );
    for (const name of ["a", "b"]) {
      const stretches = recording.events.filter((event) => event.ph === "X" && event.name === name);
      assertEquals(stretches.length, 3, name);
      assertEquals(stretches.map((event) => event.args?.["waits for"]), [
        "sleep",
        "sleep",
        undefined,
      ]);
      for (const { tid, dur } of stretches) assert(tid === lanes.get(name) && dur! >= 0);
    }
    assertEquals(lanes.get("a") === lanes.get("b"), false);
    assertEquals(recording.toJSON(), { traceEvents: recording.events });
  },
);

virtualTest("Trace.stop() ends the recording", async () => {
  const recording = trace();
  recording.stop();
  const { length } = recording.events;
  await spawn(() => sleep(1)).join();
  assertEquals(recording.events.length, length);
});

virtualTest(
  "trace() refuses a second recording, and an old one does not end a new one",
  async () => {
    const first = trace();
    assertThrows(() => trace(), TypeError, "going on already");
    first.stop();
    using second = trace();
    first.stop();
    await spawn(() => {}).join();
    assert(second.events.length > 0);
  },
);

virtualTest("trace() does not change in which order greenlets run", async () => {
  const run = async (): Promise<string> => {
    const order: string[] = [];
    await joinAll(["a", "b"].map((name) =>
      spawn(async () => {
        for (let i = 0; i < 3; i++) {
          await sleep();
          order.push(name);
        }
      })
    ));
    return order.join("");
  };
  const plain = await run();
  using _ = trace();
  assertEquals(await run(), plain);
});
