import { assert, assertEquals } from "@std/assert";
import echoLoad from "../../examples/tutorial/echo_load.ts";
import monkeyEcho from "../../examples/tutorial/monkey_echo.ts";
import monkeyFetch from "../../examples/tutorial/monkey_fetch.ts";
import monkeyIdentity from "../../examples/tutorial/monkey_identity.ts";
import monkeyTasks from "../../examples/tutorial/monkey_tasks.ts";
import { describeBlocked } from "../../core/inspect.ts";
import { connect, GreenletExit, type ParsedAddress, spawn } from "../../mod.ts";
import { patchAll } from "../../monkey/mod.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { lines, printed } from "../helpers/printed.ts";
import { bytes, text } from "../helpers/sockets.ts";

Deno.test("monkey_identity: patching changes what functions and classes are, and can be taken back", async () => {
  const { stdout } = await printed(monkeyIdentity);
  assertEquals(
    stdout,
    lines(`
      fetch is the runtime's own: true
      setTimeout is the runtime's own: true
      Deno.connect is the runtime's own: true
      Deno.Command is the runtime's own: true
      After monkey patch
      fetch is the runtime's own: false
      setTimeout is the runtime's own: false
      Deno.connect is the runtime's own: false
      Deno.Command is the runtime's own: false
      The original is at hand: true
      It is still called connect
      After unpatching
      fetch is the runtime's own: true
      setTimeout is the runtime's own: true
      Deno.connect is the runtime's own: true
      Deno.Command is the runtime's own: true
      Anything is patched: false
    `),
  );
});

ioTest(
  "monkey_tasks: tasks that know nothing of greenlets run at once, and end when they are told to",
  async () => {
    const { stdout } = await printed(monkeyTasks);
    const tasks = (from: number): string[] =>
      Array.from({ length: 10 - from }, (_, i) => `Task ${from + i} done`);
    assertEquals(stdout.slice(0, 11), ["Synchronous:", ...tasks(1), "Asynchronous:"]);
    assertEquals(stdout.slice(11, 21).sort(), tasks(0));
    assertEquals(stdout.slice(21), ["Task 10 was killed, task 11 took too long"]);
  },
);

ioTest("monkey_fetch: asks nine times in a row, and nine times at once", async () => {
  let [active, most] = [0, 0];
  const mostOf = { synchronous: 0, asynchronous: 0 };
  const all = Promise.withResolvers<void>();
  let asked = 0;
  await using service = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async () => {
      const n = ++asked;
      most = Math.max(most, ++active);
      if (n <= 9) mostOf.synchronous = most;
      else if (active === 9) all.resolve();
      if (n > 9) await all.promise; // nobody is answered before all nine have asked
      active--;
      return Response.json({ datetime: `time ${n}` });
    },
  );
  const { stdout } = await printed(() => monkeyFetch(`http://127.0.0.1:${service.addr.port}/`));
  mostOf.asynchronous = most;
  const processes = (list: string[]): string[] => list.map((line) => line.split(":")[0]!);
  const expected = Array.from({ length: 9 }, (_, i) => `Process ${i + 1}`);
  assertEquals(stdout[0], "Synchronous:");
  assertEquals(stdout.slice(1, 10), expected.map((process, i) => `${process}: time ${i + 1}`));
  assertEquals(stdout[10], "Asynchronous:");
  assertEquals(processes(stdout.slice(11)).sort(), expected);
  assertEquals(mostOf, { synchronous: 1, asynchronous: 9 });
});

/** Runs the echo server of the example, patched, as long as `use` does. */
async function withEcho(use: (address: ParsedAddress) => Promise<void>): Promise<void> {
  using _patches = patchAll({ onWarning() {} });
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const server = spawn(monkeyEcho, listener);
  await use(listener.addr);
  await server.kill();
  assert(server.value instanceof GreenletExit);
  await eventually(() => describeBlocked().length === 0);
}

ioTest("monkey_echo: serves many clients at the same time", () =>
  withEcho(async (address) => {
    const sockets = await Promise.all(Array.from({ length: 200 }, () => connect(address)));
    // From the last to the first, so that nobody has to leave before another one is served.
    for (const [index, socket] of [...sockets.entries()].reverse()) {
      const data = bytes(`I am ${index}`);
      await socket.sendAll(data);
      assertEquals(text(await socket.recvExactly(data.length)), `I am ${index}`);
    }
    for (const socket of sockets) socket.close();
  }));

ioTest("monkey_echo: stands the load of echo_load", () =>
  withEcho(async (address) => {
    const { stdout } = await printed(() => echoLoad(address, 100, 50));
    assertEquals(stdout, ["100 connections, 5000 echoes"]);
  }));
