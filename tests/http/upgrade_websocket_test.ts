import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { idle, sleep } from "../../core/sleep.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { WebSocketError } from "../../http/errors.ts";
import {
  upgradeWebSocket,
  type WebSocketHandler,
  type WebSocketOptions,
} from "../../http/upgrade_websocket.ts";
import { Event } from "../../sync/event.ts";
import { RawClient, serve } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import {
  askForWebSocket,
  HANDSHAKE,
  RawWebSocket,
  REQUEST,
  TEXT,
} from "../helpers/raw_websocket.ts";
import { runScript } from "../helpers/script.ts";
import { collectReports } from "../helpers/reports.ts";
import { connectionsAt } from "../helpers/connections.ts";
import { echo, serveWebSocket } from "../helpers/websocket_server.ts";

ioTest("upgradeWebSocket() ends when the client leaves before the socket opens", async () => {
  using reports = collectReports();
  let ended = 0;
  await using server = await serve((request) => upgradeWebSocket(request, echo), {
    log: () => void ended++,
  });
  for (let i = 1; i <= 10; i++) {
    const client = await RawClient.connect(server.address);
    await client.request("GET /", HANDSHAKE);
    client.close();
    await eventually(() => ended === i && server.pool.size === 0);
  }
  assertEquals(reports.list, []);
});

for (
  const [when, app] of [
    ["before the app upgrades", async (request: Request, go: () => Promise<unknown>) => {
      await go();
      return upgradeWebSocket(request, echo);
    }],
    ["after the app has upgraded", async (request: Request, go: () => Promise<unknown>) => {
      const response = upgradeWebSocket(request, echo);
      await go();
      return response;
    }],
  ] as const
) {
  ioTest(`upgradeWebSocket() leaves nothing of clients that leave ${when}`, async () => {
    const statuses: number[] = [];
    const go = new Event();
    const server = await serve((request) => app(request, () => go.wait()), {
      log: (_line, { status }) => void statuses.push(status),
    });
    const COUNT = 20;
    for (let i = 0; i < COUNT; i++) {
      using client = await RawClient.connect(server.address);
      await client.request("GET /", HANDSHAKE);
      await eventually(() => server.pool.size === i + 1);
    }
    using present = await RawClient.connect(server.address);
    await present.request("GET /", HANDSHAKE);
    await eventually(() => server.pool.size === COUNT + 1);
    await idle(); // the runtime has noticed those that have left
    go.set();
    assertEquals((await present.head()).status, 101);
    await eventually(() => server.pool.size === 1 && connectionsAt(server.port) <= 1);
    assertEquals(statuses, Array(COUNT).fill(499));
    present.close();
    await server.stop();
    assertEquals(connectionsAt(server.port), 0);
  });
}

ioTest("upgradeWebSocket() does nothing when the app answers with something else", async () => {
  let status = 0;
  let handled = false;
  await using server = await serve((request) => {
    ({ status } = upgradeWebSocket(request, () => void (handled = true)));
    return "rather not";
  });
  const { client, response } = await askForWebSocket(server);
  using _ = client;
  assertEquals([response.status, await client.body(response)], [200, "rather not"]);
  assertEquals([status, handled], [101, false]);
});

ioTest("upgradeWebSocket() does nothing when the client was answered in the meantime", async () => {
  let handled = false;
  await using server = await serve(async (request) => {
    const response = upgradeWebSocket(request, () => void (handled = true));
    try {
      await sleep(60_000);
    } catch { // the time limit
      await sleep(1500);
    }
    return response;
  }, { handlerTimeout: 1 });
  const { client, response } = await askForWebSocket(server);
  using _ = client;
  assertEquals(response.status, 503);
  await eventually(() => server.pool.size === 0);
  assertEquals(handled, false);
});

ioTest("upgradeWebSocket() closes with 1000 when the handler returns", async () => {
  await using server = await serveWebSocket((socket) => socket.send("bye"));
  using client = await RawWebSocket.open(server);
  assertEquals(await client.text(), "bye");
  assertEquals(await client.closing(), [1000, ""]);
});

