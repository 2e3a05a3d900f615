import { assertEquals } from "@std/assert";
import locals from "../../examples/tutorial/locals.ts";
import semaphores from "../../examples/tutorial/semaphores.ts";
import { lines, printedVirtually } from "../helpers/printed.ts";

Deno.test("semaphores: no more than two hold it at a time", async () => {
  const { stdout } = await printedVirtually(semaphores);
  assertEquals(
    stdout,
    lines(`
      Worker 0 acquired semaphore
      Worker 1 acquired semaphore
      Worker 0 released semaphore
      Worker 1 released semaphore
      Worker 3 acquired semaphore
      Worker 4 acquired semaphore
      Worker 3 released semaphore
      Worker 4 released semaphore
      Worker 5 acquired semaphore
      Worker 5 released semaphore
    `),
  );
});

Deno.test("locals: no greenlet sees the values of another", async () => {
  const { stdout } = await printedVirtually(locals);
  assertEquals(stdout, ["1", "2", "x is not local to f2"]);
});
