import { assert, assertEquals, assertFalse, assertRejects, assertThrows } from "@std/assert";
import { ConcurrentObjectUseError } from "../../core/errors.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { WebSocketError } from "../../http/errors.ts";
import type { WebSocketConnection, WebSocketMessage } from "../../http/websocket.ts";
import { Event } from "../../sync/event.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { BINARY, CLOSE, PING, PONG, RawWebSocket, TEXT } from "../helpers/raw_websocket.ts";
import { collectReports } from "../helpers/reports.ts";
import { bytes } from "../helpers/sockets.ts";
import { echo, serveWebSocket } from "../helpers/websocket_server.ts";

ioTest("WebSocketConnection works with the runtime's client", async () => {
  await using server = await serveWebSocket(echo);
  const client = new WebSocket(server.url.replace("http", "ws"));
  client.binaryType = "arraybuffer";
  const received: unknown[] = [];
  const closed = Promise.withResolvers<CloseEvent>();
  client.onopen = () => {
    client.send("text: grüße");
    client.send(new Uint8Array([0, 1, 255]));
    client.send("");
  };
  client.onmessage = ({ data }) => {
    received.push(typeof data === "string" ? data : new Uint8Array(data));
    if (received.length === 3) client.close(1000, "bye");
  };
  client.onclose = closed.resolve;
  const { code, reason, wasClean } = await closed.promise;
  assertEquals(received, ["text: grüße", new Uint8Array([0, 1, 255]), ""]);
  assertEquals([code, reason, wasClean], [1000, "bye", true]);
});

ioTest("WebSocketConnection receives text as strings and binary as bytes", async () => {
  const received: WebSocketMessage[] = [];
  await using server = await serveWebSocket(async (socket) => {
    for await (const message of socket) {
      received.push(message);
      await socket.send(message);
    }
  });
  using client = await RawWebSocket.open(server);
  await client.send(TEXT, "hello");
  assertEquals(await client.frame(), { opcode: TEXT, payload: bytes("hello") });
  await client.send(BINARY, new Uint8Array([1, 2]));
  assertEquals(await client.frame(), { opcode: BINARY, payload: new Uint8Array([1, 2]) });
  assertEquals(received, ["hello", new Uint8Array([1, 2])]);
});

ioTest("WebSocketConnection joins fragments and answers pings", async () => {
  await using server = await serveWebSocket(echo);
  using client = await RawWebSocket.open(server);
  await client.send(TEXT, "frag", false);
  await client.send(PING, "in between");
  await client.send(0, "ments");
  assertEquals(await client.frame(), { opcode: PONG, payload: bytes("in between") });
  assertEquals(await client.text(), "fragments");
});

ioTest("WebSocketConnection.receive() waits for a message", async () => {
  await using server = await serveWebSocket(async (socket) => {
    await socket.send(`got ${await socket.receive()}`);
  });
  using client = await RawWebSocket.open(server);
  await sleep(1);
  await client.send(TEXT, "it");
  assertEquals(await client.text(), "got it");
});

ioTest("WebSocketConnection.receive() returns null when the client has closed", async () => {
  let socket!: WebSocketConnection;
  const received: unknown[] = [];
  const done = new Event();
  await using server = await serveWebSocket(async (connection) => {
    socket = connection;
    for (let i = 0; i < 4; i++) received.push(await socket.receive());
    await assertRejects(() => socket.send("x"), WebSocketError, "already closed");
    done.set();
  });
  using client = await RawWebSocket.open(server);
  await client.send(TEXT, "one");
  await client.send(TEXT, "two");
  await client.close(4321);
  assertEquals(await client.closing(), [4321, ""]);
  await done.wait();
  assertEquals(received, ["one", "two", null, null]);
  assertEquals([socket.closed, socket.closeCode, socket.closeReason], [true, 4321, ""]);
});

ioTest("WebSocketConnection.receive() returns null when the connection is lost", async () => {
  using reports = collectReports();
  let socket!: WebSocketConnection;
  let received: unknown;
  await using server = await serveWebSocket(async (connection) => {
    socket = connection;
    received = await socket.receive();
  });
  using client = await RawWebSocket.open(server);
  await eventually(() => socket !== undefined);
  client.client.close();
  await eventually(() => server.pool.size === 0);
  assertEquals([received, socket.closeCode], [null, 1006]);
  assertEquals(reports.list, []);
});

ioTest("WebSocketConnection.send() throws a WebSocketError when the socket is closed", async () => {
  using reports = collectReports();
  const outcomes: unknown[] = [];
  await using server = await serveWebSocket(async (socket) => {
    socket.close();
    outcomes.push(await socket.send("late").catch((error) => error));
    await socket.send("later"); // that ends the handler, and is no error of the program
  });
  using client = await RawWebSocket.open(server);
  assertEquals(await client.closing(), [1000, ""]);
  await client.close();
  await eventually(() => server.pool.size === 0);
  assert(outcomes[0] instanceof WebSocketError);
  assertEquals(reports.list, []);
});