ioTest(
  "upgradeWebSocket() closes with 1011 when the handler fails, and reports the error",
  async () => {
    using reports = collectReports();
    const error = new Error("secret");
    await using server = await serveWebSocket(() => {
      throw error;
    });
    using client = await RawWebSocket.open(server);
    assertEquals(await client.closing(), [1011, "Internal Error"]);
    await eventually(() => server.pool.size === 0);
    assertEquals(reports.list.map(({ error }) => error), [error]);
  },
);

ioTest("upgradeWebSocket() reports a WebSocketError while the socket is open", async () => {
  using reports = collectReports();
  await using server = await serveWebSocket(() => {
    throw new WebSocketError("of another socket");
  });
  using client = await RawWebSocket.open(server);
  assertEquals((await client.closing())[0], 1011);
  await eventually(() => reports.list.length === 1);
});

ioTest("upgradeWebSocket() closes with 1001 when the greenlet is killed", async () => {
  using reports = collectReports();
  await using server = await serveWebSocket(echo);
  using client = await RawWebSocket.open(server);
  await eventually(() => server.pool.size === 1);
  for (const greenlet of server.pool) await greenlet.kill();
  assertEquals(await client.closing(), [1001, "Going away"]);
  assertEquals(reports.list, []);
});

ioTest("upgradeWebSocket() closes with 1001 when the server stops", async () => {
  let ended = false;
  const server = await serveWebSocket(async (socket) => {
    try {
      await echo(socket);
    } finally {
      ended = true;
    }
  });
  using client = await RawWebSocket.open(server);
  await client.send(TEXT, "hello");
  assertEquals(await client.text(), "hello");
  const stopping = spawn(() => server.stop({ timeout: 1 }));
  assertEquals((await client.closing())[0], 1001);
  await client.close(1001).catch(() => {}); // the server may not wait for that
  await stopping.get();
  assert(ended);
  assertEquals(await client.client.rest(), "");
});

ioTest("HttpServer.stop() does not wait for a WebSocket client that does not answer", async () => {
  const server = await serveWebSocket(echo);
  using client = await RawWebSocket.open(server);
  await eventually(() => server.pool.size === 1);
  await server.stop({ timeout: 1 });
  assertEquals((await client.closing())[0], 1001);
});

ioTest("upgradeWebSocket() runs the handler in the greenlet of the request", async () => {
  const greenlets = new Set<unknown>();
  await using server = await serve((request) => {
    greenlets.add(getCurrent());
    return upgradeWebSocket(request, async (socket) => {
      greenlets.add(getCurrent());
      await socket.receive();
      greenlets.add(getCurrent());
    });
  });
  using client = await RawWebSocket.open(server);
  await client.send(TEXT, "x");
  await client.closing();
  assertEquals(greenlets.size, 1);
});

Deno.test("upgradeWebSocket() throws a TypeError when the handler is not a function", () => {
  const handler = "handler" as unknown as WebSocketHandler;
  assertThrows(() => upgradeWebSocket(new Request("http://localhost/"), handler), TypeError);
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
  await using server = await serveWebSocket(echo);
  const { client, response } = await askForWebSocket(server, {
    connection: "keep-alive, upgrade",
    upgrade: "WebSocket",
  });
  assertEquals(response.status, 101);
  client.close();
});

for (
  const [protocol, cases] of [
    ["chat", {
      "other, chat": "chat",
      "other,chat": "chat", // without a blank, which is right as well
      "chat": "chat",
      "other": undefined,
      "": undefined,
      "Chat": undefined,
    }],
    [["v2", "v1"], { "v1, v2": "v2", "v1": "v1", "v3": undefined, "": undefined }],
    [["v2", ""], { "v2": "v2", "v3": "", "": "" }],
    [[], { "v1": undefined, "": undefined }],
    [undefined, { "v1": "", "": "" }],
  ] as [WebSocketOptions["protocol"], Record<string, string | undefined>][]
) {
  for (const [offer, agreed] of Object.entries(cases)) {
    const outcome = agreed === undefined ? "is refused" : `agrees on '${agreed}'`;
    ioTest(`protocol ${Deno.inspect(protocol)} ${outcome} for '${offer}'`, async () => {
      using reports = collectReports();
      await using server = await serveWebSocket(
        (socket) => socket.send(socket.protocol),
        protocol === undefined ? {} : { protocol },
      );
      const { client, response } = await askForWebSocket(server, {
        "sec-websocket-protocol": offer === "" ? undefined : offer,
      });
      using _ = client;
      assertEquals(response.status, agreed === undefined ? 400 : 101);
      if (agreed === undefined) return;
      assertEquals(response.headers.get("sec-websocket-protocol") ?? "", agreed);
      assertEquals(await new RawWebSocket(client).text(), agreed);
      assertEquals(reports.list, []);
    });
  }
}

