import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect } from "../../net/connect.ts";
import type { Socket } from "../../net/socket.ts";
import { StreamServer } from "../../net/stream_server.ts";
import { CERTIFICATE, KEY } from "../helpers/certificates.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { bytes, text } from "../helpers/sockets.ts";
import { CLIENT, SERVER } from "../helpers/tls.ts";
import { exists, withFolder } from "../helpers/unix_sockets.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

async function greet(socket: Socket): Promise<void> {
  await socket.sendAll(bytes("hello\n"));
}

ioTest("StreamServer accepts from a listener that exists, and closes it in the end", async () => {
  const listener = Deno.listen(LOCAL);
  const { hostname, port } = listener.addr;
  using early = await connect({ hostname, port }); // what came before it was started is not lost
  const server = new StreamServer(listener, greet);
  assertEquals(server.address, { hostname, port });
  await server.start();
  assertEquals(server.port, port);
  assertEquals(text(await early.readLine()), "hello\n");
  await server.stop();
  assertThrows(() => listener.close(), Deno.errors.BadResource);
  await assertRejects(() => connect(server.address), Deno.errors.ConnectionRefused);
});

ioTest("StreamServer does TLS on a listener that exists", async () => {
  await using server = new StreamServer(Deno.listen(LOCAL), greet, SERVER);
  await server.start();
  using client = await connect(server.address, { tls: CLIENT });
  assertEquals(text(await client.readLine()), "hello\n");
});

ioTest("StreamServer accepts from a listener that does TLS itself", async () => {
  const listener = Deno.listenTls({ ...LOCAL, cert: CERTIFICATE, key: KEY });
  let handled = 0;
  await using server = new StreamServer(listener, async (socket) => {
    handled++;
    await greet(socket);
  });
  await server.start();
  using plain = await connect(server.address);
  await plain.sendAll(bytes("GET / HTTP/1.1\r\n\r\n"));
  while ((await plain.recv()).length > 0); // an alert, and the end
  using client = await connect(server.address, { tls: CLIENT });
  assertEquals(text(await client.readLine()), "hello\n");
  assertEquals(handled, 1);
});

ioTest(
  "StreamServer accepts from a unix listener, whose file it leaves before the end",
  async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/socket`;
      let connections = 0;
      const server = new StreamServer(Deno.listen({ transport: "unix", path }), async (socket) => {
        connections++;
        await greet(socket);
      });
      await server.start();
      using client = await connect({ path });
      assertEquals(text(await client.readLine()), "hello\n");
      assertEquals(connections, 1);
      await server.stop();
      assertEquals(await exists(path), false);
    });
  },
);

ioTest("StreamServer that was never started closes the listener it was given", async () => {
  const listener = Deno.listen(LOCAL);
  const server = new StreamServer(listener, greet);
  await server.stop();
  assert(server.closed);
  await assertRejects(() => connect(server.address), Deno.errors.ConnectionRefused);
});

ioTest("StreamServer refuses options that are for opening a listener", () => {
  using listener = Deno.listen(LOCAL);
  for (const options of [{ backlog: 10 }, { reusePort: true }, { mode: 0o600 }]) {
    const [name] = Object.keys(options);
    assertThrows(() => new StreamServer(listener, greet, options), TypeError, `'${name}'`);
  }
  const options = { ...SERVER, engine: "deno" } as const;
  assertThrows(() => new StreamServer(listener, greet, options), TypeError, "'deno'");
});

ioTest("StreamServer shares its port with another process, and each gets connections", async () => {
  const program = new URL("programs/shared_port.ts", import.meta.url).href;
  await using first = await start(program, "0");
  await using second = await start(program, String(first.port));
  assertEquals(second.port, first.port);
  const seen = new Set<string>();
  await eventually(async () => {
    using client = await connect(first.port);
    seen.add(text(await client.readLine()));
    return seen.size === 2;
  });
  assertEquals([...seen].sort(), [`${first.pid}\n`, `${second.pid}\n`].sort());
});

/** Starts a program that prints its port. */
async function start(
  program: string,
  ...args: string[]
): Promise<{ readonly port: number; readonly pid: number } & AsyncDisposable> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", "--unstable-net", program, ...args],
    stdout: "piped",
  }).spawn();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await reader.read();
  return {
    port: Number(value),
    pid: process.pid,
    async [Symbol.asyncDispose]() {
      process.kill("SIGKILL");
      await reader.cancel();
      await process.status;
    },
  };
}
