import { assert, assertEquals, assertRejects } from "@std/assert";
import { ServerProcess } from "./server_process.ts";

function evaluate(program: string): [string, ...string[]] {
  return [Deno.execPath(), "eval", program];
}

Deno.test({
  name: "ServerProcess reads the port, goes on reading, and kills the process",
  timeout: 60_000,
  fn: async () => {
    const chatter = "console.log(4000); setInterval(() => console.log('x'.repeat(9999)), 1);";
    await using server = await ServerProcess.start(evaluate(chatter));
    assertEquals(server.port, 4000);
    const { cpuSeconds } = await server.usage();
    assert(Deno.build.os !== "linux" || cpuSeconds >= 0);
  },
});

Deno.test({
  name: "ServerProcess.start() throws the end of stderr when there is no port",
  timeout: 60_000,
  fn: async () => {
    const failing = "console.error('first'); console.error('no module named x'); Deno.exit(1);";
    await assertRejects(() => ServerProcess.start(evaluate(failing)), Error, "no module named x");
    await assertRejects(() => ServerProcess.start(evaluate("")), Error, "Did not print a port");
  },
});
