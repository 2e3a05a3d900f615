import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { HttpError } from "../../http/errors.ts";
import { readBytes, readJson, readText } from "../../http/request_body.ts";
import { RawClient, serve, watchApp } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { collectReports } from "../helpers/reports.ts";
import { bytes } from "../helpers/sockets.ts";

const CHUNKED = { "transfer-encoding": "chunked" };

function post(body?: BodyInit, headers: HeadersInit = {}): Request {
  return new Request("http://localhost/", { method: "POST", body: body ?? null, headers });
}

/** A body that comes in pieces, and notes when nobody wants more of it. */
function pieces(list: (string | Uint8Array)[]): { request: Request; cancelled: () => boolean } {
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller): void {
      const piece = list.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(typeof piece === "string" ? bytes(piece) : piece);
    },
    cancel: () => void (cancelled = true),
  }, { highWaterMark: 0 });
  return { request: post(stream), cancelled: () => cancelled };
}

async function refusal(call: () => Promise<unknown>): Promise<[number, string]> {
  const error = await call().catch((error) => error);
  assertInstanceOf(error, HttpError);
  return [error.status, error.message];
}

Deno.test("readBytes() reads a body that comes in pieces", async () => {
  const { request, cancelled } = pieces(["ab", "", new Uint8Array([1, 2]), "c"]);
  assertEquals(await readBytes(request), new Uint8Array([97, 98, 1, 2, 99]));
  assert(!cancelled());
});

Deno.test("readBytes() gives no bytes when there is no body", async () => {
  assertEquals(await readBytes(new Request("http://localhost/")), new Uint8Array());
  assertEquals(await readBytes(post()), new Uint8Array());
});

Deno.test("readBytes() takes a body as long as the limit", async () => {
  assertEquals((await readBytes(post("12345"), { limit: 5 })).length, 5);
  assertEquals((await readBytes(pieces(["12", "345"]).request, { limit: 5 })).length, 5);
  assertEquals((await readBytes(post(), { limit: 0 })).length, 0);
});

Deno.test("readBytes() throws 413 for a declared length above the limit, without reading", async () => {
  const { request, cancelled } = pieces(["12345", "6"]);
  const declared = new Request(request, { headers: { "content-length": "6" } });
  assertEquals(await refusal(() => readBytes(declared, { limit: 5 })), [
    413,
    "The body is longer than 5 bytes",
  ]);
  assert(!declared.bodyUsed && !cancelled());
});

Deno.test("readBytes() throws 413 once more has come than the limit, and reads no further", async () => {
  const list = ["123", "456", "789"];
  const { request, cancelled } = pieces(list);
  assertEquals((await refusal(() => readBytes(request, { limit: 5 })))[0], 413);
  assert(cancelled());
  assertEquals(list, ["789"]);
});

Deno.test("readBytes() has a limit of 1 MiB by default", async () => {
  const mebibyte = 1024 * 1024;
  assertEquals((await readBytes(post(new Uint8Array(mebibyte)))).length, mebibyte);
  assertEquals((await refusal(() => readBytes(post(new Uint8Array(mebibyte + 1)))))[0], 413);
});

Deno.test("readText() decodes UTF-8, and throws 400 for anything else", async () => {
  assertEquals(
    await readText(pieces([bytes("grü").slice(0, 3), bytes("ü").slice(1), "ße"]).request),
    "grüße",
  );
  for (const wrong of [[0xff], [0xc3], [0xed, 0xa0, 0x80]]) {
    const [status, message] = await refusal(() => readText(post(new Uint8Array(wrong))));
    assertEquals(status, 400);
    assert(message.startsWith("The body is not UTF-8"), message);
  }
});

Deno.test("readText() is subject to the limit", async () => {
  assertEquals((await refusal(() => readText(post("123456"), { limit: 5 })))[0], 413);
});

Deno.test("readJson() parses the body, and throws 400 for anything else", async () => {
  assertEquals(await readJson(post('{"a": [1, null]}')), { a: [1, null] });
  assertEquals(await readJson(post("0")), 0);
  for (const wrong of ["", "{", "{a: 1}", "undefined"]) {
    assertEquals(await refusal(() => readJson(post(wrong))), [400, "The body is not JSON"]);
  }
  assertEquals((await refusal(() => readJson(post(new Uint8Array([0xff])))))[0], 400);
});

