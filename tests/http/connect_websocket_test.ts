import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { idle, sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { connectWebSocket, type ConnectWebSocketOptions } from "../../http/connect_websocket.ts";
import { HttpError, WebSocketError } from "../../http/errors.ts";
import { upgradeWebSocket } from "../../http/upgrade_websocket.ts";
import { Socket } from "../../net/socket.ts";
import { AUTHORITY, CERTIFICATE, KEY } from "../helpers/certificates.ts";
import { connectionsAt } from "../helpers/connections.ts";
import { RawClient, serve } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import {
  acceptKeyFor,
  CLOSE,
  frameOf,
  PING,
  PONG,
  RawWebSocketServer,
  TEXT,
} from "../helpers/raw_websocket.ts";
import { echo, serveWebSocket } from "../helpers/websocket_server.ts";

ioTest("connectWebSocket() sends and receives", async () => {
  await using server = await serveWebSocket(echo);
  for (const url of [server.url, server.url.replace("http", "ws"), new URL(server.url)]) {
    await using socket = await connectWebSocket(url);
    const bytes = new Uint8Array(100_000).fill(7);
    const messages = ["grüße", "", new Uint8Array([0, 255]), new Uint8Array(), bytes];
    for (const message of messages) {
      await socket.send(message);
      assertEquals(await socket.receive({ timeout: 60_000 }), message);
    }
    assertEquals([socket.closed, socket.protocol], [false, ""]);
    assertEquals(String(socket), "<WebSocketConnection open unread=0>");
  }
  await eventually(() => server.pool.size === 0);
});

ioTest("connectWebSocket() can be iterated over until the server closes", async () => {
  await using server = await serveWebSocket(async (socket) => {
    for (let n = 0; n < 5; n++) await socket.send(`${n}`);
    socket.close(4000, "enough");
  });
  await using socket = await connectWebSocket(server.url);
  const received: unknown[] = [];
  for await (const message of socket) received.push(message);
  assertEquals(received, ["0", "1", "2", "3", "4"]);
  assertEquals([socket.closeCode, socket.closeReason], [4000, "enough"]);
  await assertRejects(() => socket.send("x"), WebSocketError);
});

ioTest("connectWebSocket() receives what comes along with the handshake", async () => {
  using server = new RawWebSocketServer();
  const connecting = spawn(() => connectWebSocket(server.url));
  const { client, headers } = await server.request();
  using _ = client;
  assertEquals(headers.get("sec-websocket-version"), "13");
  assertEquals(headers.get("sec-websocket-extensions"), null); // no compression
  const accept = acceptKeyFor(headers.get("sec-websocket-key")!);
  const head =
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
  const all = [head, "one", "two"].map((text) =>
    text === head ? new TextEncoder().encode(text) : frameOf(0x81, text, { mask: false })
  );
  await client.send(await new Blob(all as BlobPart[]).bytes());
  const socket = await connecting.get();
  assertEquals([await socket.receive(), await socket.receive()], ["one", "two"]);
  client.close();
  assert(await socket.waitClosed());
});

ioTest("protocols are offered, and the server chooses", async () => {
  for (
    const [protocols, chosen] of [
      [["a", "b"], "b"],
      ["b", "b"],
      [["a"], ""],
      [[], ""],
      [undefined, ""],
    ] as const
  ) {
    await using server = await serveWebSocket(echo, { protocol: ["b", ""] });
    const options = protocols === undefined ? {} : { protocols };
    await using socket = await connectWebSocket(server.url, options);
    assertEquals(socket.protocol, chosen);
  }
});

ioTest("connectWebSocket() refuses a protocol that it has not offered", async () => {
  await using server = await serve((request) => {
    const response = upgradeWebSocket(request, echo);
    response.headers.set("sec-websocket-protocol", "other");
    return response;
  });
  const error = await assertRejects(
    () => connectWebSocket(server.url, { protocols: ["a"] }),
    WebSocketError,
  );
  assertEquals(
    error.message,
    `Cannot connect to ws://127.0.0.1:${server.port}/: ` +
      "the server has chosen the protocol 'other', which was not offered",
  );
  await eventually(() => connectionsAt(server.port) === 0);
});

ioTest("headers are sent along", async () => {
  let headers = new Headers();
  await using server = await serve((request) => {
    headers = new Headers(request.headers);
    return upgradeWebSocket(request, echo, { origins: ["https://a.example"] });
  });
  {
    await using _ = await connectWebSocket(server.url, {
      headers: { authorization: "Bearer x", cookie: "a=b", origin: "https://a.example" },
    });
  }
  assertEquals(headers.get("authorization"), "Bearer x");
  assertEquals([headers.get("cookie"), headers.get("origin")], ["a=b", "https://a.example"]);
  await assertRejects(
    () => connectWebSocket(server.url, { headers: [["Origin", "https://b.example"]] }),
    WebSocketError,
    "403",
  );
});

for (const status of [200, 302, 401, 403, 500]) {
  ioTest(`connectWebSocket() throws a WebSocketError for the answer ${status}`, async () => {
    await using server = await serve(() => {
      if (status >= 400) throw new HttpError(status, "no");
      return new Response(null, { status, headers: { location: "/elsewhere" } });
    });
    const url = server.url.replace("//", "//user:secret@") + "path?token=secret";
    const error = await assertRejects(() => connectWebSocket(url), WebSocketError, `${status}`);
    const shown = `Cannot connect to ws://127.0.0.1:${server.port}/path: `;
    assert(error.message.startsWith(shown), error.message);
    assertInstanceOf(error.cause, DOMException);
  });
}

ioTest("connectWebSocket() throws a WebSocketError when nobody is there", async () => {
  const server = new RawWebSocketServer();
  server[Symbol.dispose]();
  const error = await assertRejects(() => connectWebSocket(server.url), WebSocketError);
  assert(error.message.startsWith(`Cannot connect to ${server.url}: `), error.message);
  assertInstanceOf(error.cause, Error);
});

for (
  const [name, answer] of [
    ["nothing", ""],
    ["what is no HTTP", "220 mail.example ESMTP\r\n"],
    ["half a head", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: webso"],
    ["101 without an upgrade", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    [
      "the wrong upgrade",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    ],
  ] as const
) {
  ioTest(`connectWebSocket() throws a WebSocketError when the server answers ${name}`, async () => {
    using server = new RawWebSocketServer();
    const connecting = spawn(() => connectWebSocket(server.url).catch((error) => error));
    const { client } = await server.request();
    await client.send(answer);
    client.close();
    assertInstanceOf(await connecting.get(), WebSocketError);
  });
}

for (
  const [url, options] of [
    ["", {}],
    ["::", {}],
    ["ftp://localhost/", {}],
    ["ws://localhost/#fragment", {}],
    ["ws://localhost/", { protocols: ["a", "a"] }],
    ["ws://localhost/", { protocols: ["a b"] }],
  ] as [string, ConnectWebSocketOptions][]
) {
  ioTest(`connectWebSocket() refuses ${url} with ${Deno.inspect(options)}`, async () => {
    const error = await assertRejects(() => connectWebSocket(url, options), TypeError);
    assert(error.message.startsWith("Cannot connect to "), error.message);
  });
}

ioTest("connectWebSocket() refuses wrong limits before it connects", async () => {
  await assertRejects(
    () => connectWebSocket("ws://127.0.0.1:1/", { maxUnread: -1 }),
    RangeError,
    "received -1",
  );
});

// Giving up.

for (const tls of [false, true]) {
  for (const way of ["timeout", "kill", "abort"] as const) {
    const stage = tls ? "TLS handshake" : "opening handshake";
    ioTest(`connectWebSocket() closes the connection on ${way} in the ${stage}`, async () => {
      using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const { port } = listener.addr;
      const controller = new AbortController();
      const connecting = spawn(async () => {
        return await connectWebSocket(`${tls ? "wss" : "ws"}://127.0.0.1:${port}/`, {
          signal: controller.signal,
          timeout: way === "timeout" ? 20 : null,
        }).catch((error) => error);
      });
      using server = new RawClient(new Socket(await listener.accept()));
      await server.socket.recvExactly(1); // it is in the middle of it
      if (way === "kill") connecting.throw();
      if (way === "abort") controller.abort(new Error("enough"));
      const error = await connecting.get();
      if (way === "timeout") assertInstanceOf(error, Timeout);
      if (way === "kill") assertInstanceOf(error, GreenletExit);
      if (way === "abort") assertEquals(error.message, "enough");
      await server.rest(); // up to the end of the stream
    });
  }
}

ioTest("connectWebSocket() does not even begin when it is over before", async () => {
  using server = new RawWebSocketServer();
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  const error = await connectWebSocket(server.url, { signal }).catch((error) => error);
  assertEquals(error, reason);
  await assertRejects(() => connectWebSocket(server.url, { timeout: NaN }), TypeError, "NaN");
  await assertRejects(() => connectWebSocket(server.url, { timeout: 0 }), Timeout);
  await idle();
});

ioTest("connectWebSocket() leaves the Timeout alone that is running already", async () => {
  await using server = await serveWebSocket(echo);
  using timeout = Timeout.start(60_000);
  await using _ = await connectWebSocket(server.url, { timeout });
  assert(timeout.pending);
});

// TLS.

ioTest("connectWebSocket() trusts what its client trusts", async () => {
  await using server = await serve((request) => upgradeWebSocket(request, echo), {
    cert: CERTIFICATE,
    key: KEY,
  });
  using client = Deno.createHttpClient({ caCerts: [AUTHORITY] });
  for (const url of [server.url, `wss://localhost:${server.port}/`]) {
    await using socket = await connectWebSocket(url, { client });
    await socket.send("secret");
    assertEquals(await socket.receive(), "secret");
  }
  const error = await assertRejects(() => connectWebSocket(server.url), WebSocketError);
  assert(error.message.includes("certificate"), error.message);
  await eventually(() => server.pool.size === 0);
});

// What servers do.

ioTest("a client masks what it sends, and answers pings", async () => {
  using server = new RawWebSocketServer();
  const connecting = spawn(() => connectWebSocket(server.url));
  using peer = await server.accept();
  const socket = await connecting.get();
  await socket.send("hello");
  const [first, second] = await peer.client.socket.recvExactly(2);
  assertEquals([first, second], [0x81, 0x80 | 5]);
  await peer.client.socket.recvExactly(4 + 5);
  await peer.send(PING, "are you there");
  assertEquals(await peer.frame(), {
    opcode: PONG,
    payload: new TextEncoder().encode("are you there"),
  });
  peer.client.close();
  await socket.waitClosed();
});

ioTest("a client joins fragments", async () => {
  using server = new RawWebSocketServer();
  const connecting = spawn(() => connectWebSocket(server.url));
  using peer = await server.accept();
  const socket = await connecting.get();
  await peer.send(TEXT, "frag", false);
  await peer.send(PING, "");
  await peer.send(0, "ments");
  assertEquals(await socket.receive(), "fragments");
  peer.client.close();
  await socket.waitClosed();
});

for (
  const [name, frame] of [
    ["a reserved bit", frameOf(0xc1, "x", { mask: false })],
    ["an unknown opcode", frameOf(0x83, "x", { mask: false })],
    ["text that is not UTF-8", frameOf(0x81, [0xff], { mask: false })],
    ["a large ping", frameOf(0x89, "x".repeat(126), { mask: false })],
    [
      "a huge frame",
      frameOf(0x82, [], { mask: false, length: [127, 127, ...Array(7).fill(255)] }),
    ],
    ["a wrong closing code", frameOf(0x88, [0, 1], { mask: false })],
  ] as const
) {
  ioTest(`a client ends with 1006 after ${name}`, async () => {
    using server = new RawWebSocketServer();
    const connecting = spawn(() => connectWebSocket(server.url));
    using peer = await server.accept();
    const socket = await connecting.get();
    await peer.client.send(frame);
    assertEquals(await socket.receive(), null);
    assertEquals(socket.closeCode, 1006);
    assert(socket.closeReason !== "");
    await peer.client.rest();
  });
}

ioTest("a client learns of a server that vanishes as 1006", async () => {
  using server = new RawWebSocketServer();
  const connecting = spawn(() => connectWebSocket(server.url));
  const peer = await server.accept();
  const socket = await connecting.get();
  await peer.send(TEXT, "last words");
  peer.client.close();
  assertEquals(await socket.receive(), "last words");
  assertEquals(await socket.receive(), null);
  assertEquals(socket.closeCode, 1006);
});

ioTest("maxMessageSize and maxUnread close a client without a code", async () => {
  for (
    const [limits, code] of [[{ maxMessageSize: 3 }, 1009], [{ maxUnread: 1 }, 1008]] as const
  ) {
    using server = new RawWebSocketServer();
    const connecting = spawn(() => connectWebSocket(server.url, limits));
    using peer = await server.accept();
    const socket = await connecting.get();
    await peer.send(TEXT, "1");
    await peer.send(TEXT, "2222");
    const { opcode, payload } = await peer.frame();
    assertEquals([opcode, payload.length], [CLOSE, 0]);
    await peer.send(CLOSE, "");
    assert(await socket.waitClosed());
    assertEquals(await socket.receive(), "1");
    assertEquals(await socket.receive(), null);
    assertEquals(socket.closeCode, code);
  }
});

ioTest("closeTimeout ends a client whose server does not answer", async () => {
  using server = new RawWebSocketServer();
  const connecting = spawn(() => connectWebSocket(server.url, { closeTimeout: 20 }));
  using peer = await server.accept();
  {
    await using socket = await connecting.get();
    await socket.send("x");
  }
  assertEquals((await peer.frame()).opcode, TEXT);
  assertEquals((await peer.frame()).opcode, CLOSE);
  assertEquals(await peer.client.rest(), "");
});

ioTest("closeTimeout ends a client whose server goes on and on", async () => {
  using server = new RawWebSocketServer();
  const connecting = spawn(() => connectWebSocket(server.url, { closeTimeout: 20 }));
  using peer = await server.accept();
  const socket = await connecting.get();
  let over = false;
  const talking = spawn(async () => {
    while (!over) {
      await peer.send(TEXT, "bla");
      await sleep(1);
    }
  });
  socket.close(3000, "please stop");
  assert(await socket.waitClosed());
  assertEquals(await socket.receive(), null);
  over = true;
  await talking.kill();
});

ioTest("WebSocketConnection.abort() ends a client at once", async () => {
  using server = new RawWebSocketServer();
  const connecting = spawn(() => connectWebSocket(server.url));
  using peer = await server.accept();
  const socket = await connecting.get();
  const receiving = spawn(() => socket.receive());
  await sleep();
  socket.abort();
  assertEquals([await receiving.get(), socket.closeCode, socket.bufferedAmount], [null, 1006, 0]);
  assertEquals(await peer.client.rest(), "");
});

ioTest("idleTimeout ends a client whose server does not read", async () => {
  using server = new RawWebSocketServer();
  const connecting = spawn(() => connectWebSocket(server.url, { idleTimeout: 50 }));
  using peer = await server.accept();
  const socket = await connecting.get();
  const chunk = new Uint8Array(65536);
  await assertRejects(async () => {
    for (;;) await socket.send(chunk);
  }, WebSocketError);
  assertEquals(socket.closeCode, 1006);
  peer.client.close();
  await eventually(() => connectionsAt(server.port) === 0);
});
