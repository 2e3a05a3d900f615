import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { once } from "node:events";
import { Duplex } from "node:stream";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { LimitedBytesTransformStream, TextLineStream, toText } from "../helpers/std_streams.ts";
import { bytes, MORE_THAN_FITS, readAll, socketPair, text, write } from "../helpers/sockets.ts";

/** What a library does that knows of `Deno.Conn` only: asks for a line, and answers it. */
async function greet(conn: Deno.Conn): Promise<void> {
  let line = "";
  const buffer = new Uint8Array(16);
  while (!line.endsWith("\n")) {
    const count = await conn.read(buffer);
    if (count === null) throw new Error("No line");
    line += text(buffer.subarray(0, count));
  }
  const answer = bytes(`Hello ${line}`);
  for (let sent = 0; sent < answer.length;) sent += await conn.write(answer.subarray(sent));
  await conn.closeWrite();
}

ioTest("Socket works where a Deno.Conn is wanted", async () => {
  using pair = await socketPair();
  const greeting = spawn(() => greet(pair.socket));
  await write(pair.peer, "a name that is longer than the buffer\n");
  const answer = text(await readAll(pair.peer));
  assertEquals(answer, "Hello a name that is longer than the buffer\n");
  await greeting.get();
});

ioTest("Socket.read() returns null at the end of the stream, as a Deno.Conn", async () => {
  using pair = await socketPair();
  await write(pair.peer, "x");
  pair.peer.close();
  const buffer = new Uint8Array(4);
  assertEquals(await pair.socket.read(buffer), 1);
  assertEquals(await pair.socket.read(buffer), null);
  assertEquals(await pair.socket.read(new Uint8Array(0)), 0);
});

ioTest("Socket makes calls of foreign code killable", async () => {
  using pair = await socketPair();
  const greeting = spawn(() => greet(pair.socket));
  await write(pair.peer, "half a line");
  await sleep(1);
  await greeting.kill();
  assert(greeting.successful && greeting.dead);
});

ioTest("Socket.readable gives all bytes, then ends", async () => {
  using pair = await socketPair();
  const data = new Uint8Array(500_000).map((_, i) => i * 3);
  const sending = write(pair.peer, data).then(() => pair.peer.close());
  const received = await new Response(pair.socket.readable).bytes();
  await sending;
  assertEquals(received, data);
  assertStrictEquals(pair.socket.readable, pair.socket.readable);
});

ioTest("Socket.readable reads nothing before somebody wants it", async () => {
  using pair = await socketPair();
  await write(pair.peer, "x");
  void pair.socket.readable;
  assertEquals(text(await pair.socket.recv()), "x");
});

ioTest("Socket.readable fails when the socket is closed", async () => {
  using pair = await socketPair();
  const reader = pair.socket.readable.getReader();
  const reading = assertRejects(() => reader.read(), Deno.errors.BadResource);
  pair.socket.close();
  await reading;
});

ioTest("Socket.readable closes the socket when it is cancelled", async () => {
  using pair = await socketPair();
  const reader = pair.socket.readable.getReader();
  await write(pair.peer, "x");
  await reader.read();
  await reader.cancel();
  assert(pair.socket.closed);
  assertEquals(await pair.peer.read(new Uint8Array(1)), null);
});

ioTest("Socket.writable sends all bytes, and the end when it is closed", async () => {
  using pair = await socketPair();
  const data = new Uint8Array(500_000).map((_, i) => i * 3);
  const sending = new Blob([data]).stream().pipeTo(pair.socket.writable);
  assertEquals(await readAll(pair.peer), data);
  await sending;
  await write(pair.peer, "answer");
  assertEquals(text(await pair.socket.recv()), "answer");
});

ioTest("Socket.writable closes the socket when it is aborted", async () => {
  using pair = await socketPair();
  const writer = pair.socket.writable.getWriter();
  await writer.abort();
  assert(pair.socket.closed);
});

ioTest("Socket.writable holds a writer up whose peer does not read", async () => {
  using pair = await socketPair();
  pair.socket.timeout = 20;
  const writer = pair.socket.writable.getWriter();
  await assertRejects(() => writer.write(new Uint8Array(MORE_THAN_FITS)), Timeout);
  await assertRejects(() => writer.closed, Timeout);
});

ioTest("Socket.readable can be piped into its writable", async () => {
  using pair = await socketPair();
  const echoing = pair.socket.readable.pipeTo(pair.socket.writable);
  const data = new Uint8Array(1_000_000).map((_, i) => i * 11);
  const sending = write(pair.peer, data).then(() => pair.peer.closeWrite());
  assertEquals(await readAll(pair.peer), data);
  await Promise.all([sending, echoing]);
});

ioTest("Socket.readable can be piped through text streams", async () => {
  using pair = await socketPair();
  await write(pair.peer, "grüße");
  pair.peer.close();
  let received = "";
  for await (const part of pair.socket.readable.pipeThrough(new TextDecoderStream())) {
    received += part;
  }
  assertEquals(received, "grüße");
});

ioTest("Socket.readable can be read with the streams of Deno's standard library", async () => {
  using pair = await socketPair();
  const sending = write(pair.peer, "first\r\nsecond\nthird").then(() => pair.peer.close());
  const lines = pair.socket.readable
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  assertEquals(await Array.fromAsync(lines), ["first", "second", "third"]);
  await sending;
});

ioTest(
  "Socket.readable ends with what is read through a limit of the standard library",
  async () => {
    using pair = await socketPair();
    await write(pair.peer, "0123456789");
    const limited = pair.socket.readable.pipeThrough(new LimitedBytesTransformStream(4));
    assertEquals(await toText(limited), "");
    await eventually(() => pair.socket.closed);
  },
);

ioTest("Socket.readable and writable fit the adapters of node:stream", async () => {
  using pair = await socketPair();
  const { readable, writable } = pair.socket;
  const duplex = Duplex.fromWeb({ readable, writable } as Parameters<typeof Duplex.fromWeb>[0]);
  duplex.write("question\n");
  const buffer = new Uint8Array(20);
  assertEquals(text(buffer.subarray(0, await pair.peer.read(buffer) ?? 0)), "question\n");
  await write(pair.peer, "answer\n");
  const [chunk] = await once(duplex, "data");
  assertEquals(text(chunk), "answer\n");
  const closed = once(duplex, "close");
  duplex.destroy();
  await closed;
  await eventually(() => pair.socket.closed);
});
