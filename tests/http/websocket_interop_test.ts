import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { fileURLToPath } from "node:url";
import WebSocketOfWs, { WebSocketServer } from "ws";
import { spawn } from "../../core/spawn.ts";
import { connectWebSocket } from "../../http/connect_websocket.ts";
import type { WebSocketConnection } from "../../http/websocket.ts";
import { findChromium, launchChromium } from "../helpers/browser.ts";
import { connectionsAt } from "../helpers/connections.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { collectReports } from "../helpers/reports.ts";
import { serve } from "../helpers/http.ts";
import { serveWebSocket } from "../helpers/websocket_server.ts";
import { upgradeWebSocket, type WebSocketOptions } from "../../http/upgrade_websocket.ts";

// With the clients and servers of others: Chromium, npm's ws, Python's websockets.

const PROGRAM = fileURLToPath(new URL("programs/websockets_peer.py", import.meta.url));
const PYTHON = "/usr/bin/python3";

const hasChromium = findChromium() !== undefined;
if (!hasChromium) console.warn("The tests of WebSockets with Chromium are ignored: there is none");

const hasPython = await runs(PYTHON, "-c", "import websockets");
if (!hasPython) console.warn("The tests with Python's websockets are ignored: it is not installed");

async function runs(command: string, ...args: string[]): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(command, { args, stderr: "null" }).output();
    return success;
  } catch {
    return false;
  }
}

const LARGE = 1_000_000;
const OPTIONS: WebSocketOptions = { protocol: ["second", "first", ""], maxMessageSize: 4_000_000 };

/** What every server of these tests does: sends back what comes in, and obeys a few commands. */
async function obey(socket: WebSocketConnection): Promise<void> {
  for await (const message of socket) {
    const [command, code, ...reason] = typeof message === "string" ? message.split(" ") : [];
    if (command === "close") socket.close(Number(code), reason.join(" "));
    else if (command === "drop") socket.abort();
    else if (command === "fail") throw new Error("As asked for");
    else if (command === "ping") await socket.send("ponged"); // a server pings by itself only
    else if (command === "protocol") await socket.send(socket.protocol);
    else await socket.send(message);
  }
}

/** Goes through all that a server can be asked for; it must not matter whose it is. */
async function talkTo(url: string, { fragments }: { fragments: boolean }): Promise<void> {
  {
    await using socket = await connectWebSocket(url, {
      protocols: ["first", "second"],
      timeout: 30_000,
    });
    assert(["first", "second"].includes(socket.protocol), socket.protocol);
    await socket.send("protocol");
    assertEquals(await socket.receive(), socket.protocol);
    const large = new Uint8Array(LARGE).fill(120);
    for (
      const message of [
        "grüße",
        "",
        new Uint8Array([0, 255]),
        new Uint8Array(),
        "x".repeat(LARGE),
        large,
      ]
    ) {
      await socket.send(message);
      assertEquals(await socket.receive({ timeout: 30_000 }), message);
    }
    if (fragments) {
      await socket.send("fragments");
      assertEquals(await socket.receive({ timeout: 30_000 }), "fragments");
    }
    await socket.send("ping");
    assertEquals(await socket.receive({ timeout: 30_000 }), "ponged");
    // Many at a time, in both directions.
    const COUNT = 2000;
    const sending = spawn(async () => {
      for (let i = 0; i < COUNT; i++) await socket.send(`${i} ${"x".repeat(i)}`);
    });
    for (let i = 0; i < COUNT; i++) {
      assertEquals(await socket.receive({ timeout: 30_000 }), `${i} ${"x".repeat(i)}`);
    }
    await sending.get();
    socket.close(4001, "bye");
    assert(await socket.waitClosed({ timeout: 30_000 }));
    assertEquals([socket.closeCode, socket.closeReason], [4001, "bye"]);
  }
  for (const code of [1000, 1001, 1003, 1008, 1011, 3000, 4999]) {
    await using socket = await connectWebSocket(url);
    await socket.send(`close ${code} grüße`);
    assertEquals(await socket.receive({ timeout: 30_000 }), null);
    assertEquals([socket.closeCode, socket.closeReason], [code, "grüße"]);
  }
  {
    await using socket = await connectWebSocket(url);
    await socket.send("drop");
    assertEquals(await socket.receive({ timeout: 30_000 }), null);
    assertEquals(socket.closeCode, 1006);
  }
  {
    await using socket = await connectWebSocket(url, { maxMessageSize: 100 });
    await socket.send("x".repeat(101));
    assertEquals(await socket.receive({ timeout: 30_000 }), null);
    assertEquals(socket.closeCode, 1009);
  }
}