Deno.test("readBytes() throws a Timeout when the body does not come in time", async () => {
  const never = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
  await assertRejects(() => readBytes(post(never), { timeout: 1 }), Timeout, "1 ms");
});

Deno.test("readBytes() counts its timeout for the whole body", async () => {
  const dribble = new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      await new Promise((resolve) => setTimeout(resolve, 2));
      controller.enqueue(new Uint8Array(1));
    },
  }, { highWaterMark: 0 });
  await assertRejects(() => readBytes(post(dribble), { timeout: 30 }), Timeout, "30 ms");
  await new Promise((resolve) => setTimeout(resolve, 5)); // the last pull
});

Deno.test("readBytes() can be killed and aborted", async () => {
  const never = (): Request => post(new ReadableStream({ pull: () => new Promise(() => {}) }));
  const reader = spawn(() => readBytes(never()));
  await sleep(1);
  await reader.kill();
  const controller = new AbortController();
  const reading = readBytes(never(), { signal: controller.signal });
  const reason = new Error("enough");
  controller.abort(reason);
  assertEquals(await reading.catch((error) => error), reason);
});

ioTest("HttpServer answers 413 to a body that is too long, declared or not", async () => {
  await using server = await serve(async (request) => await readText(request, { limit: 10 }));
  using declared = await RawClient.connect(server.address);
  await declared.request("POST /", { "content-length": "11" }, "12345678901");
  assertEquals((await declared.head()).status, 413);
  using chunked = await RawClient.connect(server.address);
  await chunked.request("POST /", CHUNKED, "b\r\n12345678901\r\n");
  const head = await chunked.head();
  assertEquals([head.status, await chunked.body(head)], [413, "The body is longer than 10 bytes"]);
  using right = await RawClient.connect(server.address);
  await right.request("POST /", CHUNKED, "a\r\n1234567890\r\n0\r\n\r\n");
  assertEquals(await right.body(await right.head()), "1234567890");
});

ioTest("HttpServer answers 413 to a client that does not stop sending", async () => {
  await using server = await serve(async (request) => await readText(request, { limit: 10 }));
  using client = await RawClient.connect(server.address);
  const sending = spawn(async () => {
    await client.request("POST /", CHUNKED);
    const chunk = `10000\r\n${"x".repeat(65536)}\r\n`;
    for (;;) await client.send(chunk);
  });
  assertEquals((await client.head()).status, 413);
  await sending.kill();
  client.close();
  await eventually(() => server.pool.size === 0);
});

ioTest("readText() throws 400 for a body that is malformed", async () => {
  using reports = collectReports();
  let outcome: unknown;
  await using server = await serve(async (request) => {
    outcome = await readText(request).catch((error) => error);
  });
  using client = await RawClient.connect(server.address);
  await client.request("POST /", CHUNKED, "5\r\nhello\r\n");
  await eventually(() => server.pool.size === 1);
  await client.send("xyz\r\n");
  await client.rest(); // the runtime may close the connection by itself
  await eventually(() => server.pool.size === 0);
  assertInstanceOf(outcome, HttpError);
  assertEquals(outcome.status, 400);
  assert(outcome.cause instanceof Error);
  assertEquals(reports.list, []);
});

ioTest("readText() throws 400 when the client leaves in the middle of the body", async () => {
  using reports = collectReports();
  const watched = watchApp((request) => readText(request));
  await using server = await serve(watched.app);
  using client = await RawClient.connect(server.address);
  await client.request("POST /", { "content-length": "10" }, "12345");
  await eventually(() => server.pool.size === 1);
  client.close();
  await eventually(() => server.pool.size === 0);
  assertInstanceOf(watched.error, HttpError);
  assertEquals(watched.error.status, 400);
  assertEquals(reports.list, []);
});

ioTest("HttpServer answers when the app has given up waiting for the body", async () => {
  await using server = await serve(async (request) => {
    const first = await readText(request, { timeout: 1 }).catch((error) => error.name);
    return first;
  });
  using client = await RawClient.connect(server.address);
  await client.request("POST /", { "content-length": "10" }, "12345");
  assertEquals(await client.body(await client.head()), "Timeout");
});
