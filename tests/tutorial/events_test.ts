import { assertEquals } from "@std/assert";
import asyncResults from "../../examples/tutorial/async_results.ts";
import events from "../../examples/tutorial/events.ts";
import wakeUpCall from "../../examples/tutorial/wake_up_call.ts";
import { lines, printedVirtually } from "../helpers/printed.ts";

Deno.test("events: one event wakes all who wait", async () => {
  const { stdout, ms } = await printedVirtually(events);
  assertEquals(
    stdout,
    lines(`
      A: Hey wait for me, I have to do something
      I'll wait for you
      I'll wait for you
      I'll wait for you
      I'll wait for you
      I'll wait for you
      Ok, I'm done
      It's about time
      It's about time
      It's about time
      It's about time
      It's about time
    `),
  );
  assertEquals(ms, 3000);
});

Deno.test("wake_up_call: a result without a value wakes, too", async () => {
  const { stdout, ms } = await printedVirtually(wakeUpCall);
  assertEquals(stdout, ["I live!"]);
  assertEquals(ms, 3000);
});

Deno.test("async_results: the value gets to the one who waits", async () => {
  const { stdout, ms } = await printedVirtually(asyncResults);
  assertEquals(stdout, ["Hello!"]);
  assertEquals(ms, 3000);
});
