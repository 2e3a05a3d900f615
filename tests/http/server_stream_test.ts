import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { describeBlocked } from "../../core/inspect.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { streamed, type StreamedBody } from "../../http/body.ts";
import { Event } from "../../sync/event.ts";
import { Queue } from "../../sync/queue.ts";
import { StopIteration } from "../../sync/simple_queue.ts";
import { RawClient, serve } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { collectReports } from "../helpers/reports.ts";
import { bytes } from "../helpers/sockets.ts";

/** Bodies that say "one two three". */
const BODIES: readonly [string, () => StreamedBody][] = [
  ["a generator", function* () {
    yield "one ";
    yield bytes("two ");
    yield "three";
  }],
  ["an async generator", async function* () {
    yield "one ";
    await sleep(1);
    yield "two ";
    yield "";
    yield new Uint8Array();
    yield "three";
  }],
  ["a set", () => new Set(["one ", "two ", "three"])],
  ["an iterator of an array", () => ["one ", "two ", "three"].values()],
  ["a stream", () => new Blob(["one two three"]).stream()],
  ["a queue with StopIteration", () => {
    const queue = new Queue<string | typeof StopIteration>();
    spawn(async () => {
      for (const part of ["one ", "two ", "three", StopIteration, "no more"] as const) {
        await queue.put(part);
        await sleep();
      }
    });
    return queue;
  }],
  ["a queue that is shut down", () => {
    const queue = new Queue<string>({ items: ["one "] });
    spawn(async () => {
      await sleep(1);
      await queue.put("two ");
      await queue.put("three");
      queue.shutdown();
    });
    return queue;
  }],
];

for (const [name, makeBody] of BODIES) {
  ioTest(`HttpServer streams ${name}`, async () => {
    await using server = await serve(() => makeBody());
    const response = await fetch(server.url);
    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-type"), "text/plain;charset=UTF-8");
    assertEquals(response.headers.get("content-length"), null);
    assertEquals(await response.text(), "one two three");
  });
}

ioTest("HttpServer sends each piece of a body as it comes", async () => {
  const step = new Event();
  await using server = await serve(async function* () {
    yield "first";
    await step.wait();
    yield "second";
  });
  using client = await RawClient.connect(server.address);
  await client.request("GET /");
  await client.head();
  assertEquals(await client.chunk(), "first");
  step.set();
  assertEquals(await client.chunk(), "second");
  assertEquals(await client.chunk(), "");
  await client.request("GET /"); // the connection can go on
  assertEquals((await client.head()).status, 200);
});

ioTest("HttpServer runs a generator in the greenlet of its request", async () => {
  const seen = new Set<unknown>();
  await using server = await serve(() => {
    seen.add(getCurrent());
    return (async function* () {
      for (let i = 0; i < 3; i++) {
        seen.add(getCurrent());
        yield "x".repeat(100_000);
        await sleep();
      }
    })();
  });
  assertEquals((await (await fetch(server.url)).text()).length, 300_000);
  assertEquals(seen.size, 1);
});

ioTest("streamed() gives a body a status and headers of its own", async () => {
  await using server = await serve(() => streamed(["<p>"].values(), { status: 201 }));
  const plain = await fetch(server.url);
  assertEquals([plain.status, await plain.text()], [201, "<p>"]);
  assertEquals(plain.headers.get("content-type"), "text/plain;charset=UTF-8");
  await using other = await serve(() =>
    streamed(["<p>"].values(), { headers: { "Content-Type": "text/html", "x-test": "yes" } })
  );
  const html = await fetch(other.url);
  assertEquals(await html.text(), "<p>");
  assertEquals(html.headers.get("content-type"), "text/html");
  assertEquals(html.headers.get("x-test"), "yes");
});

Deno.test("streamed() refuses what cannot be streamed", () => {
  for (const body of ["text", ["array"], 5, null, {}]) {
    assertThrows(() => streamed(body as unknown as StreamedBody), TypeError, Deno.inspect(body));
  }
});

