import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { ConcurrentObjectUseError, GreenletExit } from "../../core/errors.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import type { Socket } from "../../net/socket.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import {
  bytes,
  clog,
  MORE_THAN_FITS,
  readAll,
  socketPair,
  text,
  write,
} from "../helpers/sockets.ts";

const { BadResource, BrokenPipe, ConnectionReset, UnexpectedEof } = Deno.errors;

ioTest("Socket.recv() returns what is there, at most as much as asked for", async () => {
  using pair = await socketPair();
  await write(pair.peer, "hello");
  assertEquals(text(await pair.socket.recv(3)), "hel");
  assertEquals(pair.socket.buffered, 2);
  assertEquals(text(await pair.socket.recv()), "lo");
  assertEquals(pair.socket.buffered, 0);
});

ioTest("Socket.recv() waits for bytes", async () => {
  using pair = await socketPair();
  const reader = spawn(() => pair.socket.recv());
  await sleep();
  await write(pair.peer, "late");
  assertEquals(text(await reader.get()), "late");
});

ioTest("Socket.recv() returns no bytes at the end of the stream, again and again", async () => {
  using pair = await socketPair();
  await write(pair.peer, "last");
  pair.peer.close();
  assertEquals(text(await pair.socket.recv()), "last");
  assertEquals((await pair.socket.recv()).length, 0);
  assertEquals((await pair.socket.recv()).length, 0);
  assertEquals(await pair.socket.recvInto(new Uint8Array(1)), 0);
  assertEquals((await pair.socket.readLine()).length, 0);
});

ioTest("Socket.recvInto() fills the caller's buffer", async () => {
  using pair = await socketPair();
  await write(pair.peer, "hello");
  const buffer = bytes("-----");
  assertEquals(await pair.socket.recvInto(buffer.subarray(1, 4)), 3);
  assertEquals(text(buffer), "-hel-");
  assertEquals(await pair.socket.recvInto(new Uint8Array(0)), 0);
  assertEquals(await pair.socket.recvInto(buffer), 2);
  assertEquals(text(buffer), "loel-");
});

ioTest("Socket.recvExactly() waits for all bytes, however many reads they take", async () => {
  using pair = await socketPair();
  const reader = spawn(() => pair.socket.recvExactly(300_000));
  const data = new Uint8Array(300_005).map((_, i) => i);
  await write(pair.peer, data);
  assertEquals(await reader.get(), data.slice(0, 300_000));
  assertEquals(await pair.socket.recvExactly(5), data.slice(300_000));
  assertEquals((await pair.socket.recvExactly(0)).length, 0);
});

ioTest("Socket.recvExactly() throws UnexpectedEof and keeps what has come", async () => {
  using pair = await socketPair();
  await write(pair.peer, "abc");
  pair.peer.close();
  await assertRejects(() => pair.socket.recvExactly(5), UnexpectedEof, "3 of 5 bytes");
  assertEquals(text(await pair.socket.recvExactly(3)), "abc");
  await assertRejects(() => pair.socket.recvExactly(1), UnexpectedEof, "0 of 1 bytes");
});

ioTest("Socket.readLine() returns lines with their ends, and the rest at the end", async () => {
  using pair = await socketPair();
  await write(pair.peer, "first\nsecond\r\n\nrest");
  pair.peer.close();
  const lines: string[] = [];
  for (let line = await pair.socket.readLine(); line.length > 0;) {
    lines.push(text(line));
    line = await pair.socket.readLine();
  }
  assertEquals(lines, ["first\n", "second\r\n", "\n", "rest"]);
});

ioTest("Socket.readLine() throws a RangeError for a longer line, whose bytes stay", async () => {
  using pair = await socketPair();
  await write(pair.peer, "12345\n");
  await assertRejects(() => pair.socket.readLine({ limit: 5 }), RangeError, "5 bytes");
  assertEquals(text(await pair.socket.readLine({ limit: 6 })), "12345\n");
  await write(pair.peer, "endless");
  await assertRejects(() => pair.socket.readLine({ limit: 5 }), RangeError);
  assertEquals(text(await pair.socket.recv()), "endless");
});

