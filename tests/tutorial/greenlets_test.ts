import { assert, assertEquals } from "@std/assert";
import determinism from "../../examples/tutorial/determinism.ts";
import polling from "../../examples/tutorial/polling.ts";
import switching from "../../examples/tutorial/switching.ts";
import syncAndAsync from "../../examples/tutorial/sync_and_async.ts";
import { lines, printed, printedVirtually } from "../helpers/printed.ts";

Deno.test("switching: two greenlets take turns", async () => {
  const { stdout } = await printedVirtually(switching);
  assertEquals(
    stdout,
    lines(`
      Running in foo
      Explicit context to bar
      Explicit context switch to foo again
      Implicit context switch back to bar
    `),
  );
});

Deno.test("polling: greenlets wait at the same time", async () => {
  const { stdout, ms } = await printedVirtually(polling);
  assertEquals(
    stdout,
    lines(`
      Started Polling: at 0.0 seconds
      Started Polling: at 0.0 seconds
      Hey lets do some stuff while the greenlets poll, at 0.0 seconds
      Ended Polling: at 2.0 seconds
      Ended Polling: at 2.0 seconds
    `),
  );
  assertEquals(ms, 2000);
});

Deno.test("sync_and_async: one after the other keeps the order, all at once takes no longer than the slowest", async () => {
  const { stdout, ms } = await printedVirtually(syncAndAsync);
  const tasks = (from: number) =>
    Array.from({ length: 10 - from }, (_, i) => `Task ${from + i} done`);
  assertEquals(stdout.slice(0, 11), ["Synchronous:", ...tasks(1), "Asynchronous:"]);
  assertEquals(stdout.slice(11).sort(), tasks(0));
  assert(ms <= 9 * 2 + 2);
});

Deno.test("determinism: runs of greenlets agree", async () => {
  const { stdout } = await printed(determinism);
  assertEquals(stdout.length, 2); // threads may happen to agree, too
  assertEquals(stdout[1], "true");
});
