import { assert, assertEquals, assertLess, assertRejects, assertStrictEquals } from "@std/assert";
import { ConcurrentObjectUseError } from "../../core/errors.ts";
import { idle, sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { LARGEST_READ } from "../../net/_incoming.ts";
import type { Socket } from "../../net/socket.ts";
import { fakeConnTest } from "../helpers/fake_conn.ts";
import { bytes, text } from "../helpers/sockets.ts";

/** Gives a read up, and leaves the operation behind it pending. */
async function giveUp(socket: Socket): Promise<void> {
  const reader = spawn(() => socket.recv());
  await sleep();
  await reader.kill();
}

fakeConnTest("Socket reads nothing before somebody wants it", async (socket, conn) => {
  await idle();
  assertEquals(conn.reading, false);
  const got = socket.recv();
  assertEquals(conn.reading, true);
  await conn.feed(bytes("x"));
  await got;
  assertEquals(conn.reading, false);
});

fakeConnTest(
  "Socket gives the bytes of a read that was given up to the next reader",
  async (socket, conn) => {
    await giveUp(socket);
    const next = socket.recv();
    assertEquals(conn.readSizes.length, 1, "A second read was begun");
    await conn.feed(bytes("late"));
    assertEquals(text(await next), "late");
  },
);

fakeConnTest(
  "Socket keeps the bytes of a read that was given up while nobody reads",
  async (socket, conn) => {
    await giveUp(socket);
    await conn.feed(bytes("late"));
    assertEquals(socket.buffered, 4);
    assertEquals(text(await socket.recv(2)), "la");
    assertEquals(text(await socket.recvExactly(2)), "te");
    assertEquals(socket.buffered, 0);
  },
);

fakeConnTest("Socket keeps the end of a read that was given up", async (socket, conn) => {
  await giveUp(socket);
  await conn.feed(null);
  assertEquals((await socket.recv()).length, 0);
  assertEquals((await socket.recv()).length, 0);
  assertEquals(conn.readSizes.length, 1, "Read on after the end");
});

fakeConnTest("Socket keeps the error of a read that was given up", async (socket, conn) => {
  await giveUp(socket);
  const error = new Deno.errors.ConnectionReset("gone");
  conn.failRead(error);
  await idle();
  assertStrictEquals(await socket.recv().catch((error) => error), error);
  assertStrictEquals(await socket.recv().catch((error) => error), error);
  assertEquals(conn.readSizes.length, 1, "Read on after the error");
});

fakeConnTest(
  "Socket keeps the part that a given-up recvExactly() has got",
  async (socket, conn) => {
    const reader = spawn(() => socket.recvExactly(6));
    await sleep();
    await conn.feed(bytes("abc"));
    await reader.kill();
    const next = socket.recvExactly(4);
    await conn.feed(bytes("def"));
    assertEquals(text(await next), "abcd");
    assertEquals(text(await socket.recv()), "ef");
  },
);

fakeConnTest("Socket keeps the part that a given-up readLine() has got", async (socket, conn) => {
  const reader = spawn(() => socket.readLine());
  await sleep();
  await conn.feed(bytes("first li"));
  await reader.kill();
  const next = socket.readLine();
  await conn.feed(bytes("ne\nsecond"));
  assertEquals(text(await next), "first line\n");
  assertEquals(text(await socket.recv()), "second");
});

fakeConnTest("Socket.recv() returns copies that later reads leave alone", async (socket, conn) => {
  for (const size of [5, 1000, 2000]) {
    const first = socket.recv();
    await conn.feed(bytes("1".repeat(size)));
    const second = socket.recv();
    await conn.feed(bytes("2".repeat(size)));
    assertEquals([text(await first), text(await second)], ["1".repeat(size), "2".repeat(size)]);
  }
});

fakeConnTest("Socket.recv() works on whatever is done with its results", async (socket, conn) => {
  for (const size of [5, 800, 1024]) {
    const first = socket.recvExactly(size);
    await conn.feed(bytes("1".repeat(size) + "2".repeat(size)));
    const taken = await first;
    taken.fill(0);
    taken.buffer.transfer();
    assertEquals(text(await socket.recv()), "2".repeat(size));
    const third = socket.recv();
    await conn.feed(bytes("3".repeat(size)));
    assertEquals(text(await third), "3".repeat(size));
  }
});

fakeConnTest(
  "Socket.recvInto() leaves the buffer of a reader alone that was given up",
  async (socket, conn) => {
    const buffer = new Uint8Array(4);
    const reader = spawn(() => socket.recvInto(buffer));
    await sleep();
    await reader.kill();
    await conn.feed(bytes("late"));
    assertEquals(buffer, new Uint8Array(4));
    assertEquals(await socket.recvInto(buffer), 4);
    assertEquals(text(buffer), "late");
  },
);

fakeConnTest(
  "Socket.recv() throws the error of the runtime, again and again",
  async (socket, conn) => {
    const error = new Deno.errors.ConnectionReset("gone");
    const failing = assertRejects(() => socket.recv(), Deno.errors.ConnectionReset);
    conn.failRead(error);
    await failing;
    for (
      const read of [() => socket.recv(), () => socket.readLine(), () => socket.recvExactly(1)]
    ) {
      assertStrictEquals(await read().catch((error: unknown) => error), error);
    }
  },
);

fakeConnTest("Socket.shutdown() of reading drops what comes after it", async (socket, conn) => {
  await giveUp(socket);
  await socket.shutdown("read");
  assertEquals((await socket.recv()).length, 0);
  await conn.feed(bytes("late"));
  assertEquals((await socket.recv()).length, 0);
});

fakeConnTest("Socket.shutdown() of reading leaves what came before it", async (socket, conn) => {
  await giveUp(socket);
  await conn.feed(bytes("early"));
  await socket.shutdown("read");
  assertEquals(text(await socket.recv()), "early");
  assertEquals((await socket.recv()).length, 0);
});

fakeConnTest(
  "Socket.recv() names the reader when it refuses a second one",
  async (socket, conn) => {
    const first = spawn(() => socket.recv());
    first.name = "the first reader";
    await sleep();
    await assertRejects(() => socket.recv(), ConcurrentObjectUseError, "the first reader");
    await assertRejects(() => socket.readLine(), ConcurrentObjectUseError, "the first reader");
    await conn.feed(bytes("x"));
    assertEquals(text(await first.get()), "x");
  },
);

fakeConnTest(
  "Socket.recv() refuses a second reader although bytes are there",
  async (socket, conn) => {
    const first = spawn(() => socket.recvExactly(10));
    await sleep();
    await conn.feed(bytes("12345"));
    await assertRejects(() => socket.recv(), ConcurrentObjectUseError);
    await conn.feed(bytes("67890"));
    assertEquals(text(await first.get()), "1234567890");
  },
);

fakeConnTest(
  "Socket reads into a small buffer that grows with what comes",
  async (socket, conn) => {
    for (let i = 0; i < 6; i++) {
      const got = socket.recv();
      await conn.feed(new Uint8Array(conn.readSizes.at(-1)!));
      await got;
    }
    assertEquals(conn.readSizes, [2048, 8192, 32768, LARGEST_READ, LARGEST_READ, LARGEST_READ]);
  },
);

fakeConnTest(
  "Socket does not grow its buffer for reads that leave room in it",
  async (socket, conn) => {
    for (let i = 0; i < 100; i++) {
      const got = socket.recv();
      await conn.feed(new Uint8Array(100));
      await got;
    }
    assertEquals(Math.max(...conn.readSizes), 2048);
  },
);

fakeConnTest(
  "Socket.recvExactly() does not take memory for what has only been asked for",
  async (socket, conn) => {
    const reader = spawn(() => socket.recvExactly(1e12));
    await sleep();
    for (let got = 0; got < 100_000; got += 1000) await conn.feed(new Uint8Array(1000));
    assertLess(Math.max(...conn.readSizes), 1_000_000);
    await reader.kill();
  },
);

fakeConnTest(
  "Socket does not copy what is kept for each piece that dribbles in",
  async (socket, conn) => {
    const reader = spawn(() => socket.recvExactly(100_000));
    await sleep();
    let moved = 0;
    for (let got = 0; got < 100_000; got += 100) {
      const before = conn.readSizes.at(-1)!;
      await conn.feed(bytes("x".repeat(100)));
      if (got + 100 === 100_000) break;
      // As long as the bytes stay where they are, each read has less room than the one before.
      if (conn.readSizes.at(-1)! !== before - 100) moved++;
    }
    assertEquals(text(await reader.get()), "x".repeat(100_000));
    assertLess(moved, 20);
  },
);

fakeConnTest(
  "Socket.readLine() finds a line end that comes with later bytes",
  async (socket, conn) => {
    const reader = spawn(() => socket.readLine({ limit: 10 }));
    await sleep();
    for (const piece of ["a", "b", "c", "\n"]) {
      assert(conn.reading);
      await conn.feed(bytes(piece));
    }
    assertEquals(text(await reader.get()), "abc\n");
  },
);

fakeConnTest(
  "Socket.readLine() gives several lines that came together one by one",
  async (socket, conn) => {
    const first = socket.readLine();
    await conn.feed(bytes("a\n\nb\r\nc"));
    assertEquals(text(await first), "a\n");
    assertEquals(text(await socket.readLine()), "\n");
    assertEquals(text(await socket.readLine()), "b\r\n");
    const last = socket.readLine();
    await conn.feed(null);
    assertEquals(text(await last), "c");
    assertEquals(text(await socket.readLine()), "");
  },
);
