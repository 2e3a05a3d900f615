import { assertEquals, assertRejects } from "@std/assert";
import { describeBlocked } from "../../core/inspect.ts";
import echoCallbacks from "../../examples/tutorial/echo_callbacks.ts";
import echoLoad from "../../examples/tutorial/echo_load.ts";
import echoOneAtATime from "../../examples/tutorial/echo_one_at_a_time.ts";
import echoPerClient from "../../examples/tutorial/echo_per_client.ts";
import echoPipe from "../../examples/tutorial/echo_pipe.ts";
import echoServer from "../../examples/tutorial/echo_server.ts";
import greetingServer from "../../examples/tutorial/greeting_server.ts";
import { connect, type ParsedAddress, type Socket, spawn, Timeout } from "../../mod.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { lines, printed } from "../helpers/printed.ts";
import { seededRandom } from "../helpers/random.ts";
import { bytes, text } from "../helpers/sockets.ts";

/** The ways to write an echo server, by what runs them until the test is over. */
const ECHO_SERVERS: Readonly<Record<string, EchoServer>> = {
  echo_one_at_a_time: (use) => withListener(echoOneAtATime, use),
  echo_per_client: (use) => withListener(echoPerClient, use),
  echo_callbacks: (use) => withListener(echoCallbacks, use),
  echo_pipe: (use) => withServer(echoPipe, use),
  echo_server: (use) => withServer(echoServer, use),
};

type EchoServer = (use: (address: ParsedAddress) => Promise<void>) => Promise<void>;

async function withListener(
  serve: (listener: Deno.Listener) => Promise<void>,
  use: (address: ParsedAddress) => Promise<void>,
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const server = spawn(serve, listener);
  await use(listener.addr);
  await server.kill();
  // Nobody waits for the greenlets of clients that have left just now.
  await eventually(() => describeBlocked().length === 0);
}

async function withServer(
  make: typeof echoServer,
  use: (address: ParsedAddress) => Promise<void>,
): Promise<void> {
  await using server = make("127.0.0.1:0");
  await server.start();
  await use(server.address);
}

/** Sends something and reads as much. */
async function echoOf(socket: Socket, data: Uint8Array): Promise<Uint8Array> {
  const sending = spawn(() => socket.sendAll(data));
  const echo = await socket.recvExactly(data.length);
  await sending.get();
  return echo;
}

ioTest("greeting_server: says hello and counts", async () => {
  await using server = greetingServer("127.0.0.1:0");
  await server.start();
  using socket = await connect(server.address);
  const read: string[] = [];
  for (let line = await socket.readLine(); line.length > 0; line = await socket.readLine()) {
    read.push(text(line).trimEnd());
  }
  assertEquals(
    read,
    lines(`
      Hello from a telnet!
      0
      1
      2
      3
      4
    `),
  );
});

for (const [name, run] of Object.entries(ECHO_SERVERS)) {
  ioTest(
    `${name}: any bytes come back in order, and the end of the input is the end`,
    () =>
      run(async (address) => {
        using socket = await connect(address);
        const random = seededRandom(1);
        const data = Uint8Array.from({ length: 300_000 }, () => random(256));
        assertEquals(await echoOf(socket, data), data);
        assertEquals(text(await echoOf(socket, bytes("once more"))), "once more");
        await socket.closeWrite();
        assertEquals(await socket.recv(), new Uint8Array());
      }),
  );
}

ioTest(
  "echo_one_at_a_time: the second client waits until the first one has left",
  () =>
    ECHO_SERVERS.echo_one_at_a_time!(async (address) => {
      const first = await connect(address);
      using second = await connect(address);
      await second.sendAll(bytes("second"));
      for (let i = 0; i < 20; i++) assertEquals(text(await echoOf(first, bytes("first"))), "first");
      await assertRejects(() => second.recv(1024, { timeout: 20 }), Timeout);
      first.close();
      assertEquals(text(await second.recvExactly(6)), "second");
    }),
);

for (const name of ["echo_per_client", "echo_callbacks", "echo_pipe", "echo_server"]) {
  ioTest(
    `${name}: serves many clients at the same time`,
    () =>
      ECHO_SERVERS[name]!(async (address) => {
        const sockets = await Promise.all(Array.from({ length: 200 }, () => connect(address)));
        // From the last to the first, so that nobody has to leave before another one is served.
        for (const [index, socket] of [...sockets.entries()].reverse()) {
          assertEquals(text(await echoOf(socket, bytes(`I am ${index}`))), `I am ${index}`);
        }
        for (const socket of sockets) socket.close();
      }),
  );

  ioTest(`${name}: stands the load of echo_load`, () =>
    ECHO_SERVERS[name]!(async (address) => {
      const { stdout } = await printed(() => echoLoad(address, 100, 50));
      assertEquals(stdout, ["100 connections, 5000 echoes"]);
    }));
}
