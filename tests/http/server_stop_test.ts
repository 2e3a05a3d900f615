import { assert, assertEquals, assertRejects } from "@std/assert";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { HttpServer } from "../../http/server.ts";
import { connect } from "../../net/connect.ts";
import { Event } from "../../sync/event.ts";
import { EndlessBody, RawClient, serve, WatchedPool } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { collectReports } from "../helpers/reports.ts";
import { MORE_THAN_FITS } from "../helpers/sockets.ts";

ioTest("HttpServer.stop() refuses new connections and closes idle ones", async () => {
  const server = await serve(() => "hello");
  using silent = await RawClient.connect(server.address);
  using half = await RawClient.connect(server.address);
  await half.send("GET / HTTP/1.1\r\nHo");
  using idle = await RawClient.connect(server.address);
  await idle.request("GET /");
  assertEquals(await idle.body(await idle.head()), "hello");
  await server.stop();
  for (const client of [silent, half, idle]) assertEquals(await client.rest(), "");
  await assertRejects(() => connect(server.address), Deno.errors.ConnectionRefused);
  assert(server.closed);
});

ioTest("HttpServer.stop() lets running requests finish", async () => {
  const finish = new Event();
  const server = await serve(async () => {
    await finish.wait();
    return "done";
  });
  using client = await RawClient.connect(server.address);
  await client.request("GET /");
  await eventually(() => server.pool.size === 1);
  const stopping = spawn(() => server.stop({ timeout: 60_000 }));
  await sleep(1);
  assert(stopping.started);
  finish.set();
  const head = await client.head();
  assertEquals([head.status, await client.body(head)], [200, "done"]);
  assertEquals(await client.rest(), "");
  await stopping.get();
});

ioTest("HttpServer.stop() lets streamed bodies finish", async () => {
  const finish = new Event();
  const server = await serve(async function* () {
    yield "START";
    await finish.wait();
    yield "END";
  });
  using client = await RawClient.connect(server.address);
  await client.request("GET /");
  await client.head();
  assertEquals(await client.chunk(), "START");
  const stopping = spawn(() => server.stop({ timeout: 60_000 }));
  await sleep(1);
  finish.set();
  assertEquals([await client.chunk(), await client.chunk()], ["END", ""]);
  await stopping.get();
});

ioTest("HttpServer.stop() kills slow requests after its timeout, and answers 503", async () => {
  using reports = collectReports();
  for (const options of [{ timeout: 1 }, { timeout: 0 }, {}]) {
    let ended = false;
    const server = await serve(async () => {
      try {
        await sleep(60_000);
      } finally {
        await sleep(1);
        ended = true;
      }
    }, { stopTimeout: 5 });
    using client = await RawClient.connect(server.address);
    await client.request("GET /");
    await eventually(() => server.pool.size === 1);
    await server.stop(options);
    assert(ended);
    const head = await client.head();
    assertEquals([head.status, await client.body(head)], [503, "Service Unavailable"]);
    assertEquals(await client.rest(), "");
  }
  assertEquals(reports.list, []);
});

ioTest("HttpServer.stop() ends an endless streamed body", async () => {
  using reports = collectReports();
  let ended = false;
  const server = await serve(async function* () {
    try {
      for (;;) {
        yield "tick\n";
        await sleep(1);
      }
    } finally {
      ended = true;
    }
  });
  using client = await RawClient.connect(server.address);
  await client.request("GET /");
  await client.head();
  await server.stop({ timeout: 1 });
  assert(ended);
  const rest = await client.rest();
  assert(!rest.endsWith("0\r\n\r\n"), "It looks as if it were complete");
  assertEquals(reports.list, []);
});

ioTest(
  "HttpServer.stop() does not wait for an endless body that no greenlet produces",
  async () => {
    const body = new EndlessBody();
    const server = await serve(() => new Response(body.stream));
    using client = await RawClient.connect(server.address);
    await client.request("GET /");
    await client.head();
    await server.stop({ timeout: 1 });
    await assertRejects(() => connect(server.address), Deno.errors.ConnectionRefused);
    client.close();
    await eventually(() => body.cancelled);
  },
);

ioTest("HttpServer.stop() does not wait for a client that takes nothing", async () => {
  for (const result of [new Uint8Array(MORE_THAN_FITS), "x".repeat(MORE_THAN_FITS)]) {
    const server = await serve(() => result);
    using client = await RawClient.connect(server.address);
    await client.request("GET /");
    await client.head();
    await server.stop({ timeout: 1 });
    assert(server.closed);
  }
});

ioTest("HttpServer.stop() lets the last bytes leave to a client that takes them", async () => {
  const server = await serve(() => new Uint8Array(1_000_000));
  using client = await RawClient.connect(server.address);
  await client.request("GET /");
  const head = await client.head();
  const stopping = spawn(() => server.stop());
  await sleep();
  assertEquals((await client.body(head)).length, 1_000_000);
  await stopping.get();
});

ioTest("HttpServer.stop() refuses requests that wait for a slot", async () => {
  const pool = new WatchedPool(1);
  let called = 0;
  const server = await serve(async () => {
    called++;
    await sleep(60_000);
  }, { spawn: pool, stopTimeout: 5 });
  const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(server.address)));
  for (const client of clients) await client.request("GET /");
  await eventually(() => pool.arrived === 3);
  await server.stop();
  for (const client of clients) {
    const head = await client.head();
    assertEquals([head.status, await client.body(head)], [503, "Service Unavailable"]);
    assertEquals(await client.rest(), "");
    client.close();
  }
  assertEquals([called, server.pool.size], [1, 0]);
});

ioTest("HttpServer.stop() answers a keep-alive request that it let finish only once", async () => {
  const finish = new Event();
  const server = await serve(async () => {
    await finish.wait();
    return "done";
  });
  using client = await RawClient.connect(server.address);
  await client.request("GET /1");
  await eventually(() => server.pool.size === 1);
  const stopping = spawn(() => server.stop({ timeout: 60_000 }));
  await sleep();
  finish.set();
  assertEquals(await client.body(await client.head()), "done");
  assertEquals(await client.rest(), "");
  await stopping.get();
});

ioTest("HttpServer.stop() may be called twice, and before start()", async () => {
  const never = new HttpServer("127.0.0.1:0", () => "", { log: null });
  await never.stop();
  const server = await serve(() => "");
  await Promise.all([server.stop(), server.stop()]);
  await server.stop();
  await assertRejects(() => server.start(), TypeError);
});

ioTest("HttpServer.serveForever() stops the server when it is killed", async () => {
  const server = new HttpServer("127.0.0.1:0", () => "hello", { log: null });
  const serving = spawn(() => server.serveForever());
  await eventually(() => server.started);
  assertEquals(await (await fetch(server.url)).text(), "hello");
  await serving.kill();
  assert(server.closed);
});