ioTest("WebSocketConnection.close() sends a code and a reason, once", async () => {
  let socket!: WebSocketConnection;
  await using server = await serveWebSocket(async (connection) => {
    socket = connection;
    assertFalse(socket.closed);
    assertEquals(String(socket), "<WebSocketConnection open unread=0>");
    socket.close(4000, "grüße");
    socket.close(4001, "again");
    assert(socket.closed);
    assertEquals(String(socket), "<WebSocketConnection closed unread=0>");
    assertEquals(await socket.receive(), null);
  });
  using client = await RawWebSocket.open(server);
  assertEquals(await client.closing(), [4000, "grüße"]);
  await client.close(4000);
  await eventually(() => server.pool.size === 0);
  assertEquals([socket.closeCode, socket.closeReason], [4000, "grüße"]);
});

ioTest(
  "WebSocketConnection.close() refuses what cannot be sent, and closes nothing then",
  async () => {
    await using server = await serveWebSocket(async (socket) => {
      for (const code of [0, 999, 1004, 1005, 1006, 1015, 2000, 5000, 1000.5, NaN]) {
        assertThrows(() => socket.close(code), RangeError, String(code));
      }
      assertThrows(() => socket.close(1000, "ü".repeat(62)), RangeError, "123 bytes");
      assertFalse(socket.closed);
      await socket.send("still open");
      socket.close(3000, "x".repeat(123));
    });
    using client = await RawWebSocket.open(server);
    assertEquals(await client.text(), "still open");
    assertEquals(await client.closing(), [3000, "x".repeat(123)]);
  },
);

ioTest("WebSocketConnection.close() drops messages that come after it", async () => {
  let socket!: WebSocketConnection;
  await using server = await serveWebSocket(async (connection) => {
    socket = connection;
    await socket.receive();
    socket.close();
    assertEquals(await socket.receive(), null);
  });
  using client = await RawWebSocket.open(server);
  await client.send(TEXT, "first");
  await client.closing();
  await client.send(TEXT, "too late").catch(() => {});
  await client.close().catch(() => {});
  await eventually(() => server.pool.size === 0);
});

ioTest(
  "WebSocketConnection.receive() loses no message when it is killed or timed out",
  async () => {
    const COUNT = 300;
    const received: WebSocketMessage[] = [];
    let interrupted = 0;
    await using server = await serveWebSocket(async (socket) => {
      while (received.length < COUNT) {
        const reader = spawn(async () => {
          const message = await socket.receive();
          if (message !== null) received.push(message);
        });
        await sleep();
        await reader.kill();
        try {
          received.push((await socket.receive({ timeout: 0 }))!);
        } catch (error) {
          if (!(error instanceof Timeout)) throw error;
          interrupted++;
        }
      }
      await socket.send("done");
    });
    using client = await RawWebSocket.open(server);
    for (let n = 0; n < COUNT; n++) {
      await client.send(TEXT, `${n}`);
      if (n % 7 === 0) await sleep(1);
    }
    assertEquals(await client.text(), "done");
    assertEquals(received, Array.from({ length: COUNT }, (_, n) => `${n}`));
    assert(interrupted > 0);
  },
);

ioTest("WebSocketConnection.receive() refuses a second receiver", async () => {
  await using server = await serveWebSocket(async (socket) => {
    const first = spawn(() => socket.receive());
    await sleep();
    await assertRejects(() => socket.receive(), ConcurrentObjectUseError);
    await socket.send(`${await first.get()}`);
  });
  using client = await RawWebSocket.open(server);
  await client.send(TEXT, "for the first");
  assertEquals(await client.text(), "for the first");
});

ioTest("WebSocketConnection.send() may be called by several greenlets at a time", async () => {
  await using server = await serveWebSocket(async (socket) => {
    const senders = Array.from({ length: 10 }, (_, n) =>
      spawn(async () => {
        for (let i = 0; i < 20; i++) {
          await socket.send(`${n} `.repeat(1 + i * 100));
          await sleep();
        }
      }));
    for (const sender of senders) await sender.get();
  });
  using client = await RawWebSocket.open(server);
  const counts = new Map<string, number>();
  for (let i = 0; i < 200; i++) {
    const words = new Set((await client.text()).trimEnd().split(" "));
    assertEquals(words.size, 1, "Messages got mixed up");
    const [n] = words;
    counts.set(n!, (counts.get(n!) ?? 0) + 1);
  }
  assertEquals([...counts.values()], Array.from({ length: 10 }, () => 20));
});

ioTest("WebSocketConnection keeps the order of closing and messages", async () => {
  await using server = await serveWebSocket(async (socket) => {
    for (let n = 0; n < 100; n++) await socket.send(`${n}`);
  });
  using client = await RawWebSocket.open(server);
  for (let n = 0; n < 100; n++) assertEquals(await client.text(), `${n}`);
  assertEquals((await client.frame()).opcode, CLOSE);
});
