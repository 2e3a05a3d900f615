import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { WebSocketError } from "../../http/errors.ts";
import type { HttpServer } from "../../http/server.ts";
import {
  upgradeWebSocket,
  type WebSocketConnection,
  type WebSocketHandler,
  type WebSocketOptions,
} from "../../http/websocket.ts";
import { Event } from "../../sync/event.ts";
import { serve } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { askForWebSocket, BINARY, PING, RawWebSocket, TEXT } from "../helpers/raw_websocket.ts";
import { collectReports } from "../helpers/reports.ts";

function serveWebSocket(
  handler: WebSocketHandler,
  options?: WebSocketOptions,
): Promise<HttpServer> {
  return serve((request) => upgradeWebSocket(request, handler, options));
}

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
  let timedOut: unknown;
  await using server = await serveWebSocket(async (connection) => {
    socket = connection;
    for (;;) {
      try {
        await socket.send(CHUNK, { timeout: 100 });
      } catch (error) {
        timedOut = error;
        break;
      } finally {
        sent++;
      }
    }
    await socket.send("end");
  }, { highWaterMark: 100_000 });
  using client = await RawWebSocket.open(server);
  await eventually(() => timedOut !== undefined);
  assert(timedOut instanceof Timeout, String(timedOut));
  assertGreater(socket.bufferedAmount, 100_000);
  for (let n = 0; n < sent; n++) assertEquals((await client.frame()).payload.length, CHUNK.length);
  assertEquals(await client.text(), "end"); // nothing was lost, not even the message that timed out
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
  await using server = await serveWebSocket(measure, { idleTimeout: 40 });
  const client = new WebSocket(server.url.replace("http", "ws"));
  const opened = Promise.withResolvers<void>();
  client.onopen = () => opened.resolve();
  await opened.promise;
  await sleep(150); // the runtime's client answers pings
  assertEquals(client.readyState, WebSocket.OPEN);
  const closed = new Promise((resolve) => client.onclose = resolve);
  client.close();
  await closed;
});

const OWN = "http://localhost";
for (
  const [origins, origin, allowed] of [
    [undefined, undefined, true],
    [undefined, OWN, true],
    [undefined, "https://localhost", true],
    [undefined, "http://localhost:8080", false],
    [undefined, "http://evil.example", false],
    [undefined, "http://localhost.evil.example", false],
    [undefined, "null", false],
    [undefined, "nonsense", false],
    [["https://a.example", "https://b.example"], "https://b.example", true],
    [["https://a.example"], "http://a.example", false],
    [["https://a.example"], OWN, false],
    [["https://a.example"], undefined, true],
    [[], OWN, false],
    ["any", "http://evil.example", true],
    ["any", "null", true],
  ] as const
) {
  const name = `origins ${Deno.inspect(origins)} ${allowed ? "allow" : "deny"} ${origin ?? "none"}`;
  ioTest(name, async () => {
    let called = false;
    await using server = await serve((request) =>
      upgradeWebSocket(request, () => void (called = true), origins ? { origins } : {})
    );
    const { client, response } = await askForWebSocket(server, { origin });
    assertEquals(response.status, allowed ? 101 : 403);
    if (allowed) {
      const socket = new RawWebSocket(client);
      assertEquals((await socket.closing())[0], 1000);
      await socket.close();
    }
    client.close();
    await eventually(() => server.pool.size === 0);
    assertEquals(called, allowed);
  });
}

for (
  const [name, status, headers, line] of [
    ["a plain request", 426, { upgrade: undefined, connection: undefined }],
    ["another upgrade", 426, { upgrade: "h2c" }],
    ["no version", 426, { "sec-websocket-version": undefined }],
    ["an old version", 426, { "sec-websocket-version": "8" }],
    ["no key", 400, { "sec-websocket-key": undefined }],
    ["a key of the wrong size", 400, { "sec-websocket-key": "abc" }],
    ["no upgrade in the connection header", 400, { connection: "keep-alive" }],
    ["another method", 400, {}, "POST /"],
  ] as [string, number, Record<string, string | undefined>, string?][]
) {
  ioTest(`upgradeWebSocket() answers ${status} to ${name}`, async () => {
    using reports = collectReports();
    let called = false;
    await using server = await serveWebSocket(() => void (called = true));
    const { client, response } = await askForWebSocket(server, headers, line);
    assertEquals(response.status, status);
    if (name.includes("version")) assertEquals(response.headers.get("sec-websocket-version"), "13");
    client.close();
    assertEquals([called, reports.list], [false, []]);
  });
}

ioTest("upgradeWebSocket() takes requests whose headers are written in another way", async () => {
  await using server = await serveWebSocket(measure);
  const { client, response } = await askForWebSocket(server, {
    connection: "keep-alive, upgrade",
    upgrade: "WebSocket",
  });
  assertEquals(response.status, 101);
  client.close();
});

ioTest(
  "protocol is agreed on when the client offers it, and refused with 400 otherwise",
  async () => {
    using reports = collectReports();
    await using server = await serveWebSocket((socket) => socket.send(socket.protocol), {
      protocol: "chat",
    });
    for (
      const [offer, status] of [["other, chat", 101], ["chat", 101], ["other", 400], [
        undefined,
        400,
      ], ["Chat", 400]] as const
    ) {
      const { client, response } = await askForWebSocket(server, {
        "sec-websocket-protocol": offer,
      });
      assertEquals(response.status, status, offer);
      if (status === 101) {
        assertEquals(response.headers.get("sec-websocket-protocol"), "chat");
        assertEquals(await new RawWebSocket(client).text(), "chat");
      }
      client.close();
    }
    assertEquals(reports.list, []);
  },
);

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
