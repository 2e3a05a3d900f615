import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { type BackdoorOptions, BackdoorServer } from "../../net/backdoor_server.ts";
import type { Address } from "../../net/address.ts";
import { connect } from "../../net/connect.ts";
import type { Socket } from "../../net/socket.ts";
import { AUTHORITY, CERTIFICATE, KEY } from "../helpers/certificates.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { bytes, text } from "../helpers/sockets.ts";
import { withFolder } from "../helpers/unix_sockets.ts";

/** Registers a test with a server that asks for no token unless it is told to. */
function backdoorTest(
  name: string,
  fn: (server: BackdoorServer) => Promise<void>,
  options: BackdoorOptions = {},
): void {
  ioTest(name, async () => {
    await using server = new BackdoorServer("127.0.0.1:0", {
      token: null,
      banner: "Hello",
      ...options,
    });
    await server.start();
    await fn(server);
  });
}

/** Reads until a text has come, and returns all that came. */
async function readUntil(socket: Socket, wanted: string): Promise<string> {
  let got = "";
  while (!got.includes(wanted)) {
    const data = await socket.recv();
    if (data.length === 0) throw new Error(`The end came after ${JSON.stringify(got)}`);
    got += text(data);
  }
  return got;
}

async function readToEnd(socket: Socket): Promise<string> {
  let got = "";
  for (let data = await socket.recv(); data.length > 0; data = await socket.recv()) {
    got += text(data);
  }
  return got;
}

/** What a client sees who types some lines and ends the input. */
async function visit(server: BackdoorServer, ...lines: string[]): Promise<string> {
  using socket = await connect(server.address);
  await socket.sendAll(bytes(lines.map((line) => `${line}\n`).join("")));
  await socket.shutdown("write");
  return await readToEnd(socket);
}

ioTest("BackdoorServer lets a client evaluate, in the program itself", async () => {
  const list = [1, 2];
  const options = { token: null, banner: "Hello", locals: { list } };
  await using server = new BackdoorServer("127.0.0.1:0", options);
  await server.start();
  assertEquals(await visit(server, "1 + 1", "list.push(3)"), "Hello\n>>> 2\n>>> 3\n>>> ");
  assertEquals(list, [1, 2, 3]);
  assertEquals(await visit(server, "list instanceof Array"), "Hello\n>>> true\n>>> ");
});

backdoorTest("BackdoorServer gives each session variables of its own", async (server) => {
  using first = await connect(server.address);
  using second = await connect(server.address);
  for (const socket of [first, second]) await readUntil(socket, ">>> ");
  await first.sendAll(bytes("x = 1; shared = 2\n"));
  await readUntil(first, ">>> ");
  await second.sendAll(bytes("typeof x + shared\n"));
  assertStringIncludes(await readUntil(second, ">>> "), '"undefined1"');
  await first.sendAll(bytes("quit()\n"));
  assertEquals(await readToEnd(first), "");
  await second.sendAll(bytes("'still here'\n"));
  assertStringIncludes(await readUntil(second, ">>> "), "still here");
}, { locals: { shared: 1 } });

backdoorTest("BackdoorServer.stop() kills sessions, whatever they are doing", async (server) => {
  using idle = await connect(server.address);
  using busy = await connect(server.address);
  await readUntil(idle, ">>> ");
  await busy.sendAll(bytes("print('begun'); await new Promise(() => {})\n"));
  await readUntil(busy, "begun");
  assertEquals(server.stopTimeout, 0, "They would have to be waited for");
  await server.stop();
  assertEquals([await readToEnd(idle), await readToEnd(busy)], ["", ""]);
});

backdoorTest("BackdoorServer forgets the sessions of clients that have gone", async (server) => {
  const socket = await connect(server.address);
  await readUntil(socket, ">>> ");
  assertEquals(server.pool.size, 1);
  socket.close();
  await eventually(() => server.pool.size === 0);
});

backdoorTest("BackdoorServer asks for a token", async (server) => {
  assertEquals(await visit(server, "sesame", "1"), "Token: Hello\n>>> 1\n>>> ");
}, { token: "sesame" });

ioTest("BackdoorServer makes a token when it is not given one", () => {
  const [first, second] = [new BackdoorServer(0), new BackdoorServer(0)];
  assertMatch(first.token!, /^[\da-f]{32}$/);
  assert(first.token !== second.token);
  assertEquals(new BackdoorServer(0, { token: null }).token, null);
});

ioTest(
  "BackdoorServer refuses addresses that others can reach, unless it is told otherwise",
  () => {
    for (
      const address of [
        "0.0.0.0:1",
        "[::]:1",
        "192.0.2.1:1",
        "example.com:1",
        "localhost.evil.test:1",
      ]
    ) {
      assertThrows(() => new BackdoorServer(address), TypeError, address);
      assert(!new BackdoorServer(address, { allowRemote: true }).started);
    }
    for (
      const address of [1, ":1", "127.0.0.1:1", "127.1.2.3:1", "[::1]:1", "localhost:1", {
        path: "/x",
      }] as Address[]
    ) {
      assert(!new BackdoorServer(address).started);
    }
    assertEquals(new BackdoorServer(1).address, { hostname: "127.0.0.1", port: 1 });
  },
);

ioTest("BackdoorServer refuses options of the wrong form", () => {
  for (const token of ["", 5, true]) {
    assertThrows(
      () => new BackdoorServer(0, { token: token as string }),
      TypeError,
      Deno.inspect(token),
    );
  }
  assertThrows(() => new BackdoorServer(0, { locals: { "a-b": 1 } }), TypeError, "a-b");
  assertThrows(() => new BackdoorServer("nonsense"), TypeError, "nonsense");
  assertThrows(() => new BackdoorServer(0, { stopTimeout: -1 }), RangeError);
});

ioTest("BackdoorServer on a unix socket is for the user of the program only", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/backdoor`;
    await using server = new BackdoorServer({ path }, { token: null, banner: "Hello" });
    await server.start();
    assertEquals((Deno.statSync(path).mode! & 0o777).toString(8), "600");
    assertEquals(await visit(server, "6 * 7"), "Hello\n>>> 42\n>>> ");
    await using open = new BackdoorServer({ path: `${path}2` }, { mode: 0o666 });
    await open.start();
    assertEquals((Deno.statSync(`${path}2`).mode! & 0o777).toString(8), "666");
  });
});

backdoorTest("BackdoorServer speaks TLS", async (server) => {
  using socket = await connect(server.address, {
    tls: {
      hostname: "localhost",
      caCerts: [AUTHORITY],
    },
  });
  await socket.sendAll(bytes("1 + 1\nquit()\n"));
  assertStringIncludes(await readToEnd(socket), ">>> 2\n");
}, { cert: CERTIFICATE, key: KEY });
