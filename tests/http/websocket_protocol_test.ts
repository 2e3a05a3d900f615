import { assert, assertEquals } from "@std/assert";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import type { HttpServer } from "../../http/server.ts";
import { upgradeWebSocket } from "../../http/upgrade_websocket.ts";
import { connectionsAt } from "../helpers/connections.ts";
import { RawClient, serve } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import {
  BINARY,
  CLOSE,
  type Frame,
  frameOf,
  PING,
  PONG,
  RawWebSocket,
  REQUEST,
  TEXT,
} from "../helpers/raw_websocket.ts";
import { collectReports } from "../helpers/reports.ts";
import { bytes, text } from "../helpers/sockets.ts";
import { echo, type Recorded, recorder, serveWebSocket } from "../helpers/websocket_server.ts";

// What clients can do wrong, byte by byte, and that nothing of them is left behind.

const FIN = 0x80;
const CONTINUATION = 0;

/** The payload of a closing frame. */
function closing(code: number, reason: string | number[] = ""): number[] {
  return [code >> 8, code & 255, ...(typeof reason === "string" ? bytes(reason) : reason)];
}

/** The next client is served, and then nobody is left. */
async function assertUnharmed(server: HttpServer, list: Recorded[]): Promise<void> {
  await eventually(() => server.pool.size === 0 && connectionsAt(server.port) === 0);
  const count = list.length;
  using next = await RawWebSocket.open(server);
  await next.send(TEXT, "next");
  await next.close(1000);
  await next.closing();
  await eventually(() => list[count]?.over === true);
  assertEquals(list[count]!.received, ["next"]);
  next.client.close();
  await eventually(() => server.pool.size === 0 && connectionsAt(server.port) === 0);
}

/** What a client gets until the connection ends: opcodes, and codes of closing frames. */
async function answersTo(client: RawWebSocket): Promise<(number | string)[]> {
  const answers: (number | string)[] = [];
  for (;;) {
    let frame: Frame;
    try {
      frame = await client.frame();
    } catch {
      return answers; // it has ended, or was reset
    }
    const { opcode, payload } = frame;
    const code = payload.length < 2 ? "" : payload[0]! * 256 + payload[1]!;
    answers.push(opcode === CLOSE ? `closed ${code}`.trimEnd() : opcode);
  }
}

interface Violation {
  readonly frames: Uint8Array[];
  /** What the client gets back; nothing where the connection is dropped. */
  readonly answers?: (number | string)[];
  readonly reason: string | RegExp;
}

const RESERVED = /Reserved bits/;
const OPCODE = /Invalid value/;
const FRAGMENTED = /must not be fragmented/;
const UTF8 = /Invalid UTF-8/;
const CODE = { reason: /Invalid close code/, answers: ["closed 1002"] };