ioTest("connectWebSocket() talks to our own server", async () => {
  await using server = await serveWebSocket(obey, OPTIONS);
  await talkTo(server.url, { fragments: false });
  await eventually(() => server.pool.size === 0 && connectionsAt(server.port) === 0);
});

// npm's ws.

/** Starts a server of ws. */
async function serveWithWs(
  options: object,
): Promise<{ url: string; port: number } & AsyncDisposable> {
  const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    handleProtocols: (offered: Set<string>) => offered.has("second") ? "second" : false,
    ...options,
  });
  server.on("connection", (socket: WebSocketOfWs) => {
    socket.on("error", () => {}); // it was told to drop the connection
    socket.on("pong", () => socket.send("ponged"));
    socket.on("message", (data: Uint8Array, isBinary: boolean) => {
      const [command, code, ...reason] = isBinary ? [] : data.toString().split(" ");
      if (command === "close") socket.close(Number(code), reason.join(" "));
      else if (command === "drop") socket.terminate();
      else if (command === "ping") socket.ping("hello");
      else if (command === "protocol") socket.send(socket.protocol);
      else if (command === "fragments") {
        socket.send("frag", { fin: false });
        socket.send("", { fin: false });
        socket.send("ments", { fin: true });
      } else socket.send(data, { binary: isBinary });
    });
  });
  await new Promise((resolve) => server.on("listening", resolve));
  const { port } = server.address() as { port: number };
  return {
    port,
    url: `ws://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose](): Promise<void> {
      for (const socket of server.clients) socket.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

for (const perMessageDeflate of [false, true]) {
  ioTest(`connectWebSocket() talks to ws with perMessageDeflate ${perMessageDeflate}`, async () => {
    await using server = await serveWithWs({ perMessageDeflate });
    await talkTo(server.url, { fragments: true });
    await eventually(() => connectionsAt(server.port) === 0);
  });
}

/** A client of ws in the style of the tests. */
class ClientOfWs {
  readonly socket: WebSocketOfWs;
  readonly closed: Promise<[code: number, reason: string]>;
  readonly #messages: ReadableStreamDefaultReader<string | Uint8Array>;
  #pong: (() => void) | undefined;

  constructor(url: string, options: object = {}) {
    const socket = this.socket = new WebSocketOfWs(url, ["first", "second"], options);
    this.#messages = new ReadableStream<string | Uint8Array>({
      start: (controller) => {
        socket.on("message", (data: Uint8Array, isBinary: boolean) => {
          controller.enqueue(isBinary ? new Uint8Array(data) : data.toString());
        });
      },
    }).getReader();
    socket.on("error", () => {});
    socket.on("pong", () => this.#pong?.());
    this.closed = new Promise((resolve) => {
      socket.on("close", (code: number, reason: Uint8Array) => resolve([code, reason.toString()]));
    });
  }

  async open(): Promise<this> {
    await new Promise((resolve) => this.socket.on("open", resolve));
    return this;
  }

  async next(): Promise<string | Uint8Array> {
    return (await this.#messages.read()).value!;
  }

  async ping(): Promise<void> {
    const ponged = new Promise<void>((resolve) => this.#pong = resolve);
    this.socket.ping("hello");
    await ponged;
  }
}

ioTest("upgradeWebSocket() serves clients of ws", async () => {
  using reports = collectReports();
  await using server = await serveWebSocket(obey, OPTIONS);
  const client = await new ClientOfWs(server.url, { perMessageDeflate: true }).open();
  const { socket } = client;
  assertEquals([socket.protocol, socket.extensions], ["second", ""]);
  const large = new Uint8Array(LARGE).fill(1);
  for (const message of ["grüße", "", new Uint8Array([0, 255]), new Uint8Array(), large]) {
    socket.send(message);
    assertEquals(await client.next(), message);
  }
  socket.send("frag", { fin: false });
  socket.ping("in between");
  socket.send("ments", { fin: true });
  assertEquals(await client.next(), "fragments");
  await client.ping();
  socket.close(4001, "bye");
  assertEquals(await client.closed, [4001, "bye"]);
  for (
    const [message, ending] of [
      ["close 1000 ", [1000, ""]],
      ["close 1001 grüße", [1001, "grüße"]],
      ["close 4999 x", [4999, "x"]],
      ["fail", [1011, "Internal Error"]],
      ["drop", [1006, ""]],
      ["x".repeat(4_000_001), [1009, "Message too big"]],
    ] as const
  ) {
    const client = await new ClientOfWs(server.url).open();
    client.socket.send(message);
    assertEquals(await client.closed, [...ending]);
  }
  const rude = await new ClientOfWs(server.url).open();
  rude.socket.terminate();
  assertEquals((await rude.closed)[0], 1006);
  await eventually(() => server.pool.size === 0 && connectionsAt(server.port) === 0);
  assertEquals(reports.list.map(({ error }) => (error as Error).message), ["As asked for"]);
});

ioTest("upgradeWebSocket() pings clients of ws, which answer", async () => {
  await using server = await serveWebSocket(obey, { ...OPTIONS, idleTimeout: 2000 });
  const client = await new ClientOfWs(server.url).open();
  const { promise, resolve } = Promise.withResolvers<void>();
  let count = 0;
  client.socket.on("ping", () => ++count === 3 && resolve());
  await promise;
  assertEquals(client.socket.readyState, WebSocketOfWs.OPEN);
  client.socket.close();
  await client.closed;
});

// Python's websockets.

ioTest("connectWebSocket() talks to Python's websockets", async () => {
  const process = new Deno.Command(PYTHON, {
    args: [PROGRAM, "server"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const port = Number((await lines.read()).value);
  await talkTo(`ws://127.0.0.1:${port}/`, { fragments: true });
  await process.stdin.close();
  assert((await process.status).success);
  await lines.cancel();
}, { ignore: !hasPython });

