import { assert, assertEquals, assertFalse, assertInstanceOf, assertThrows } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { WebSocketError } from "../../http/errors.ts";
import { WebSocketConnection } from "../../http/websocket.ts";
import type { WebSocketLimits } from "../../http/websocket_limits.ts";
import { Caller } from "../contract/caller.ts";
import { FakeWebSocket } from "../helpers/fake_websocket.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

const MEBIBYTE = 1024 * 1024;

function connect(
  limits: WebSocketLimits = {},
): { socket: FakeWebSocket; connection: WebSocketConnection } {
  const socket = new FakeWebSocket();
  return { socket, connection: new WebSocketConnection(socket.asSocket, limits) };
}

virtualTest("WebSocketConnection.send() hands over at once while there is room", async () => {
  const { socket, connection } = connect({ highWaterMark: 10, idleTimeout: 0 });
  await connection.send("x".repeat(8));
  await connection.send("ü");
  await connection.send(new Uint8Array(20));
  assertEquals(socket.sent.length, 3);
  assertEquals([connection.bufferedAmount, now()], [30, 0]);
});

virtualTest("WebSocketConnection.send() waits for room before it hands over", async () => {
  const { socket, connection } = connect({ highWaterMark: 10, idleTimeout: 0 });
  await connection.send("x".repeat(11));
  const caller = await Caller.parked(() => connection.send("next"));
  await sleep(10_000);
  assertEquals(socket.sent.length, 1);
  socket.leave(1);
  await caller.greenlet.join();
  assertEquals(caller.outcome, { value: undefined });
  assertEquals(socket.sent, ["x".repeat(11), "next"]);
});

virtualTest("WebSocketConnection.send() keeps the order of the calls", async () => {
  const { socket, connection } = connect({ highWaterMark: 0, idleTimeout: 0 });
  await connection.send("0");
  const callers = await Promise.all(
    ["1", "2", "3"].map((n) => Caller.parked(() => connection.send(n))),
  );
  callers[1]!.greenlet.throw();
  for (let i = 0; i < 2; i++) {
    socket.leave();
    // Somebody who comes when there is room must not get in before those who wait for it.
    assertFalse(connection.trySend("in between"));
    await sleep(100);
  }
  assertEquals(socket.sent, ["0", "1", "3"]);
  socket.leave();
  assert(connection.trySend("at the end"));
});

virtualTest("WebSocketConnection.send() sends nothing when it is given up", async () => {
  const { socket, connection } = connect({ highWaterMark: 0, idleTimeout: 0 });
  await connection.send("first");
  const controller = new AbortController();
  const timedOut = await Caller.parked(() => connection.send("timed out", { timeout: 5 }));
  const killed = await Caller.parked(() => connection.send("killed"));
  const aborted = await Caller.parked(() =>
    connection.send("aborted", { signal: controller.signal })
  );
  killed.greenlet.throw();
  controller.abort(new Error("enough"));
  await sleep(10);
  assertInstanceOf(timedOut.error, Timeout);
  assertInstanceOf(killed.error, GreenletExit);
  assertEquals((aborted.error as Error).message, "enough");
  assertEquals(hub.timers.size, 0, "It still looks for room");
  socket.leave();
  await connection.send("last");
  assertEquals(socket.sent, ["first", "last"]);
});

virtualTest("WebSocketConnection.send() gives one outcome when it is killed later", async () => {
  const { socket, connection } = connect({ highWaterMark: 0, idleTimeout: 0 });
  await connection.send("first");
  const caller = await Caller.parked(() => connection.send("second"));
  socket.send = (message) => {
    socket.sent.push(message);
    // After it was handed over, and before the sender goes on.
    hub.enqueueCallback(() => caller.greenlet.throw());
  };
  socket.leave();
  await caller.greenlet.join();
  assertEquals(caller.outcome, { value: undefined });
  assertInstanceOf(caller.next, GreenletExit);
  assertEquals(socket.sent, ["first", "second"]);
});

virtualTest("WebSocketConnection.send() does not grow what waits when it times out", async () => {
  const { socket, connection } = connect({ idleTimeout: 0 });
  await connection.send(new Uint8Array(100_000));
  for (let i = 0; i < 100; i++) {
    const error = await connection.send(new Uint8Array(100_000), { timeout: 1 }).catch((e) => e);
    assertInstanceOf(error, Timeout);
  }
  assertEquals([connection.bufferedAmount, socket.sent.length], [100_000, 1]);
});