ioTest("upgradeWebSocket() lets the app add headers to its response", async () => {
  await using server = await serve((request) => {
    const response = upgradeWebSocket(request, echo);
    response.headers.append("set-cookie", "seen=1");
    return response;
  });
  const { client, response } = await askForWebSocket(server);
  using _ = client;
  assertEquals(response.headers.get("set-cookie"), "seen=1");
});

ioTest("upgradeWebSocket() never offers compression", async () => {
  await using server = await serveWebSocket(echo);
  const { client, response } = await askForWebSocket(server, {
    "sec-websocket-extensions": "permessage-deflate; client_max_window_bits",
  });
  using _ = client;
  assertEquals([response.status, response.headers.get("sec-websocket-extensions")], [101, null]);
});

ioTest("upgradeWebSocket() refuses wrong limits before it does anything", async () => {
  let error: unknown;
  await using server = await serve((request) => {
    try {
      return upgradeWebSocket(request, echo, { maxUnread: -1 });
    } catch (thrown) {
      error = thrown;
      return "still an ordinary request";
    }
  });
  const { client, response } = await askForWebSocket(server);
  using _ = client;
  assertEquals(await client.body(response), "still an ordinary request");
  assert(error instanceof RangeError && error.message.endsWith("received -1"), String(error));
});

ioTest("upgradeWebSocket() keeps the greenlet until the connection has ended", async () => {
  let returned = false;
  await using server = await serveWebSocket(() => void (returned = true), { closeTimeout: 60_000 });
  using client = await RawWebSocket.open(server);
  assertEquals(await client.closing(), [1000, ""]);
  assertEquals([returned, server.pool.size], [true, 1]);
  await client.close();
  await eventually(() => server.pool.size === 0);
  assertEquals(connectionsAt(server.port), 0);
});

ioTest("upgradeWebSocket() gives up a client that does not answer its closing", async () => {
  await using server = await serveWebSocket(() => {}, { closeTimeout: 20 });
  using client = await RawWebSocket.open(server);
  assertEquals(await client.closing(), [1000, ""]);
  await eventually(() => server.pool.size === 0 && connectionsAt(server.port) === 0);
  assertEquals(await client.client.rest(), "");
});

ioTest("upgradeWebSocket() leaves no connection when the greenlet is killed", async () => {
  await using server = await serveWebSocket(echo, { closeTimeout: 20 });
  using client = await RawWebSocket.open(server);
  await eventually(() => server.pool.size === 1);
  for (const greenlet of server.pool) await greenlet.kill();
  assertEquals(server.pool.size, 0);
  assertEquals(await client.closing(), [1001, "Going away"]);
  await eventually(() => connectionsAt(server.port) === 0); // though the client has not answered
});

// What happens when the server stops.

ioTest("HttpServer.stop() lets WebSocket handlers come to an end", async () => {
  const order: unknown[] = [];
  const server = await serveWebSocket(async (socket) => {
    order.push(await socket.receive(), socket.closeCode, socket.closeReason);
    await assertRejects(() => socket.send("x"), WebSocketError);
    await sleep(5);
    order.push("handler");
  });
  using client = await RawWebSocket.open(server);
  await eventually(() => server.pool.size === 1);
  const stopping = spawn(async () => {
    await server.stop({ timeout: 60_000 });
    order.push("stopped");
  });
  assertEquals(await client.closing(), [1001, "Going away"]);
  await client.close(1001);
  await stopping.get();
  assertEquals(order, [null, 1001, "Going away", "handler", "stopped"]);
  assertEquals(connectionsAt(server.port), 0);
});