ioTest("Socket refuses sizes that make no sense", async () => {
  using pair = await socketPair();
  for (const size of [0, -1, 1.5, NaN, Infinity]) {
    await assertRejects(() => pair.socket.recv(size), RangeError, String(size));
    await assertRejects(() => pair.socket.readLine({ limit: size }), RangeError, String(size));
    if (size !== 0) await assertRejects(() => pair.socket.recvExactly(size), RangeError);
  }
});

ioTest("Socket.sendAll() sends all, and recv() gets the same", async () => {
  using pair = await socketPair();
  const data = new Uint8Array(1_000_000).map((_, i) => i * 7);
  const sender = spawn(async () => {
    assertEquals(await pair.socket.sendAll(data), data.length);
    await pair.socket.shutdown("write");
  });
  assertEquals(await readAll(pair.peer), data);
  await sender.get();
});

ioTest("Socket.recv() throws ConnectionReset when the peer resets the connection", async () => {
  using pair = await socketPair();
  await pair.socket.sendAll(bytes("unread"));
  pair.peer.close(); // with unread bytes, which the system answers with a reset
  const error = await pair.socket.recv().catch((error) => error);
  if (!(error instanceof Uint8Array)) assertInstanceOf(error, ConnectionReset);
});

ioTest("Socket.send() throws BrokenPipe or ConnectionReset when the peer is gone", async () => {
  using pair = await socketPair();
  pair.peer.close();
  const error = await (async () => {
    for (;;) await pair.socket.send(bytes("anybody?"));
  })().catch((error) => error);
  assert(error instanceof BrokenPipe || error instanceof ConnectionReset, String(error));
});

ioTest("Socket refuses a second reader and a second writer, but not one of each", async () => {
  using pair = await socketPair();
  const reader = spawn(() => pair.socket.recv());
  const writer = spawn(() => pair.socket.sendAll(new Uint8Array(MORE_THAN_FITS)));
  await sleep();
  await assertRejects(() => pair.socket.recv(), ConcurrentObjectUseError, String(pair.socket));
  await assertRejects(() => pair.socket.send(bytes("x")), ConcurrentObjectUseError);
  await write(pair.peer, "answer");
  assertEquals(text(await reader.get()), "answer");
  await writer.kill();
});

ioTest("Socket.close() wakes a reader and a writer with BadResource", async () => {
  using pair = await socketPair();
  const reader = spawn(() => assertRejects(() => pair.socket.recv(), BadResource));
  const writer = spawn(() =>
    assertRejects(() => pair.socket.sendAll(new Uint8Array(MORE_THAN_FITS)), BadResource)
  );
  await sleep();
  pair.socket.close();
  await reader.get();
  await writer.get();
});

ioTest(
  "Socket.close() makes every later call throw BadResource, but a further close()",
  async () => {
    using pair = await socketPair();
    await write(pair.peer, "unread");
    await pair.socket.recv(1);
    pair.socket.close();
    assert(pair.socket.closed);
    assertEquals(String(pair.socket), "<Socket [closed]>");
    const calls = [
      () => pair.socket.recv(),
      () => pair.socket.recvInto(new Uint8Array(1)),
      () => pair.socket.recvExactly(1),
      () => pair.socket.readLine(),
      () => pair.socket.send(bytes("x")),
      () => pair.socket.sendAll(bytes("x")),
      () => pair.socket.shutdown(),
      () => pair.socket.read(new Uint8Array(1)),
      () => pair.socket.write(bytes("x")),
    ];
    for (const call of calls) await assertRejects<Error>(call, BadResource);
    pair.socket.close();
    pair.socket[Symbol.dispose]();
  },
);