const VIOLATIONS: Readonly<Record<string, Violation>> = {
  "the first reserved bit": { frames: [frameOf(FIN | 0x40 | TEXT, "x")], reason: RESERVED },
  "the second reserved bit": { frames: [frameOf(FIN | 0x20 | TEXT, "x")], reason: RESERVED },
  "the third reserved bit": { frames: [frameOf(FIN | 0x10 | BINARY, "x")], reason: RESERVED },
  "a reserved bit on a ping": { frames: [frameOf(FIN | 0x40 | PING)], reason: RESERVED },
  "an unknown opcode": { frames: [frameOf(FIN | 3, "x")], reason: OPCODE },
  "an unknown control opcode": { frames: [frameOf(FIN | 11, "x")], reason: OPCODE },
  "a large ping": { frames: [frameOf(FIN | PING, "x".repeat(126))], reason: /too large/ },
  "a fragmented ping": { frames: [frameOf(PING, "x")], reason: FRAGMENTED },
  "a fragmented pong": { frames: [frameOf(PONG, "x")], reason: FRAGMENTED },
  "a fragmented close": { frames: [frameOf(CLOSE, closing(1000))], reason: FRAGMENTED },
  "a continuation of nothing": {
    frames: [frameOf(FIN | CONTINUATION, "x")],
    reason: /Invalid continuation/,
  },
  "a message inside another": {
    frames: [frameOf(TEXT, "x"), frameOf(FIN | TEXT, "x")],
    reason: /Invalid fragment/,
  },
  "text that is not UTF-8": { frames: [frameOf(FIN | TEXT, [0xff, 0xfe])], reason: UTF8 },
  "text with a surrogate": { frames: [frameOf(FIN | TEXT, [0xed, 0xa0, 0x80])], reason: UTF8 },
  "text that ends in the middle of a character": {
    frames: [frameOf(FIN | TEXT, [0xc3])],
    reason: UTF8,
  },
  "fragments that are not UTF-8": {
    frames: [frameOf(TEXT, [0xc3]), frameOf(FIN | CONTINUATION, [0xc3])],
    reason: UTF8,
  },
  "a frame of 2^64 - 1 bytes": {
    frames: [frameOf(FIN | BINARY, [], { length: [127, ...Array(8).fill(255)] })],
    reason: /too large/,
  },
  "a frame of 2^63 - 1 bytes": {
    frames: [frameOf(FIN | BINARY, [], { length: [127, 127, ...Array(7).fill(255)] })],
    reason: /too large/,
  },
  "a frame of 64 MiB": {
    frames: [frameOf(FIN | BINARY, [], { length: [127, 0, 0, 0, 0, 4, 0, 0, 0] })],
    reason: /too large/,
  },
  "half a closing code": { frames: [frameOf(FIN | CLOSE, [3])], reason: /Invalid close/ },
  "a closing reason that is not UTF-8": {
    frames: [frameOf(FIN | CLOSE, closing(1000, [0xff]))],
    reason: UTF8,
  },
  "the closing code 999": { frames: [frameOf(FIN | CLOSE, closing(999))], ...CODE },
  "the closing code 1004": { frames: [frameOf(FIN | CLOSE, closing(1004))], ...CODE },
  "the closing code 1005": { frames: [frameOf(FIN | CLOSE, closing(1005))], ...CODE },
  "the closing code 1006": { frames: [frameOf(FIN | CLOSE, closing(1006))], ...CODE },
  "the closing code 1015": { frames: [frameOf(FIN | CLOSE, closing(1015))], ...CODE },
  "the closing code 2999": { frames: [frameOf(FIN | CLOSE, closing(2999))], ...CODE },
  "the closing code 5000": { frames: [frameOf(FIN | CLOSE, closing(5000))], ...CODE },
};

for (const [name, { frames, answers = [], reason }] of Object.entries(VIOLATIONS)) {
  ioTest(`WebSocketConnection ends with 1006 after ${name}`, async () => {
    using reports = collectReports();
    const { list, record } = recorder();
    await using server = await serveWebSocket(record);
    {
      using client = await RawWebSocket.open(server);
      await client.send(TEXT, "before");
      for (const frame of frames) await client.client.send(frame);
      assertEquals(await answersTo(client), answers);
    }
    await eventually(() => list[0]?.over === true);
    const { code, reason: told, received } = list[0]!;
    assertEquals([code, received], [1006, ["before"]]);
    assert(typeof reason === "string" ? told === reason : reason.test(told!), told);
    await assertUnharmed(server, list);
    assertEquals(reports.list, []);
  });
}

