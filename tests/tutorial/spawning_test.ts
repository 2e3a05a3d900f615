import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import greenletState from "../../examples/tutorial/greenlet_state.ts";
import greenletSubclass from "../../examples/tutorial/greenlet_subclass.ts";
import programShutdown from "../../examples/tutorial/program_shutdown.ts";
import spawning from "../../examples/tutorial/spawning.ts";
import { spawn, wait } from "../../mod.ts";
import { lines, printedVirtually } from "../helpers/printed.ts";

Deno.test("spawning: what is returned is not printed", async () => {
  const { stdout, ms } = await printedVirtually(spawning);
  assertEquals(stdout, ["Hello", "I live!"]);
  assertEquals(ms, 2000);
});

Deno.test("greenlet_subclass: runs with its own fields", async () => {
  const { stdout, ms } = await printedVirtually(greenletSubclass);
  assertEquals(stdout, ["Hi there!"]);
  assertEquals(ms, 3000);
});

Deno.test("greenlet_state: an error stays inside its greenlet and is printed to stderr", async () => {
  const { stdout, stderr } = await printedVirtually(greenletState);
  assertEquals(
    stdout,
    lines(`
      true
      true
      You win!
      undefined
      true
      true
      true
      false
      You fail at failing.
    `),
  );
  assertStringIncludes(stderr, "Error: You fail at failing.\n    at ");
  assertStringIncludes(stderr, "fail> failed with Error");
});

Deno.test("program_shutdown: ends only when it is told to", async () => {
  const { stdout, ms } = await printedVirtually(async () => {
    const program = spawn(programShutdown);
    await program.join({ timeout: 500_000 });
    assert(program.started);
    await program.kill();
    assertEquals(await wait(), true, "It has left a greenlet behind");
  });
  assertEquals(stdout, []);
  assertEquals(ms, 500_000);
});
