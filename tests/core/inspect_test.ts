import { assertEquals } from "@std/assert";
import { describeBlocked } from "../../core/inspect.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Event } from "../../sync/event.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

virtualTest("describeBlocked() names each living greenlet and all that it waits for", async () => {
  const event = new Event();
  const { promise, resolve } = Promise.withResolvers<void>();
  const greenlets = [
    spawn(() => Promise.all([event.wait(), sleep(5)])),
    spawn(async () => await promise),
  ];
  greenlets[0]!.name = "several";
  greenlets[1]!.name = "foreign";
  await turns();
  const lines = describeBlocked().filter((line) => !line.includes("runVirtual"));
  assertEquals(lines, [
    '<Greenlet "several"> waits for Event.wait, sleep',
    '<Greenlet "foreign"> waits for a promise from elsewhere',
  ]);
  event.set();
  resolve();
  await sleep(10);
});