ioTest("HttpServer.stop() refuses requests while WebSockets come to an end", async () => {
  const end = new Event();
  const server = await serve((request) =>
    request.headers.has("upgrade") ? upgradeWebSocket(request, () => end.wait()) : "hello"
  );
  using webSocket = await RawWebSocket.open(server);
  await eventually(() => server.pool.size === 1);
  const stopping = spawn(() => server.stop({ timeout: 60_000 }));
  await webSocket.closing();
  using client = await RawClient.connect(server.address);
  await client.request("GET /");
  assertEquals((await client.head()).status, 503);
  const late = await askForWebSocket(server);
  assertEquals(late.response.status, 503);
  late.client.close();
  end.set();
  await webSocket.close(1001);
  await stopping.get();
});

ioTest("HttpServer.stop() closes WebSockets that are just opening", async () => {
  for (let i = 0; i < 10; i++) {
    const server = await serveWebSocket(echo);
    using client = await RawClient.connect(server.address);
    await client.request("GET /", HANDSHAKE);
    await eventually(() => server.pool.size === 1);
    await server.stop({ timeout: 100 });
    assertEquals([server.pool.size, connectionsAt(server.port)], [0, 0]);
  }
});

for (const busy of [false, true]) {
  const others = busy ? "while others come to an end" : "when there are no others";
  ioTest(`HttpServer.stop() closes WebSockets that open only afterwards, ${others}`, async () => {
    const go = new Event();
    const end = new Event();
    let handled = false;
    const server = await serve(async (request) => {
      if (new URL(request.url).pathname === "/other") {
        return upgradeWebSocket(request, () => end.wait());
      }
      await go.wait();
      return upgradeWebSocket(request, () => void (handled = true));
    });
    const other = busy ? await askForWebSocket(server, {}, "GET /other") : undefined;
    using client = await RawClient.connect(server.address);
    await client.request("GET /", HANDSHAKE);
    await eventually(() => server.pool.size === (busy ? 2 : 1));
    const stopping = spawn(() => server.stop({ timeout: 60_000 }));
    await sleep(5);
    go.set();
    assertEquals((await client.head()).status, 101);
    const [code, reason] = await new RawWebSocket(client).closing();
    assertEquals(code, 1001);
    if (busy) assertEquals(reason, "Going away"); // else the runtime may have been quicker
    client.close();
    end.set();
    other?.client.close();
    await stopping.get();
    assertEquals([handled, connectionsAt(server.port)], [false, 0]);
  });
}

ioTest("HttpServer.stop() kills WebSocket handlers that do not end", async () => {
  let killed = false;
  const server = await serveWebSocket(async () => {
    try {
      await sleep(60_000);
    } catch (error) {
      killed = error instanceof GreenletExit;
      throw error;
    }
  });
  using client = await RawWebSocket.open(server);
  await eventually(() => server.pool.size === 1);
  await server.stop({ timeout: 1 });
  assert(killed);
  assertEquals((await client.closing())[0], 1001);
  assertEquals(connectionsAt(server.port), 0);
});

ioTest("HttpServer.stop() does not wait for a WebSocket client that reads nothing", async () => {
  const outcomes: unknown[] = [];
  const server = await serveWebSocket(async (socket) => {
    const chunk = new Uint8Array(16 * 1024 * 1024);
    outcomes.push(await socket.send(chunk).then(() => socket.send(chunk)).catch((error) => error));
  });
  using client = await RawWebSocket.open(server);
  await client.client.socket.recvExactly(1);
  await server.stop({ timeout: 1 });
  assertEquals(server.pool.size, 0);
  assert(outcomes[0] instanceof WebSocketError, String(outcomes[0]));
});

ioTest("a client that has vanished does not hold up the end of the process", async () => {
  const { code, stdout, stderr } = await runScript(`
    import { connect, HttpServer, upgradeWebSocket } from "@/mod.ts";
    let lost;
    const server = new HttpServer("127.0.0.1:0", (request) =>
      upgradeWebSocket(request, async (socket) => {
        await socket.receive();
        lost = socket.closeCode;
      }, { idleTimeout: 3_600_000 }), { log: null });
    await server.start();
    const client = await connect(server.address);
    await client.sendAll(new TextEncoder().encode(${JSON.stringify(REQUEST)}));
    await client.recv();
    client.close();
    while (lost === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
    await server.stop();
    console.log(lost);
  `);
  assertEquals([code, stdout, stderr], [0, "1006\n", ""]);
});