ioTest("Socket.close() tells the peer when a read that was given up is under way", async () => {
  using pair = await socketPair();
  const reader = spawn(() => pair.socket.recv());
  await sleep();
  await reader.kill();
  pair.socket.close();
  assertEquals(await pair.peer.read(new Uint8Array(1)), null);
});

for (
  const [name, call] of Object.entries(
    {
      recvInto: (socket) => socket.recvInto(new Uint8Array(1)),
      recvExactly: (socket) => socket.recvExactly(3),
      readLine: (socket) => socket.readLine(),
      read: (socket) => socket.read(new Uint8Array(1)),
      "readable.getReader().read": (socket) => socket.readable.getReader().read(),
      send: (socket) => socket.send(new Uint8Array(1)),
      "writable.getWriter().write": (socket) =>
        socket.writable.getWriter().write(new Uint8Array(1)),
    } satisfies Record<string, (socket: Socket) => Promise<unknown>>,
  )
) {
  ioTest(`Socket.close() wakes a greenlet in ${name}() with BadResource`, async () => {
    using pair = await socketPair();
    if (/send|writ/.test(name)) await clog(pair.socket);
    const waiting = spawn(() => assertRejects(() => call(pair.socket), BadResource));
    await sleep(1);
    assert(waiting.started);
    pair.socket.close();
    await waiting.get();
  });
}

ioTest("Socket.close() with a given-up read under way does not touch the next one", async () => {
  for (let i = 0; i < 20; i++) {
    using old = await socketPair();
    const reader = spawn(() => old.socket.recv());
    await sleep();
    await reader.kill();
    old.socket.close();
    using next = await socketPair(); // which is likely to get the same file descriptors
    await write(next.peer, "for the next");
    assertEquals(text(await next.socket.recv()), "for the next");
    assertEquals(await old.peer.read(new Uint8Array(1)), null);
    await assertRejects(() => old.socket.recv(), BadResource);
  }
});

ioTest("Socket.shutdown() of writing tells the peer and wakes the writer", async () => {
  using pair = await socketPair();
  const writer = spawn(() =>
    assertRejects(() => pair.socket.sendAll(new Uint8Array(MORE_THAN_FITS)), BadResource)
  );
  await sleep();
  const shutdown = spawn(() => pair.socket.shutdown("write"));
  await writer.get();
  await readAll(pair.peer); // what was on its way, and then the end
  await shutdown.get();
  await assertRejects(() => pair.socket.send(bytes("x")), BadResource);
  await write(pair.peer, "answer");
  assertEquals(text(await pair.socket.recv()), "answer");
  await pair.socket.shutdown("write");
});

ioTest("Socket.shutdown() of reading gives the reader the end of the stream", async () => {
  using pair = await socketPair();
  const reader = spawn(() => pair.socket.recv());
  await sleep();
  await pair.socket.shutdown("read");
  assertEquals((await reader.get()).length, 0);
  assertEquals((await pair.socket.recv()).length, 0);
  await pair.socket.sendAll(bytes("still open"));
  const buffer = new Uint8Array(20);
  assertEquals(await pair.peer.read(buffer), 10);
});

ioTest("Socket.shutdown() ends both directions by default", async () => {
  using pair = await socketPair();
  await pair.socket.shutdown();
  assertEquals((await pair.socket.recv()).length, 0);
  await assertRejects(() => pair.socket.send(bytes("x")), BadResource);
  assertEquals(await pair.peer.read(new Uint8Array(1)), null);
  assertFalse(pair.socket.closed);
});