virtualTest("WebSocketConnection.send() fails for those who wait when it is closed", async () => {
  for (
    const close of [
      ({ connection }: ReturnType<typeof connect>) => connection.close(),
      ({ connection }: ReturnType<typeof connect>) => connection.abort(),
      ({ socket }: ReturnType<typeof connect>) => socket.end(1001),
    ]
  ) {
    const both = connect({ highWaterMark: 0, idleTimeout: 0 });
    await both.connection.send("first");
    const callers = [
      await Caller.parked(() => both.connection.send("second")),
      await Caller.parked(() => both.connection.send("third")),
    ];
    close(both);
    await turns();
    for (const caller of callers) assertInstanceOf(caller.error, WebSocketError);
    assertEquals(both.socket.sent, ["first"]);
    both.socket.end();
  }
});

virtualTest("WebSocketConnection.send() fails when its buffer is gone by then", async () => {
  const { socket, connection } = connect({ highWaterMark: 0, idleTimeout: 0 });
  await connection.send("first");
  const caller = await Caller.parked(() => connection.send(new Uint8Array(5)));
  const next = await Caller.parked(() => connection.send("next"));
  const send = socket.send;
  socket.send = () => {
    socket.send = send;
    throw new TypeError("detached");
  };
  socket.leave();
  await next.greenlet.join();
  assertEquals((caller.error as Error).message, "detached");
  assertEquals(socket.sent, ["first", "next"]);
});

virtualTest("WebSocketConnection.send() refuses what is no message", async () => {
  const { socket, connection } = connect();
  for (const message of [undefined, null, 1, {}, new ArrayBuffer(1), new Blob()]) {
    const given = message as unknown as string;
    const error = await connection.send(given).catch((error) => error);
    assertInstanceOf(error, TypeError);
    assert(error.message.startsWith("Cannot send as 'message' must be"), error.message);
    assertThrows(() => connection.trySend(given), TypeError);
  }
  assertEquals(socket.sent, []);
});

virtualTest("WebSocketConnection.trySend() sends if it need not wait", () => {
  const { socket, connection } = connect({ highWaterMark: 3, idleTimeout: 0 });
  assert(connection.trySend("1234"));
  assertFalse(connection.trySend("5"));
  socket.leave(1);
  assert(connection.trySend("6"));
  connection.close();
  assertThrows(() => connection.trySend("7"), WebSocketError, "already closed");
  assertEquals(socket.sent, ["1234", "6"]);
  socket.end();
});

// What is sent and does not leave.

virtualTest("idleTimeout ends a connection when nothing leaves", async () => {
  const { socket, connection } = connect({ idleTimeout: 1000 });
  const receiver = await Caller.parked(() => connection.receive());
  await sleep(500); // silence alone is not what this is about
  await connection.send("x".repeat(100_000));
  const sender = await Caller.parked(() => connection.send("more"));
  await receiver.greenlet.join();
  assertEquals([receiver.outcome, receiver.at], [{ value: null }, 1500]);
  await sender.greenlet.join();
  assertInstanceOf(sender.error, WebSocketError);
  assertEquals(connection.closeCode, 1006);
  assertEquals(connection.closeReason, "The other end does not take what it is sent");
  assert(await connection.waitClosed());
  assertEquals(hub.timers.size, 0);
  assertEquals(socket.sent.length, 1);
});

virtualTest("idleTimeout begins anew whenever something leaves", async () => {
  const { socket, connection } = connect({ idleTimeout: 1000 });
  for (let i = 0; i < 10; i++) connection.trySend("x");
  for (let i = 0; i < 10; i++) {
    await sleep(900);
    socket.leave(1);
    await sleep(50);
  }
  assertFalse(connection.closed);
  await sleep(5000);
  assertFalse(connection.closed);
  connection.trySend("x"); // after a long silence: its time begins now
  await sleep(990);
  assertFalse(connection.closed);
  await sleep(20);
  assert(connection.closed);
});

virtualTest("idleTimeout is for each mebibyte", async () => {
  const { connection } = connect({ idleTimeout: 1000 });
  await connection.send(new Uint8Array(3 * MEBIBYTE));
  await sleep(2999);
  assertFalse(connection.closed);
  await sleep(2);
  assert(connection.closed);
});

virtualTest("idleTimeout leaves nothing behind when all has left", async () => {
  const { socket, connection } = connect({ idleTimeout: 1000 });
  await connection.send("x");
  socket.leave();
  await sleep(1001);
  assertEquals(hub.timers.size, 0);
  assertFalse(connection.closed);
});

virtualTest("idleTimeout ends a connection whose closing cannot be answered", async () => {
  const { socket, connection } = connect({ idleTimeout: 1000 });
  const receiver = await Caller.parked(() => connection.receive());
  await connection.send("x");
  // The client has closed and does not read: the runtime waits until it can answer, and says nothing.
  socket.readyState = WebSocket.CLOSED;
  socket.leave();
  assert(connection.closed);
  await receiver.greenlet.join();
  assertEquals(receiver.outcome, { value: null });
  assertEquals(connection.closeCode, 1006);
});

