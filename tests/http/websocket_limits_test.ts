import { assert, assertEquals, assertFalse, assertGreater, assertRejects } from "@std/assert";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { WebSocketError } from "../../http/errors.ts";
import { upgradeWebSocket } from "../../http/upgrade_websocket.ts";
import type { WebSocketConnection } from "../../http/websocket.ts";
import { Event } from "../../sync/event.ts";
import { serve } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { BINARY, PING, PONG, RawWebSocket, TEXT } from "../helpers/raw_websocket.ts";
import { collectReports } from "../helpers/reports.ts";
import { serveWebSocket } from "../helpers/websocket_server.ts";

/** Sends the size of what comes in. */
async function measure(socket: WebSocketConnection): Promise<void> {
  for await (const message of socket) await socket.send(`${message.length}`);
}

ioTest("maxMessageSize lets messages through that have exactly that many bytes", async () => {
  await using server = await serveWebSocket(measure, { maxMessageSize: 9 });
  using client = await RawWebSocket.open(server);
  await client.send(BINARY, new Uint8Array(9));
  assertEquals(await client.text(), "9");
  await client.send(TEXT, "123456789");
  assertEquals(await client.text(), "9");
  await client.send(TEXT, "äöü€");
  assertEquals(await client.text(), "4");
});

for (
  const [name, opcode, message] of [
    ["bytes", BINARY, new Uint8Array(10)],
    ["text", TEXT, "1234567890"],
    ["text of few, but large characters", TEXT, "äöüß€"],
  ] as const
) {
  ioTest(`maxMessageSize closes with 1009 for ${name} above it`, async () => {
    using reports = collectReports();
    await using server = await serveWebSocket(measure, { maxMessageSize: 9 });
    using client = await RawWebSocket.open(server);
    await client.send(opcode, message);
    assertEquals(await client.closing(), [1009, "Message too big"]);
    await client.close(1009);
    await eventually(() => server.pool.size === 0);
    assertEquals(reports.list, []);
  });
}

ioTest("maxMessageSize is 1 MiB by default", async () => {
  await using server = await serveWebSocket(measure);
  using client = await RawWebSocket.open(server);
  await client.send(BINARY, new Uint8Array(1024 * 1024));
  assertEquals(await client.text(), `${1024 * 1024}`);
  await client.send(BINARY, new Uint8Array(1024 * 1024 + 1));
  assertEquals((await client.closing())[0], 1009);
  await client.close();
});

ioTest(
  "maxUnread closes with 1008 when too many messages wait, which are received all the same",
  async () => {
    const go = new Event();
    const received: unknown[] = [];
    await using server = await serveWebSocket(async (socket) => {
      await go.wait();
      for await (const message of socket) received.push(message);
    }, { maxUnread: 3 });
    using client = await RawWebSocket.open(server);
    for (let n = 0; n < 4; n++) await client.send(TEXT, `${n}`);
    assertEquals(await client.closing(), [1008, "Too many unread messages"]);
    await client.close(1008);
    go.set();
    await eventually(() => server.pool.size === 0);
    assertEquals(received, ["0", "1", "2"]);
  },
);

ioTest("maxUnread does not count messages that somebody waits for", async () => {
  await using server = await serveWebSocket(measure, { maxUnread: 0 });
  using client = await RawWebSocket.open(server);
  for (let n = 0; n < 5; n++) {
    await eventually(() => server.pool.size === 1);
    await sleep(1);
    await client.send(TEXT, "x".repeat(n));
    assertEquals(await client.text(), `${n}`);
  }
});

ioTest("WebSocketConnection.send() waits for a client that does not read", async () => {
  const CHUNK = new Uint8Array(65536);
  let sent = 0;
  let socket!: WebSocketConnection;
  const outcomes: unknown[] = [];
  await using server = await serveWebSocket(async (connection) => {
    socket = connection;
    while (outcomes.length < 3) {
      const outcome = await socket.send(CHUNK, { timeout: 100 }).catch((error) => error);
      if (outcome === undefined) sent++;
      else outcomes.push(outcome);
    }
    await socket.send("end");
  }, { highWaterMark: 100_000 });
  using client = await RawWebSocket.open(server);
  await eventually(() => outcomes.length === 3);
  for (const outcome of outcomes) assert(outcome instanceof Timeout, String(outcome));
  assertGreater(socket.bufferedAmount, 100_000);
  assert(socket.bufferedAmount <= 100_000 + CHUNK.length, `${socket.bufferedAmount}`);
  assertFalse(socket.trySend("x"));
  // What was not given up is there, and nothing of what was.
  for (let n = 0; n < sent; n++) assertEquals((await client.frame()).payload.length, CHUNK.length);
  assertEquals(await client.text(), "end");
});