ioTest("upgradeWebSocket() serves clients of Python's websockets", async () => {
  using reports = collectReports();
  await using server = await serveWebSocket(obey, OPTIONS);
  const { success, stdout } = await new Deno.Command(PYTHON, {
    args: [PROGRAM, "client", server.url.replace("http", "ws")],
    stderr: "inherit",
  }).output();
  assert(success);
  assertEquals(JSON.parse(new TextDecoder().decode(stdout)), {
    "extensions": [], // it offers compression
    "protocol": "second",
    "same": [true, true, true, true, true, true],
    "fragments sent": "fragments",
    "pinged": "ponged",
    "closed here": [4001, "bye"],
    "closed there": [4002, "grüße"],
    "failed there": [1011, "Internal Error"],
    "too big": [1009, "Message too big"],
  });
  await eventually(() => server.pool.size === 0 && connectionsAt(server.port) === 0);
  assertEquals(reports.list.length, 1);
}, { ignore: !hasPython });

// Chromium.

/** What the page does; the tests cannot be seen from there. */
async function talkInPage(url: string, large: number): Promise<Record<string, unknown>> {
  const open = (protocols: string[] = []): Promise<WebSocket> =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(url, protocols);
      socket.binaryType = "arraybuffer";
      socket.onopen = () => resolve(socket);
      socket.onclose = ({ code }) => reject(new Error(`Closed with ${code}`));
    });
  const next = (socket: WebSocket): Promise<unknown> =>
    new Promise((resolve) => socket.onmessage = ({ data }) => resolve(data));
  const ending = (socket: WebSocket): Promise<unknown[]> =>
    new Promise((resolve) => {
      socket.onclose = ({ code, reason, wasClean }) => resolve([code, reason, wasClean]);
    });
  const results: Record<string, unknown> = {};
  const socket = await open(["first", "second"]);
  results["protocol"] = socket.protocol;
  results["extensions"] = socket.extensions;
  const same: unknown[] = [];
  for (const message of ["grüße", "", "x".repeat(large)]) {
    socket.send(message);
    same.push(await next(socket) === message);
  }
  for (const size of [0, 3, large]) {
    socket.send(new Uint8Array(size).fill(7));
    const data = new Uint8Array(await next(socket) as ArrayBuffer);
    same.push(data.length === size && data.every((byte) => byte === 7));
  }
  results["same"] = same;
  socket.close(4001, "bye");
  results["closed here"] = await ending(socket);
  for (
    const [name, message] of [
      ["closed there", "close 4002 grüße"],
      ["going away", "close 1001 Going away"],
      ["failed there", "fail"],
      ["dropped", "drop"],
      ["too big", "x".repeat(4_000_001)],
    ] as const
  ) {
    const socket = await open();
    socket.send(message);
    results[name] = await ending(socket);
  }
  // A browser wants one of its protocols, where others are content with none.
  results["unknown protocol"] = await open(["third"]).catch((error) => error.message);
  return results;
}