ioTest("HttpServer answers 500 when the head of a streamed body makes no sense", async () => {
  using reports = collectReports();
  let ended = false;
  const body = function* (): Generator<string> {
    try {
      yield "x";
    } finally {
      ended = true;
    }
  };
  await using server = await serve(() => streamed(body(), { status: 204 }));
  const response = await fetch(server.url);
  assertEquals([response.status, await response.text()], [500, "Internal Server Error"]);
  assertEquals(reports.list.length, 1);
  assert(!ended, "It was begun");
});

ioTest("HttpServer cuts a body off whose generator fails", async () => {
  using reports = collectReports();
  const error = new Error("in the middle");
  for (const failing of [error, undefined]) {
    await using server = await serve(async function* () {
      yield "first";
      await sleep(1);
      if (failing !== undefined) throw failing;
      yield 5 as unknown as string;
    });
    using client = await RawClient.connect(server.address);
    await client.request("GET /");
    await client.head();
    assertEquals(await client.chunk(), "first");
    assertEquals(await client.rest(), "", "It looks as if it were complete");
  }
  assertEquals(reports.list[0]!.error, error);
  assertEquals((reports.list[1]!.error as Error).name, "TypeError");
});

ioTest("HttpServer runs the finally block of a generator whose client leaves", async () => {
  using reports = collectReports();
  let ended = false;
  await using server = await serve(async function* () {
    try {
      for (;;) {
        yield "tick\n";
        await sleep(1);
      }
    } finally {
      await sleep(1);
      ended = true;
    }
  });
  using client = await RawClient.connect(server.address);
  await client.request("GET /");
  await client.head();
  await client.chunk();
  client.close();
  await eventually(() => server.pool.size === 0);
  assert(ended);
  assertEquals(reports.list, []);
});

for (
  const [name, waiting] of [
    ["waits for a queue", (): AsyncIterable<string> => new Queue<string>({ items: ["first"] })],
    ["waits for the client", function* (): Generator<string> {
      for (;;) yield "x".repeat(65536);
    }],
    ["waits for a promise from elsewhere", async function* (): AsyncGenerator<string> {
      for (;;) {
        yield "x";
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }],
  ] as [string, () => StreamedBody][]
) {
  ioTest(`HttpServer ends a streamed body that ${name} when the client leaves`, async () => {
    using reports = collectReports();
    await using server = await serve(() => waiting());
    using client = await RawClient.connect(server.address);
    await client.request("GET /");
    await client.head();
    client.close();
    await eventually(() => server.pool.size === 0);
    assertEquals(reports.list, []);
  });
}

ioTest("HttpServer runs finally blocks of a plain generator whose client leaves", async () => {
  let ended = false;
  await using server = await serve(function* () {
    try {
      for (;;) yield "x".repeat(65536);
    } finally {
      ended = true;
    }
  });
  using client = await RawClient.connect(server.address);
  await client.request("GET /");
  await client.head();
  client.close();
  await eventually(() => ended);
});

ioTest("HttpServer lets a client that does not read hold up its own generator only", async () => {
  let produced = 0;
  await using server = await serve((request) => {
    if (request.url.endsWith("/quick")) return "quick";
    return (function* () {
      for (;;) {
        produced += 65536;
        yield new Uint8Array(65536);
      }
    })();
  });
  using client = await RawClient.connect(server.address);
  await client.request("GET /endless");
  const { headers } = await client.head();
  assertEquals(headers.get("transfer-encoding"), "chunked");
  const isHeldUp = (): boolean =>
    describeBlocked().some((line) => line.includes("the client to take more of the body"));
  // Held up for good is who does not move while others are served.
  for (let before = -1; before !== produced;) {
    before = produced;
    for (let i = 0; i < 20; i++) {
      assertEquals(await (await fetch(new URL("/quick", server.url))).text(), "quick");
    }
  }
  assert(isHeldUp());
  assertLess(produced, 100_000_000);
  const held = produced;
  while (produced === held) await client.chunk();
  client.close();
  await eventually(() => server.pool.size === 0);
});