ioTest("Socket.timeout limits every operation that is given no timeout", async () => {
  using pair = await socketPair();
  const { socket } = pair;
  socket.timeout = 1;
  await assertRejects(() => socket.recv(), Timeout, "1 ms");
  await assertRejects(() => socket.recvInto(new Uint8Array(1)), Timeout);
  await assertRejects(() => socket.recvExactly(1), Timeout);
  await assertRejects(() => socket.readLine(), Timeout);
  await assertRejects(() => socket.read(new Uint8Array(1)), Timeout);
  await assertRejects(() => socket.recv(1, { timeout: 2 }), Timeout, "2 ms");
  await assertRejects(() => socket.sendAll(new Uint8Array(MORE_THAN_FITS)), Timeout, "1 ms");
  const reader = spawn(() => socket.recv(1, { timeout: null }));
  await sleep(5);
  assert(reader.started, "null did not lift the limit");
  await write(pair.peer, "x");
  await reader.get();
});

ioTest("Socket.timeout refuses what is no duration", async () => {
  using pair = await socketPair();
  const { socket } = pair;
  socket.timeout = 5;
  for (const timeout of [-1, -0.5, NaN, -Infinity]) {
    assertThrows(() => socket.timeout = timeout, RangeError, `received ${timeout}`);
  }
  for (const timeout of ["5", undefined, {}, true]) {
    assertThrows(() => socket.timeout = timeout as unknown as number, TypeError, "number or null");
  }
  assertEquals(socket.timeout, 5);
  socket.timeout = null;
  assertEquals(socket.timeout, null);
});

ioTest("Socket with a timeout of 0 does what can be done at once", async () => {
  using pair = await socketPair();
  const { socket, peer } = pair;
  socket.timeout = 0;
  await assertRejects(() => socket.recv(), Timeout, "0 ms");
  for (let i = 0; i < 20; i++) {
    await write(peer, "hello");
    // On a busy machine the system takes its time even from one end of a loopback to the other.
    await eventually(async () => {
      const received = await socket.recvExactly(5).catch((error) => error);
      if (received instanceof Timeout) return false;
      assertEquals(text(received), "hello");
      return true;
    });
    await assertRejects(() => socket.recv(1), Timeout);
    assertEquals(await socket.sendAll(bytes("answer")), 6);
    assertEquals(await peer.read(new Uint8Array(10)), 6);
  }
  await assertRejects(() => socket.sendAll(new Uint8Array(MORE_THAN_FITS)), Timeout);
  socket.close();
  await assertRejects(() => socket.recv(), BadResource);
});

ioTest("Socket.handshake() has nothing to do for a plain connection", async () => {
  using pair = await socketPair();
  await pair.socket.handshake({ timeout: 0 });
  assertEquals(await pair.socket.alpnProtocol(), null);
});

ioTest("Socket.toString() names both ends", async () => {
  using pair = await socketPair();
  const { port: here } = pair.peer.remoteAddr as Deno.NetAddr;
  const { port: there } = pair.peer.localAddr as Deno.NetAddr;
  assertEquals(String(pair.socket), `<Socket 127.0.0.1:${here} from 127.0.0.1:${there}>`);
  assertEquals(pair.socket.localAddr, pair.peer.remoteAddr);
  assertEquals(pair.socket.remoteAddr, pair.peer.localAddr);
});

ioTest("Socket takes the options of a TCP connection", async () => {
  using pair = await socketPair();
  pair.socket.setNoDelay();
  pair.socket.setNoDelay(false);
  pair.socket.setKeepAlive();
  pair.socket.unref();
  pair.socket.ref();
});

ioTest("Socket ends a read when the greenlet is killed, and serves the next one", async () => {
  using pair = await socketPair();
  const reader = spawn(() => pair.socket.recv());
  await sleep();
  await reader.kill();
  assertInstanceOf(reader.value, GreenletExit);
  await write(pair.peer, "for the next");
  assertEquals(text(await pair.socket.recv()), "for the next");
});

ioTest("Socket may be used in a using block", async () => {
  using pair = await socketPair();
  {
    using socket: Socket = pair.socket;
    await socket.sendAll(bytes("bye"));
  }
  assertEquals(text(await readAll(pair.peer)), "bye");
});
