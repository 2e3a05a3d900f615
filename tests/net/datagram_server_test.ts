import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Pool } from "../../core/pool.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { DatagramServer, type DatagramServerOptions } from "../../net/datagram_server.ts";
import { DatagramSocket } from "../../net/datagram_socket.ts";
import type { DatagramHandler } from "../../net/datagram_server.ts";
import { Semaphore } from "../../sync/semaphore.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { collectReports } from "../helpers/reports.ts";
import { bytes, text } from "../helpers/sockets.ts";
import { exists, withFolder } from "../helpers/unix_sockets.ts";

const { AddrInUse, BadResource } = Deno.errors;

/** Registers a test with a server and a client that is connected to it. */
function serverTest(
  name: string,
  makeHandler: (server: () => DatagramServer) => DatagramHandler,
  fn: (server: DatagramServer, client: DatagramSocket) => Promise<void>,
  options?: DatagramServerOptions,
): void {
  ioTest(name, async () => {
    const handle = makeHandler(() => server);
    await using server: DatagramServer = new DatagramServer("127.0.0.1:0", handle, options);
    await server.start();
    using client = await DatagramSocket.connect(server.address);
    await fn(server, client);
  });
}

const echo = (server: () => DatagramServer): DatagramHandler => (data, address) =>
  server().sendTo(data, address);

serverTest("DatagramServer answers each datagram", echo, async (server, client) => {
  for (const message of ["one", "", "three"]) {
    await client.send(bytes(message));
    assertEquals(text(await client.recv()), message);
  }
  assertEquals(server.port, (client.remoteAddr as Deno.NetAddr).port);
  assert(server.started);
  assertEquals(String(server), `<DatagramServer 127.0.0.1:${server.port} started>`);
});

serverTest(
  "DatagramServer runs handlers side by side",
  (server) => async (data, address) => {
    if (text(data) === "slow") await sleep(60_000);
    await server().sendTo(data, address);
  },
  async (_server, client) => {
    await client.send(bytes("slow"));
    await client.send(bytes("quick"));
    assertEquals(text(await client.recv()), "quick");
  },
  { stopTimeout: 0 },
);

ioTest("DatagramServer keeps datagrams while its pool is full", async () => {
  const got: string[] = [];
  const gate = new Semaphore(0);
  await using server = new DatagramServer("127.0.0.1:0", async (data) => {
    got.push(text(data));
    await gate.acquire();
  }, { spawn: new Pool(1), backlog: 2 });
  await server.start();
  using client = await DatagramSocket.connect(server.address);
  for (let i = 0; i < 6; i++) await client.send(bytes(String(i)));
  for (let running = 1; running <= 6; running++) {
    await eventually(() => got.length === running);
    assert(server.full);
    gate.release();
  }
  assertEquals([got.join(), server.dropped], ["0,1,2,3,4,5", 0]);
});

serverTest(
  "DatagramServer reports a handler that fails, and goes on",
  (server) => async (data, address) => {
    if (data.length === 0) throw new Error("no data");
    await server().sendTo(data, address);
  },
  async (_server, client) => {
    using reports = collectReports();
    await client.send(bytes(""));
    await client.send(bytes("x"));
    assertEquals(text(await client.recv()), "x");
    assertEquals(reports.list.map(({ error }) => (error as Error).message), ["no data"]);
  },
);

serverTest(
  "DatagramServer lets handlers send until they have ended when it is stopped",
  (server) => async (data, address) => {
    await server().sendTo(bytes("begun"), address);
    await sleep(20);
    await server().sendTo(data, address);
  },
  async (server, client) => {
    await client.send(bytes("end"));
    assertEquals(text(await client.recv()), "begun");
    const stopping = spawn(() => server.stop());
    assertEquals(text(await client.recv()), "end");
    await stopping.join();
    await assertRejects(() => server.sendTo(bytes("x"), client.localAddr), BadResource);
    using again = await DatagramSocket.bind({ hostname: "127.0.0.1", port: server.port });
    assert(!again.closed, "The port is still taken");
  },
);

serverTest(
  "DatagramServer kills handlers that go on too long when it is stopped",
  () => () => sleep(60_000),
  async (server, client) => {
    await client.send(bytes("x"));
    await eventually(() => server.pool.size === 1);
    await server.stop({ timeout: 1 });
    assertEquals(server.pool.size, 0);
    assert(server.closed);
  },
);

serverTest(
  "DatagramServer.sendTo() sends in the order of the calls, whoever calls",
  echo,
  async (server, client) => {
    const sending = Array.from(
      { length: 20 },
      (_, i) =>
        spawn(() =>
          server.sendTo(bytes(String(i)), {
            ...client.localAddr as Deno.NetAddr,
            hostname: "127.0.0.1",
          })
        ),
    );
    for (let i = 0; i < 20; i++) {
      assertEquals(text(await client.recv()), String(i));
    }
    for (const greenlet of sending) await greenlet.get();
  },
);

ioTest(
  "DatagramServer refuses arguments of the wrong form, and to send before it is started",
  async () => {
    assertThrows(
      () => new DatagramServer("127.0.0.1:0", 1 as unknown as DatagramHandler),
      TypeError,
    );
    assertThrows(() => new DatagramServer("nonsense", () => {}), TypeError, "nonsense");
    const make = () => new DatagramServer("127.0.0.1:0", () => {}, { backlog: 0 });
    assertThrows(make, RangeError, "'backlog'");
    const server = new DatagramServer("127.0.0.1:0", () => {});
    await assertRejects(() => server.sendTo(bytes("x"), "127.0.0.1:1"), BadResource, "not started");
    assertEquals(server.dropped, 0);
  },
);

ioTest("DatagramServer.start() names the address once when that is taken", async () => {
  using socket = await DatagramSocket.bind("127.0.0.1:0");
  const { port } = socket.localAddr as Deno.NetAddr;
  const server = new DatagramServer(`127.0.0.1:${port}`, () => {});
  const error = await assertRejects(() => server.start(), AddrInUse);
  assertEquals(error.message.split(`127.0.0.1:${port}`).length, 2, error.message);
  assert(!server.started);
});

ioTest(
  "DatagramServer receives over a unix socket if the runtime has that, and replaces a stale one",
  async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/log`;
      const module = new URL("../../net/", import.meta.url).href;
      const program = `
      const { DatagramServer } = await import("${module}datagram_server.ts");
      const { DatagramSocket } = await import("${module}datagram_socket.ts");
      const path = ${JSON.stringify(path)};
      Deno.listenDatagram({ transport: "unixpacket", path }).close(); // leaves its file
      const got = Promise.withResolvers();
      const server = new DatagramServer({ path }, (data) => got.resolve(data.length));
      await server.start();
      using client = await DatagramSocket.bind({ path: path + "2" });
      await client.sendTo(new Uint8Array(3), server.address);
      console.log(await got.promise, String(server));
      const second = new DatagramServer({ path }, () => {});
      await second.start().catch((error) => console.log(error.name));
      await server.stop();
    `;
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--no-config",
          "-A",
          "--unstable-net",
          `data:text/javascript,${encodeURIComponent(program)}`,
        ],
        env: { NO_COLOR: "1" },
      }).output();
      assertEquals(text(stderr), "");
      assertEquals(text(stdout), `3 <DatagramServer ${path} started>\nAddrInUse\n`);
      assert(!await exists(path));
    });
  },
);
