import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect } from "../../net/connect.ts";
import type { Socket } from "../../net/socket.ts";
import { StreamServer } from "../../net/stream_server.ts";
import { ioTest } from "../helpers/io_test.ts";
import { collectReports } from "../helpers/reports.ts";
import { bytes, text } from "../helpers/sockets.ts";
import { exists, leaveStaleSocket, withFolder } from "../helpers/unix_sockets.ts";

async function greet(socket: Socket): Promise<void> {
  await socket.sendAll(bytes("hello\n"));
}

async function assertGreets(server: StreamServer): Promise<void> {
  using client = await connect(server.address);
  assertEquals(text(await client.readLine()), "hello\n");
}

ioTest("StreamServer listens on a unix socket, whose file it removes in the end", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/socket`;
    const addresses: Deno.Addr[] = [];
    const server = new StreamServer({ path }, async (socket, address) => {
      addresses.push(address);
      await greet(socket);
    });
    await server.start();
    assertEquals(server.address, { path });
    assertEquals(String(server), `<StreamServer ${path} started>`);
    assertThrows(() => server.port, TypeError, path);
    await assertGreets(server);
    await assertGreets(server);
    assertEquals(addresses.map(({ transport }) => transport), ["unix", "unix"]);
    await server.stop();
    assertEquals(await exists(path), false);
  });
});

ioTest("StreamServer.start() replaces a unix socket that nobody listens on any more", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/socket`;
    await leaveStaleSocket(path);
    await using server = new StreamServer({ path }, greet);
    await server.start();
    await assertGreets(server);
  });
});

ioTest(
  "StreamServer.start() refuses a unix socket that somebody listens on, and leaves it",
  async () => {
    await withFolder(async (folder) => {
      using _ = collectReports(); // looking whether somebody listens is a connection that breaks off
      const path = `${folder}/socket`;
      await using first = new StreamServer({ path }, greet);
      await first.start();
      await using second = new StreamServer({ path }, greet);
      await assertRejects(() => second.start(), Deno.errors.AddrInUse, path);
      await second.stop();
      await assertGreets(first);
      await first.stop();
      assertEquals(await exists(path), false);
    });
  },
);

ioTest("StreamServer.start() refuses a path where a file is, and leaves it", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/file`;
    await Deno.writeTextFile(path, "precious");
    await using server = new StreamServer({ path }, greet);
    await assertRejects(() => server.start(), Deno.errors.AddrInUse, path);
    assertEquals(await Deno.readTextFile(path), "precious");
  });
});

ioTest("StreamServer.start() names the path when there is no such folder", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/missing/socket`;
    await using server = new StreamServer({ path }, greet);
    await assertRejects(() => server.start(), Deno.errors.NotFound, path);
  });
});

ioTest("StreamServer can listen at the path of a server that was stopped", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/socket`;
    for (let i = 0; i < 3; i++) {
      await using server = new StreamServer({ path }, greet);
      await server.start();
      await assertGreets(server);
    }
  });
});
