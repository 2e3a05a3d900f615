import { assertEquals, assertRejects } from "@std/assert";
import { ChildProgram } from "./child_program.ts";

function start(source: string): ChildProgram {
  return new ChildProgram([Deno.execPath(), "eval", source]);
}

Deno.test(
  "ChildProgram.line() waits for a line, and end() for the rest",
  { timeout: 30_000 },
  async () => {
    await using program = start("console.log('first'); console.log('last')");
    assertEquals((await program.line("first")).startsWith("first\n"), true);
    assertEquals(await program.end(), {
      code: 0,
      signal: null,
      stdout: "first\nlast\n",
      stderr: "",
    });
  },
);

for (const source of ["console.log('other')", "throw new Error('other')"]) {
  Deno.test(`ChildProgram.line() throws when the line does not come from ${source}`, {
    timeout: 30_000,
  }, async () => {
    await using program = start(source);
    await assertRejects(() => program.line("first"), Error, "other");
  });
}