ioTest("upgradeWebSocket() serves pages in Chromium, and only those of its own", async () => {
  using reports = collectReports();
  const page = { headers: { "content-type": "text/html" } };
  const app = (request: Request): Response =>
    request.headers.has("upgrade")
      ? upgradeWebSocket(request, obey, OPTIONS)
      : new Response("<title>page</title>", page);
  await using server = await serve(app);
  await using elsewhere = await serve(app); // another port is another origin
  const browser = await launchChromium();
  try {
    const url = server.url.replace("http", "ws");
    const own = await browser.newPage();
    await own.goto(server.url);
    // What the bundler of the tests puts around functions is not there in the page.
    const results = await own.evaluate(
      `(${talkInPage})(${JSON.stringify(url)}, ${LARGE})`,
    ) as Record<string, unknown>;
    const { "too big": tooBig, ...others } = results;
    assertEquals(others, {
      "protocol": "second",
      "extensions": "", // it offers compression
      "same": [true, true, true, true, true, true],
      "closed here": [4001, "bye", true],
      "closed there": [4002, "grüße", true],
      "going away": [1001, "Going away", true],
      "failed there": [1011, "Internal Error", true],
      "dropped": [1006, "", false],
      "unknown protocol": "Closed with 1006",
    });
    assertEquals((tooBig as unknown[])[0], 1009);
    const foreign = await browser.newPage();
    await foreign.goto(elsewhere.url);
    const outcome = await foreign.evaluate(
      `(${talkInPage})(${JSON.stringify(url)}, 1).catch((error) => error.message)`,
    );
    assertEquals(outcome, "Closed with 1006");
    // A page that is closed while its socket is open.
    await own.evaluate(`(() => new Promise((resolve) => {
      window.socket = new WebSocket(${JSON.stringify(url)});
      window.socket.onopen = resolve;
    }))()`);
    await eventually(() => server.pool.size >= 1);
    await own.close();
    await eventually(() => server.pool.size === 0);
  } finally {
    await browser.close();
  }
  await eventually(() => connectionsAt(server.port) === 0);
  assertEquals(reports.list.map(({ error }) => (error as Error).message), ["As asked for"]);
  for (const { error } of reports.list) assertInstanceOf(error, Error);
}, { ignore: !hasChromium });
