import { assertEquals, assertRejects } from "@std/assert";
import timeoutInBlock, { TooLong } from "../../examples/tutorial/timeout_in_block.ts";
import timeoutOnJoin from "../../examples/tutorial/timeout_on_join.ts";
import timeoutsOfCalls from "../../examples/tutorial/timeouts_of_calls.ts";
import { lines, printedVirtually } from "../helpers/printed.ts";

Deno.test("timeout_on_join: a timeout comes before a sleeper that is due at the same time", async () => {
  const { stdout, ms } = await printedVirtually(timeoutOnJoin);
  assertEquals(stdout, ["Could not complete"]);
  assertEquals(ms, 10_000);
});

Deno.test("timeout_in_block: raises the error it was given", async () => {
  const { ms } = await printedVirtually(() => assertRejects(timeoutInBlock, TooLong));
  assertEquals(ms, 5000);
});

Deno.test("timeouts_of_calls: all three are timed out", async () => {
  const { stdout, ms } = await printedVirtually(timeoutsOfCalls);
  assertEquals(
    stdout,
    lines(`
      Thread 1 timed out
      Thread 2 timed out
      Thread 3 timed out
    `),
  );
  assertEquals(ms, 3000);
});
