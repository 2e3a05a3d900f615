import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { describeBlocked } from "../../core/inspect.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { StreamServer } from "../../net/stream_server.ts";
import { patchListen } from "../../monkey/patch_listen.ts";
import { assertKillable, assertLimited, untilIn } from "../helpers/killed.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { text, write } from "../helpers/sockets.ts";
import { withFolder } from "../helpers/unix_sockets.ts";

const ANY: Deno.TcpListenOptions = { hostname: "127.0.0.1", port: 0 };

ioTest("Deno.Listener.accept() loses no connection when it is killed", async () => {
  using _patch = patchListen();
  using listener = Deno.listen(ANY);
  const { hostname, port } = listener.addr;
  await assertKillable("Deno.Listener.accept", () => listener.accept());
  using first = await Deno.connect({ hostname, port });
  using second = await Deno.connect({ hostname, port });
  using accepted = await listener.accept();
  using later = await spawn(() => listener.accept()).get();
  assertEquals(
    [accepted.remoteAddr, later.remoteAddr],
    [first.localAddr, second.localAddr],
  );
});

ioTest("Deno.Listener.accept() serves greenlets in the order in which they came", async () => {
  using _patch = patchListen();
  using listener = Deno.listen(ANY);
  const { hostname, port } = listener.addr;
  const acceptors = [1, 2, 3].map(() => spawn(() => listener.accept()));
  await untilIn(acceptors[2]!, "Deno.Listener.accept");
  await acceptors[0]!.kill();
  for (const acceptor of acceptors.slice(1)) {
    using conn = await Deno.connect({ hostname, port });
    using accepted = await acceptor.get();
    assertEquals(accepted.remoteAddr, conn.localAddr);
  }
});

ioTest("Deno.Listener can be gone over in a greenlet that is killed", async () => {
  using _patch = patchListen();
  using listener = Deno.listen(ANY);
  const { hostname, port } = listener.addr;
  let accepted = 0;
  const server = spawn(async () => {
    for await (const conn of listener) {
      accepted++;
      conn.close();
    }
  });
  for (let i = 0; i < 2; i++) {
    using conn = await Deno.connect({ hostname, port });
    assertEquals(await conn.read(new Uint8Array(1)), null);
  }
  await untilIn(server, "Deno.Listener.accept");
  await server.kill();
  assertEquals([accepted, server.dead], [2, true]);
  using late = await Deno.connect({ hostname, port });
  using conn = await listener.accept();
  assertEquals(conn.remoteAddr, late.localAddr);
});

ioTest(
  "Deno.Listener.close() ends the loops over it, and closes what nobody has accepted",
  async () => {
    using _patch = patchListen();
    const listener = Deno.listen(ANY);
    const { hostname, port } = listener.addr;
    await assertKillable("Deno.Listener.accept", () => listener.accept());
    using conn = await Deno.connect({ hostname, port });
    await sleep(5);
    const loop = spawn(async () => {
      for await (const conn of listener) conn.close();
    });
    assertEquals(await conn.read(new Uint8Array(1)), null);
    await untilIn(loop, "Deno.Listener.accept");
    listener.close();
    await loop.get();
    await spawn(() => assertRejects(() => listener.accept(), Deno.errors.BadResource)).get();
    await assertRejects(() => listener.accept(), Deno.errors.BadResource);
  },
);

ioTest("Deno.Listener.close() closes a connection that came for a killed accept", async () => {
  using _patch = patchListen();
  const listener = Deno.listen(ANY);
  const { hostname, port } = listener.addr;
  await assertKillable("Deno.Listener.accept", () => listener.accept());
  using conn = await Deno.connect({ hostname, port });
  await sleep(5);
  listener.close();
  assertEquals(await conn.read(new Uint8Array(1)), null);
});

ioTest("Deno.Listener.accept() gives connections that can be killed and timed out", async () => {
  using _patch = patchListen();
  for (const inGreenlet of [true, false]) {
    using listener = Deno.listen(ANY);
    const { hostname, port } = listener.addr;
    using peer = await Deno.connect({ hostname, port });
    using conn = inGreenlet ? await spawn(() => listener.accept()).get() : await listener.accept();
    await assertKillable("Deno.Conn.read", () => conn.read(new Uint8Array(10)));
    await assertLimited(() => conn.read(new Uint8Array(10)));
    await write(peer, "hello");
    const buffer = new Uint8Array(10);
    assertEquals(await conn.read(buffer), 5);
    assertEquals(text(buffer.subarray(0, 5)), "hello");
  }
});

ioTest("Deno.listen() takes unix sockets", async () => {
  using _patch = patchListen();
  await withFolder(async (folder) => {
    const path = `${folder}/socket`;
    using listener = Deno.listen({ transport: "unix", path });
    await assertKillable("Deno.Listener.accept", () => listener.accept());
    using _peer = await Deno.connect({ transport: "unix", path });
    using conn = await spawn(() => listener.accept()).get();
    await assertKillable("Deno.Conn.read", () => conn.read(new Uint8Array(1)));
  });
});

ioTest("Deno.listen() returns what it always did", () => {
  using plain = Deno.listen(ANY);
  using _patch = patchListen();
  using patched = Deno.listen(ANY);
  assert(patched instanceof plain.constructor);
  assertStrictEquals(patched.constructor, plain.constructor);
  assertEquals(Object.keys(patched), Object.keys(plain));
  assertStrictEquals(patched[Symbol.asyncIterator](), patched);
});

ioTest("A server of the library does not go through the patch", async () => {
  using _patch = patchListen();
  await using server = new StreamServer("127.0.0.1:0", () => {});
  await server.start();
  await eventually(() => describeBlocked().some((line) => line.includes("acceptor of")));
  assertEquals(describeBlocked().filter((line) => line.includes("Deno.Listener.accept")), []);
});