// What the runtime takes though the protocol forbids it: nobody is harmed by it.
for (
  const [name, frame, answer] of [
    ["a frame without a mask", frameOf(FIN | TEXT, "hello", { mask: false }), [TEXT, "hello"]],
    ["a ping without a mask", frameOf(FIN | PING, "hello", { mask: false }), [PONG, "hello"]],
    ["a 16 bit length for a short frame", frameOf(FIN | TEXT, "hi", { length: [126, 0, 2] }), [
      TEXT,
      "hi",
    ]],
    [
      "a 64 bit length for a short frame",
      frameOf(FIN | TEXT, "hi", { length: [127, 0, 0, 0, 0, 0, 0, 0, 2] }),
      [TEXT, "hi"],
    ],
  ] as const
) {
  ioTest(`WebSocketConnection takes ${name}, as the runtime does`, async () => {
    await using server = await serveWebSocket(echo);
    using client = await RawWebSocket.open(server);
    await client.client.send(frame);
    const { opcode, payload } = await client.frame();
    assertEquals<unknown[]>([opcode, text(payload)], [...answer]);
  });
}

for (
  const [name, frames, received] of [
    ["an empty text", [frameOf(FIN | TEXT)], [""]],
    ["empty bytes", [frameOf(FIN | BINARY)], [new Uint8Array()]],
    ["empty fragments", [
      frameOf(TEXT),
      frameOf(CONTINUATION),
      frameOf(FIN | CONTINUATION),
    ], [""]],
    ["a character split over fragments", [
      frameOf(TEXT, [0xe2, 0x82]),
      frameOf(FIN | CONTINUATION, [0xac]),
    ], ["€"]],
    ["fragments with pings and pongs in between", [
      frameOf(BINARY, [1]),
      frameOf(FIN | PING, "x".repeat(125)),
      frameOf(CONTINUATION, [2]),
      frameOf(FIN | PONG, "unasked for"),
      frameOf(FIN | CONTINUATION, [3]),
    ], [new Uint8Array([1, 2, 3])]],
    ["10 000 fragments of a byte", [
      frameOf(TEXT, "x"),
      ...Array.from({ length: 9999 }, () => frameOf(CONTINUATION, "x")),
      frameOf(FIN | CONTINUATION),
    ], ["x".repeat(10_000)]],
    ["lengths of 7, 16 and 64 bits", [
      frameOf(FIN | TEXT, "x".repeat(125)),
      frameOf(FIN | TEXT, "x".repeat(126)),
      frameOf(FIN | TEXT, "x".repeat(65535)),
      frameOf(FIN | TEXT, "x".repeat(65536)),
    ], ["x".repeat(125), "x".repeat(126), "x".repeat(65535), "x".repeat(65536)]],
  ] as const
) {
  ioTest(`WebSocketConnection receives ${name}`, async () => {
    const { list, record } = recorder();
    await using server = await serveWebSocket(record);
    using client = await RawWebSocket.open(server);
    for (const frame of frames) await client.client.send(frame);
    await client.close(1000);
    await client.closing();
    await eventually(() => list[0]?.over === true);
    assertEquals(list[0]!.received, [...received]);
    assertEquals(list[0]!.code, 1000);
  });
}

ioTest("WebSocketConnection receives what comes byte by byte", async () => {
  await using server = await serveWebSocket(echo);
  using client = await RawWebSocket.open(server);
  for (
    const byte of new Uint8Array([
      ...frameOf(TEXT, "sl"),
      ...frameOf(FIN | PING, "p"),
      ...frameOf(FIN | CONTINUATION, "ow"),
    ])
  ) {
    await client.client.send(new Uint8Array([byte]));
    await sleep();
  }
  assertEquals((await client.frame()).opcode, PONG);
  assertEquals(await client.text(), "slow");
});

ioTest("WebSocketConnection answers each of many pings", async () => {
  await using server = await serveWebSocket(echo);
  using client = await RawWebSocket.open(server);
  const COUNT = 5000;
  const sending = spawn(async () => {
    for (let i = 0; i < COUNT; i++) await client.send(PING, `${i}`);
  });
  for (let i = 0; i < COUNT; i++) assertEquals(text((await client.frame()).payload), `${i}`);
  await sending.get();
});