virtualTest("idleTimeout leaves an orderly closing alone that takes a moment", async () => {
  const { socket, connection } = connect({ idleTimeout: 1000 });
  await connection.send("x");
  await sleep(999);
  socket.readyState = WebSocket.CLOSED;
  socket.leave();
  await sleep(2); // it looks at that very moment
  socket.end(4000, "done");
  assertEquals([connection.closeCode, connection.closeReason], [4000, "done"]);
});

for (const idleTimeout of [0, Infinity]) {
  virtualTest(`idleTimeout ${idleTimeout} waits for ever`, async () => {
    const { connection } = connect({ idleTimeout });
    await connection.send(new Uint8Array(MEBIBYTE));
    await sleep(1e9);
    assertFalse(connection.closed);
  });
}

// Closing.

virtualTest("WebSocketConnection.close() goes ahead when only a little has not left", async () => {
  const { socket, connection } = connect();
  await connection.send(new Uint8Array(65536));
  connection.close(4000, "bye");
  assertEquals(socket.closedWith, { code: 4000, reason: "bye" });
  socket.end();
});

virtualTest("WebSocketConnection.close() lets leave what was sent, at its pace", async () => {
  const { socket, connection } = connect({ closeTimeout: 1000 });
  await connection.send(new Uint8Array(MEBIBYTE));
  connection.close(4000, "bye");
  assert(connection.closed);
  assertEquals(await connection.receive(), null);
  for (let i = 0; i < 15; i++) {
    await sleep(900);
    socket.leave(65536);
    assertEquals(socket.closedWith, undefined);
  }
  await sleep(100);
  assertEquals(socket.closedWith, { code: 4000, reason: "bye" });
  socket.end(4000, "bye");
  assert(await connection.waitClosed());
  assertEquals(hub.timers.size, 0);
});

virtualTest("closeTimeout ends a connection from which nothing leaves", async () => {
  const { socket, connection } = connect({ closeTimeout: 1000, idleTimeout: 0 });
  await connection.send(new Uint8Array(MEBIBYTE));
  connection.close(4000, "bye");
  assert(await connection.waitClosed());
  assertEquals(now(), 1000);
  assertEquals([connection.closeCode, connection.closeReason], [4000, "bye"]);
  assertEquals(socket.closedWith, undefined);
});

virtualTest("closeTimeout ends a connection whose other end does not answer", async () => {
  const { socket, connection } = connect({ closeTimeout: 1000 });
  connection.close(4000, "bye");
  assertFalse(await connection.waitClosed({ timeout: 999 }));
  assert(await connection.waitClosed());
  assertEquals(now(), 1000);
  assertEquals([connection.closeCode, connection.closeReason], [4000, "bye"]);
  socket.end(1005); // what the runtime says when its socket is released
  assertEquals(connection.closeCode, 4000);
});

virtualTest("closeTimeout waits for ever when it is Infinity", async () => {
  const { socket, connection } = connect({ closeTimeout: Infinity });
  connection.close();
  assertFalse(await connection.waitClosed({ timeout: 1e9 }));
  socket.end();
});

virtualTest("WebSocketConnection.close() waits for a socket that has not opened", async () => {
  const socket = new FakeWebSocket(WebSocket.CONNECTING);
  const connection = new WebSocketConnection(socket.asSocket);
  connection.close(4000, "bye");
  assert(connection.closed);
  assertEquals(socket.closedWith, undefined);
  socket.open();
  assertEquals(socket.closedWith, { code: 4000, reason: "bye" });
  socket.end();
  assert(await connection.waitClosed());
});

virtualTest("WebSocketConnection.close() at a client sends only what it may", async () => {
  const client = (limits?: WebSocketLimits) => {
    const socket = new FakeWebSocket(WebSocket.OPEN, "ws://localhost/");
    return { socket, connection: new WebSocketConnection(socket.asSocket, limits) };
  };
  for (const code of [999, 1001, 1008, 1009, 1011, 2999, 5000]) {
    assertThrows(() => client().connection.close(code), RangeError, `${code}`);
  }
  for (const code of [1000, 3000, 4999]) {
    const { socket, connection } = client();
    connection.close(code);
    assertEquals(socket.closedWith?.code, code);
    socket.end();
  }
  const { socket, connection } = client({ maxMessageSize: 3 });
  socket.arrive("four");
  assertEquals(socket.closedWith, {}); // without a code, as the right one may not be sent
  assertEquals([connection.closeCode, connection.closeReason], [1009, "Message too big"]);
  socket.end();
  await turns();
});

// What comes in.