ioTest(
  "WebSocketConnection.send() can be killed and aborted while the client does not read",
  async () => {
    const outcomes: unknown[] = [];
    await using server = await serveWebSocket(async (socket) => {
      const chunk = new Uint8Array(8 * 1024 * 1024);
      const sender = spawn(async () => {
        for (;;) await socket.send(chunk);
      });
      await eventually(() => socket.bufferedAmount > 65536);
      await sender.kill();
      outcomes.push(sender.successful);
      const controller = new AbortController();
      const sending = socket.send("x", { signal: controller.signal });
      controller.abort(new Error("enough"));
      outcomes.push(await sending.catch((error) => error.message));
    });
    using client = await RawWebSocket.open(server);
    await eventually(() => outcomes.length === 2);
    assertEquals(outcomes, [true, "enough"]);
    client.client.close();
  },
);

ioTest(
  "WebSocketConnection.send() throws a WebSocketError when the socket is closed meanwhile",
  async () => {
    let outcome: unknown;
    await using server = await serveWebSocket(async (socket) => {
      const chunk = new Uint8Array(8 * 1024 * 1024);
      outcome = await (async () => {
        for (;;) await socket.send(chunk);
      })().catch((error) => error);
    });
    using client = await RawWebSocket.open(server);
    await client.frame();
    client.client.close();
    await eventually(() => outcome !== undefined);
    assert(outcome instanceof WebSocketError, String(outcome));
  },
);

ioTest("WebSocketConnection.send() leaves the Timeout alone that it is given", async () => {
  await using server = await serveWebSocket(async (socket) => {
    const chunk = new Uint8Array(1024 * 1024);
    using running = Timeout.start(60_000);
    const idle = new Timeout(60_000);
    for (let i = 0; i < 20; i++) await socket.send(chunk, { timeout: i % 2 ? running : idle });
    await socket.send(`${running.pending} ${idle.pending}`);
  }, { highWaterMark: 0 });
  using client = await RawWebSocket.open(server);
  for (let i = 0; i < 20; i++) await client.frame();
  assertEquals(await client.text(), "true false");
});

ioTest("idleTimeout pings a silent client, and closes the connection of a dead one", async () => {
  let socket!: WebSocketConnection;
  await using server = await serveWebSocket(async (connection) => {
    socket = connection;
    await socket.receive();
  }, { idleTimeout: 100 });
  using client = await RawWebSocket.open(server);
  assertEquals((await client.frame()).opcode, PING);
  await eventually(() => server.pool.size === 0);
  assert(socket.closed);
  client.client.close();
});

ioTest("idleTimeout leaves a client alone that answers", async () => {
  await using server = await serveWebSocket(measure, { idleTimeout: 1000 });
  using client = await RawWebSocket.open(server);
  for (let i = 0; i < 3; i++) {
    assertEquals((await client.frame()).opcode, PING);
    await client.send(PONG, "");
  }
  await client.send(TEXT, "123"); // after more than one idleTimeout
  assertEquals(await client.text(), "3");
});

ioTest("killOnDisconnect lets a WebSocket live as long as its client", async () => {
  await using server = await serve((request) => upgradeWebSocket(request, measure), {
    killOnDisconnect: true,
  });
  using client = await RawWebSocket.open(server);
  await sleep(5);
  await client.send(TEXT, "12345");
  assertEquals(await client.text(), "5");
});

ioTest(
  "WebSocketConnection.receive() refuses a timeout that is no number",
  async () => {
    let outcome: unknown;
    await using server = await serveWebSocket(async (socket) => {
      outcome = await assertRejects(() => socket.receive({ timeout: NaN }), TypeError, "NaN");
    });
    using client = await RawWebSocket.open(server);
    await client.closing();
    assert(outcome instanceof TypeError);
  },
);