for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 4999]) {
  ioTest(`WebSocketConnection tells of the closing code ${code}, and answers with it`, async () => {
    const { list, record } = recorder();
    await using server = await serveWebSocket(record);
    using client = await RawWebSocket.open(server);
    await client.send(CLOSE, new Uint8Array(closing(code, "grüße")));
    assertEquals(await client.closing(), [code, "grüße"]);
    await eventually(() => list[0]?.over === true);
    assertEquals([list[0]!.code, list[0]!.reason], [code, "grüße"]);
  });
}

ioTest("WebSocketConnection tells of a closing without a code as 1005", async () => {
  const { list, record } = recorder();
  await using server = await serveWebSocket(record);
  using client = await RawWebSocket.open(server);
  await client.send(CLOSE, "");
  assertEquals((await client.frame()).payload.length, 0);
  await eventually(() => list[0]?.over === true);
  assertEquals([list[0]!.code, list[0]!.reason], [1005, ""]);
});

ioTest("WebSocketConnection takes nothing that comes after a closing frame", async () => {
  const { list, record } = recorder();
  await using server = await serveWebSocket(record);
  {
    using client = await RawWebSocket.open(server);
    await client.client.send(
      new Uint8Array([
        ...frameOf(FIN | TEXT, "before"),
        ...frameOf(FIN | CLOSE, closing(1000)),
        ...frameOf(FIN | TEXT, "after"),
        ...frameOf(FIN | PING, "after"),
      ]),
    );
    await client.closing();
    assertEquals(await answersTo(client), []);
  }
  await eventually(() => list[0]?.over === true);
  assertEquals([list[0]!.code, list[0]!.received], [1000, ["before"]]);
  await assertUnharmed(server, list);
});

ioTest("maxMessageSize counts fragments together, once the last has come", async () => {
  const { list, record } = recorder();
  await using server = await serveWebSocket(record, { maxMessageSize: 1000 });
  {
    using client = await RawWebSocket.open(server);
    await client.send(TEXT, "x".repeat(600), false);
    await client.send(CONTINUATION, "x".repeat(600), false);
    await client.send(PING, "");
    assertEquals((await client.frame()).opcode, PONG); // nobody has noticed yet
    await client.send(CONTINUATION, "");
    assertEquals(await client.closing(), [1009, "Message too big"]);
    await client.close(1009);
  }
  await eventually(() => list[0]?.over === true);
  assertEquals([list[0]!.code, list[0]!.received], [1009, []]);
  await assertUnharmed(server, list);
});

ioTest("maxUnread ends a flood, and nothing of it stays", async () => {
  let unread = Infinity;
  let code: number | undefined;
  await using server = await serveWebSocket(async (socket) => {
    while (!socket.closed) await sleep(1);
    unread = Number(/unread=(\d+)/.exec(String(socket))?.[1]);
    code = socket.closeCode;
  }, { maxUnread: 100 });
  {
    using client = await RawWebSocket.open(server);
    const flood = new Uint8Array(10_000 * 7).fill(0);
    for (let i = 0; i < 10_000; i++) flood.set(frameOf(FIN | TEXT, "x"), i * 7);
    await client.client.send(flood).catch(() => {}); // it may be cut off before
    await eventually(() => server.pool.size === 0);
  }
  assertEquals([unread, code], [100, 1008]);
  await eventually(() => connectionsAt(server.port) === 0);
});

// Connections that end where they should not.

ioTest("upgradeWebSocket() survives clients that leave at each byte of the handshake", async () => {
  using reports = collectReports();
  const { list, record } = recorder();
  await using server = await serveWebSocket(record);
  for (let length = 0; length <= REQUEST.length; length++) {
    using client = await RawClient.connect(server.address);
    await client.send(REQUEST.slice(0, length));
  }
  await eventually(() => list.every(({ over }) => over));
  await assertUnharmed(server, list);
  assertEquals(reports.list, []);
});

const CONVERSATION = new Uint8Array([
  ...frameOf(FIN | TEXT, "first"),
  ...frameOf(BINARY, new Uint8Array(200)),
  ...frameOf(FIN | PING, "ping"),
  ...frameOf(FIN | CONTINUATION, new Uint8Array(3)),
  ...frameOf(FIN | TEXT, "grüße"),
  ...frameOf(FIN | CLOSE, closing(1000, "bye")),
]);