virtualTest("maxUnreadBytes closes with 1008 when too many bytes wait", async () => {
  const { socket, connection } = connect({ maxUnreadBytes: 10 });
  socket.arrive("12345");
  socket.arrive(new ArrayBuffer(5));
  assertEquals((await connection.receive())?.length, 5); // makes room
  socket.arrive("67890");
  assertFalse(connection.closed);
  socket.arrive("1");
  assertEquals(socket.closedWith, { code: 1008, reason: "Too many unread messages" });
  socket.end(1005);
  assertEquals((await connection.receive())?.length, 5);
  assertEquals(await connection.receive(), "67890");
  assertEquals(await connection.receive(), null);
  assertEquals([connection.closeCode, connection.closeReason], [1008, "Too many unread messages"]);
});

virtualTest("maxUnreadBytes is 4 MiB or four of the largest messages by default", async () => {
  for (const [maxMessageSize, total] of [[1, 4], [4, 4], [8, 8]] as const) {
    // In quarters of a MiB and in MiB.
    const { socket, connection } = connect({ maxMessageSize: maxMessageSize * MEBIBYTE / 4 });
    for (let size = 0; size < total; size += maxMessageSize / 4) {
      assertFalse(connection.closed);
      socket.arrive(new ArrayBuffer(maxMessageSize * MEBIBYTE / 4));
    }
    assertFalse(connection.closed);
    socket.arrive("1");
    assert(connection.closed);
    socket.end();
  }
  await turns();
});

virtualTest("maxUnreadBytes does not count messages that somebody waits for", async () => {
  const { socket, connection } = connect({ maxUnreadBytes: 0 });
  const caller = await Caller.parked(() => connection.receive());
  socket.arrive("12345");
  await caller.greenlet.join();
  assertEquals(caller.outcome, { value: "12345" });
  socket.arrive(""); // takes no room
  assertFalse(connection.closed);
});

virtualTest("WebSocketConnection.receive() ends as soon as its own end is closed", async () => {
  for (const close of ["close", "abort"] as const) {
    const { socket, connection } = connect();
    socket.arrive("unread");
    assertEquals(await connection.receive(), "unread");
    const caller = await Caller.parked(() => connection.receive());
    connection[close]();
    await caller.greenlet.join();
    assertEquals([caller.outcome, caller.at], [{ value: null }, 0]);
    assertEquals(await connection.receive(), null);
    socket.arrive("too late");
    assertEquals(await connection.receive(), null);
    socket.end(1005);
  }
});

for (
  const [what, end, code, reason] of [
    ["a code", (socket: FakeWebSocket) => socket.end(4321, "why"), 4321, "why"],
    ["no code", (socket: FakeWebSocket) => socket.end(1005), 1005, ""],
    ["no handshake", (socket: FakeWebSocket) => socket.end(0, "", false), 1006, ""],
    ["a ping unanswered", (socket: FakeWebSocket) => socket.end(1001, "No", false), 1006, "No"],
    [
      "a complaint",
      (socket: FakeWebSocket) => {
        socket.complain("Invalid UTF-8");
        socket.end(0, "", false);
        socket.complain("again");
        socket.end(0, "", false); // the runtime tells of some ends twice
      },
      1006,
      "Invalid UTF-8",
    ],
  ] as const
) {
  virtualTest(`WebSocketConnection.closeCode tells of an end with ${what}`, async () => {
    const { socket, connection } = connect();
    assertEquals([connection.closeCode, connection.closeReason], [undefined, undefined]);
    end(socket);
    assertEquals([connection.closeCode, connection.closeReason], [code, reason]);
    assertEquals(await connection.receive(), null);
    assert(await connection.waitClosed());
  });
}

virtualTest("WebSocketConnection.abort() gives up at once, and once", async () => {
  const { socket, connection } = connect();
  await connection.send("x");
  const closer = await Caller.parked(() => connection.waitClosed());
  connection.abort();
  connection.abort();
  await closer.greenlet.join();
  assertEquals(closer.outcome, { value: true });
  assertEquals([connection.closeCode, connection.bufferedAmount], [1006, 0]);
  assertEquals(socket.closedWith, undefined);
  socket.end(1005);
  assertEquals(connection.closeCode, 1006);
});

virtualTest("WebSocketConnection[Symbol.asyncDispose]() closes and waits", async () => {
  const { socket, connection } = connect();
  const using = spawn(async () => {
    await using _ = connection;
  });
  await turns();
  assertEquals(socket.closedWith, { code: 1000, reason: "" });
  assertFalse(using.ready);
  socket.end();
  await using.get();
  await connection[Symbol.asyncDispose]();
});

for (const name of ["maxMessageSize", "maxUnread", "highWaterMark", "closeTimeout"] as const) {
  virtualTest(`new WebSocketConnection() refuses a wrong ${name}`, () => {
    for (const value of [-1, NaN, "1", null]) {
      const limits = { [name]: value } as WebSocketLimits;
      const error = assertThrows(() => connect(limits), RangeError, `'${name}'`);
      assert(error.message.endsWith(String(value)), error.message);
    }
    connect({ [name]: 0 });
    connect({ [name]: Infinity });
  });
}
