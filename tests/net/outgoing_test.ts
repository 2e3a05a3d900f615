import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { ConcurrentObjectUseError } from "../../core/errors.ts";
import { idle } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { type FakeConn, fakeConnTest } from "../helpers/fake_conn.ts";
import { bytes, text } from "../helpers/sockets.ts";

function written(conn: FakeConn): string[] {
  return conn.written.map(text);
}

fakeConnTest("Socket.send() returns how many bytes were taken", async (socket, conn) => {
  const sent = socket.send(bytes("hello"));
  await conn.take(2);
  assertEquals(await sent, 2);
  assertEquals(written(conn), ["he"]);
  assertEquals(conn.writing, 0);
});

fakeConnTest("Socket.sendAll() goes on until all bytes are taken", async (socket, conn) => {
  const sent = socket.sendAll(bytes("hello"));
  await conn.take(2);
  await conn.take(1);
  await conn.take(2);
  assertEquals(await sent, 5);
  assertEquals(written(conn), ["he", "l", "lo"]);
});

fakeConnTest("Socket.sendAll() hands large data over in pieces", async (socket, conn) => {
  const sent = socket.sendAll(new Uint8Array(150_000));
  void conn.flow();
  assertEquals(await sent, 150_000);
  assertEquals(conn.written.map((data) => data.length), [65536, 65536, 150_000 - 2 * 65536]);
});

fakeConnTest("Socket.sendAll() returns 0 at once for no bytes", async (socket, conn) => {
  assertEquals(await socket.sendAll(new Uint8Array()), 0);
  assertEquals(await socket.send(new Uint8Array(), { timeout: 0 }), 0);
  assertEquals(conn.writing, 0);
});

fakeConnTest("Socket.send() refuses a second writer", async (socket, conn) => {
  const first = socket.send(bytes("first"));
  await assertRejects(() => socket.send(bytes("second")), ConcurrentObjectUseError, String(socket));
  await assertRejects(() => socket.sendAll(bytes("second")), ConcurrentObjectUseError);
  await conn.take();
  assertEquals(await first, 5);
  assertEquals(written(conn), ["first"]);
});

fakeConnTest("Socket.send() waits for a write that was given up", async (socket, conn) => {
  const first = spawn(() => socket.send(bytes("first")));
  await idle(); // the write is under way
  await first.kill();
  const second = socket.send(bytes("second"));
  assertEquals(conn.writing, 1, "The second write overtakes the first");
  await conn.take();
  assertEquals(conn.writing, 1);
  await conn.take();
  assertEquals(await second, 6);
  assertEquals(written(conn), ["first", "second"]);
});

fakeConnTest(
  "Socket.send() keeps the order when several writers were given up",
  async (socket, conn) => {
    for (const name of ["first", "second", "third"]) {
      const writer = spawn(() => socket.send(bytes(name)));
      await idle(); // the write is under way
      await writer.kill();
    }
    const last = socket.send(bytes("last"));
    void conn.flow();
    assertEquals(await last, 4);
    assertEquals(written(conn), ["first", "last"]); // nothing of those that never got to write
  },
);

fakeConnTest(
  "Socket.send() goes on after a write that was given up and failed",
  async (socket, conn) => {
    const first = spawn(() => socket.send(bytes("first")));
    await idle(); // the write is under way
    await first.kill();
    const second = socket.send(bytes("second"));
    await conn.failWrite(new Error("not this time"));
    void conn.flow();
    assertEquals(await second, 6);
  },
);

fakeConnTest(
  "Socket.sendAll() begins no further piece when it was given up",
  async (socket, conn) => {
    const writer = spawn(() => socket.sendAll(new Uint8Array(200_000)));
    await idle(); // the write is under way
    await conn.take();
    assertEquals(conn.writing, 1);
    await writer.kill();
    await conn.take();
    await idle();
    assertEquals(conn.writing, 0);
    assertEquals(conn.written.length, 2);
  },
);

fakeConnTest("Socket.send() throws the error of the runtime", async (socket, conn) => {
  const error = new Deno.errors.BrokenPipe("gone");
  const sent = socket.sendAll(bytes("x"));
  await conn.failWrite(error);
  assertStrictEquals(await sent.catch((error) => error), error);
  const again = socket.send(bytes("y"));
  void conn.take();
  assertEquals(await again, 1);
});

fakeConnTest(
  "Socket.send() may be called while another greenlet receives",
  async (socket, conn) => {
    const received = socket.recv();
    const sent = socket.send(bytes("question"));
    await conn.take();
    await conn.feed(bytes("answer"));
    assertEquals([await sent, text(await received)], [8, "answer"]);
    await idle();
  },
);

fakeConnTest(
  "Socket.shutdown() can be killed and timed out while a given-up write goes on",
  async (socket, conn) => {
    const writer = spawn(() => socket.send(bytes("stuck")));
    await idle(); // the write is under way
    await writer.kill();
    await assertRejects(() => socket.shutdown("write", { timeout: 1 }), Timeout);
    assertEquals(conn.writeClosed, false);
    await conn.take();
    await idle();
    assertEquals(conn.writeClosed, true);
  },
);