for (
  const [way, leave] of [
    ["close", (client: RawClient) => client.close()],
    ["close for writing", async (client: RawClient) => {
      await client.socket.closeWrite();
      await client.rest();
    }],
  ] as const
) {
  ioTest(`WebSocketConnection survives clients that ${way} at each byte`, async () => {
    using reports = collectReports();
    const { list, record } = recorder();
    await using server = await serveWebSocket(record);
    for (let length = 0; length <= CONVERSATION.length; length++) {
      using client = await RawWebSocket.open(server);
      await client.client.send(CONVERSATION.subarray(0, length));
      await leave(client.client);
      await eventually(() => list[length]?.over === true);
      const { received, code } = list[length]!;
      const all = ["first", new Uint8Array(203), "grüße"];
      // A client that resets the connection may take with it what has not been read yet.
      assertEquals(received, all.slice(0, received.length));
      if (way !== "close") {
        const ends = [11, 238, 251].filter((end) => end <= length).length;
        assertEquals(received.length, ends, `${length}`);
        assertEquals(code, length === CONVERSATION.length ? 1000 : 1006, `${length}`);
      }
    }
    await assertUnharmed(server, list);
    assertEquals(reports.list, []);
  });
}

// Clients that are still there, but do nothing.

ioTest("idleTimeout frees the greenlet and the connection of a client that is mute", async () => {
  const { list, record } = recorder();
  await using server = await serveWebSocket(record, { idleTimeout: 300 });
  using client = await RawWebSocket.open(server);
  if (Deno.build.os === "linux") assertEquals(connectionsAt(server.port), 1);
  await eventually(() => server.pool.size === 0 && connectionsAt(server.port) === 0);
  assertEquals([list[0]!.code, list[0]!.over], [1006, true]);
  assertEquals((await client.frame()).opcode, PING);
});

ioTest("idleTimeout frees the greenlet of a client that does not read", async () => {
  const outcomes: unknown[] = [];
  await using server = await serveWebSocket(async (socket) => {
    const receiving = spawn(() => socket.receive());
    const chunk = new Uint8Array(65536);
    try {
      for (;;) await socket.send(chunk);
    } catch (error) {
      outcomes.push((error as Error).name, socket.closeCode, await receiving.get());
    }
  }, { idleTimeout: 100 });
  const client = await RawWebSocket.open(server);
  await eventually(() => server.pool.size === 0);
  assertEquals(outcomes, ["WebSocketError", 1006, null]);
  client.client.close();
  // The runtime keeps the connection for as long as a write is under way.
  await eventually(() => connectionsAt(server.port) === 0);
});

ioTest("a guard frees the connection of a client that does not read", async () => {
  await using server = await serve(
    (request) =>
      upgradeWebSocket(request, async (socket) => {
        const chunk = new Uint8Array(65536);
        for (;;) await socket.send(chunk);
      }, { idleTimeout: 0 }),
    { guard: { sendTimeout: 50 } },
  );
  using client = await RawWebSocket.open(server);
  await client.client.socket.recvExactly(1);
  await eventually(() => server.pool.size === 0 && connectionsAt(server.port) === 0);
});

ioTest("idleTimeout frees the greenlet of a client that closes and does not read", async () => {
  const outcomes: unknown[] = [];
  await using server = await serveWebSocket(async (socket) => {
    await socket.receive();
    await socket.send(new Uint8Array(32 * 1024 * 1024));
    outcomes.push(await socket.receive(), socket.closed, socket.closeCode);
  }, { idleTimeout: 10 });
  using client = await RawWebSocket.open(server);
  await client.send(TEXT, "go");
  await client.client.socket.recvExactly(1); // of many
  await client.close(1000);
  await eventually(() => server.pool.size === 0);
  assertEquals(outcomes, [null, true, 1006]);
});
