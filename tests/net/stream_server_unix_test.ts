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

for (const [mode, umask] of [[0o600, 0o022], [0o666, 0o022], [0o770, 0o777], [0, 0]]) {
  const name = `0o${mode!.toString(8)}`;
  ioTest(`StreamServer makes a unix socket with the mode ${name}`, async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/socket`;
      const before = Deno.umask(umask);
      try {
        await using server = new StreamServer({ path }, greet, { mode: mode! });
        await server.start();
        assertEquals((await Deno.stat(path)).mode! & 0o777, mode);
        assertEquals(Deno.umask(), umask);
        await assertGreets(server);
      } finally {
        Deno.umask(before);
      }
    });
  });
}

ioTest("StreamServer lets nobody in before a unix socket has its mode", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/socket`;
    const umask = Deno.umask(0);
    const { chmodSync } = Deno;
    let modeBefore: number | undefined;
    Deno.chmodSync = (...args) => {
      modeBefore = Deno.statSync(path).mode! & 0o777;
      return chmodSync(...args);
    };
    try {
      await using server = new StreamServer({ path }, greet, { mode: 0o640 });
      await server.start();
      assertEquals(modeBefore, 0o640);
    } finally {
      Deno.chmodSync = chmodSync;
      Deno.umask(umask);
    }
  });
});

ioTest("StreamServer listens on a unix socket without a file", async () => {
  if (Deno.build.os !== "linux") return;
  const path = `\0gevent test ${crypto.randomUUID()}`;
  const server = new StreamServer({ path }, greet);
  await server.start();
  assertEquals(String(server), `<StreamServer @${path.slice(1)} started>`);
  await assertGreets(server);
  await using second = new StreamServer({ path }, greet);
  await assertRejects(() => second.start(), Deno.errors.AddrInUse, path.slice(1));
  await server.stop();
});

ioTest("StreamServer.start() leaves the path alone of somebody whose backlog is full", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/socket`;
    using listener = Deno.listen({ transport: "unix", path });
    const clients: Deno.Conn[] = [];
    let isFull = false;
    while (!isFull) {
      await Deno.connect({ transport: "unix", path }).then(
        (conn) => clients.push(conn),
        () => isFull = true,
      );
    }
    await using server = new StreamServer({ path }, greet);
    await assertRejects(() => server.start(), Deno.errors.AddrInUse, path);
    assertEquals(await exists(path), true);
    for (const client of clients) client.close();
    listener.close();
  });
});
