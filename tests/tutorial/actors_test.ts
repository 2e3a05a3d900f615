import { assertEquals } from "@std/assert";
import actors from "../../examples/tutorial/actors.ts";
import { printedVirtually } from "../helpers/printed.ts";

Deno.test("actors: answer each other for ever", async () => {
  const { stdout } = await printedVirtually(actors, 9);
  assertEquals(stdout, [
    "start",
    ...["ping", "pong"],
    ...["ping", "pong"],
    ...["ping", "pong"],
    ...["ping", "pong"],
  ]);
});
