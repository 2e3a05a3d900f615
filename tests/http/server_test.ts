import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import type { Greenlet } from "../../core/greenlet.ts";
import { local } from "../../core/local.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import type { HttpApp } from "../../http/app.ts";
import { HttpError } from "../../http/errors.ts";
import type { HttpResult } from "../../http/body.ts";
import { HttpServer } from "../../http/server.ts";
import { AUTHORITY, CERTIFICATE, KEY } from "../helpers/certificates.ts";
import { RawClient, serve } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { collectReports } from "../helpers/reports.ts";
import { exists, leaveStaleSocket, withFolder } from "../helpers/unix_sockets.ts";

const TEXT = "text/plain;charset=UTF-8";
const JSON_TYPE = "application/json";

/** What an app returns, and the status, type and text that the client gets. */
const RESULTS: readonly [string, () => HttpResult, number, string | null, string][] = [
  ["a text", () => "grüße", 200, TEXT, "grüße"],
  ["an empty text", () => "", 200, TEXT, ""],
  ["bytes", () => new Uint8Array([104, 105]), 200, "application/octet-stream", "hi"],
  ["an object", () => ({ a: [1, null] }), 200, JSON_TYPE, '{"a":[1,null]}'],
  ["an array", () => [1, "two"], 200, JSON_TYPE, '[1,"two"]'],
  ["a number", () => 0, 200, JSON_TYPE, "0"],
  ["a boolean", () => false, 200, JSON_TYPE, "false"],
  ["null", () => null, 204, null, ""],
  ["nothing", () => undefined, 204, null, ""],
  ["a Response", () => new Response("teapot", { status: 418 }), 418, TEXT, "teapot"],
  ["a Response without a body", () => new Response(null, { status: 304 }), 304, null, ""],
];

for (const [name, result, status, type, body] of RESULTS) {
  ioTest(`HttpServer answers when the app returns ${name}`, async () => {
    for (const app of [result, () => Promise.resolve(result())]) {
      await using server = await serve(app as HttpApp);
      const response = await fetch(server.url);
      assertEquals(await response.text(), body);
      assertEquals(response.status, status);
      assertEquals(response.headers.get("content-type"), type);
    }
  });
}

ioTest("HttpServer declares the length of what it knows as a whole", async () => {
  for (const [name, result, status, , body] of RESULTS) {
    if (status === 204 || status === 304) continue;
    for (const log of [null, () => {}]) {
      await using server = await serve(result as HttpApp, { log });
      using client = await RawClient.connect(server.address);
      await client.request("GET /");
      const head = await client.head();
      assertEquals(head.headers.get("transfer-encoding"), null, name);
      assertEquals(await client.body(head), body, name);
    }
  }
});

ioTest("HttpServer answers 500 and reports a TypeError for what cannot be sent", async () => {
  for (const result of [Symbol("s"), () => {}, 1n]) {
    using reports = collectReports();
    await using server = await serve(() => result as unknown as HttpResult);
    const response = await fetch(server.url);
    assertEquals([response.status, await response.text()], [500, "Internal Server Error"]);
    assertInstanceOf(reports.list[0]!.error, TypeError);
  }
});

ioTest("HttpServer passes the request and the client's address to the app", async () => {
  await using server = await serve(async (request, { remoteAddr }) => ({
    method: request.method,
    path: new URL(request.url).pathname,
    header: request.headers.get("x-test"),
    body: await request.text(),
    from: remoteAddr.transport === "tcp" ? remoteAddr.hostname : "?",
  }));
  const response = await fetch(new URL("/a/b?c=d", server.url), {
    method: "PUT",
    headers: { "x-test": "yes" },
    body: "data",
  });
  assertEquals(await response.json(), {
    method: "PUT",
    path: "/a/b",
    header: "yes",
    body: "data",
    from: "127.0.0.1",
  });
});

ioTest("HttpServer answers a HEAD request without a body, and ends a streamed one", async () => {
  let ended = 0;
  await using server = await serve(function (request) {
    if (request.url.endsWith("text")) return "hello";
    return (async function* () {
      try {
        for (;;) {
          yield "x".repeat(1000);
          await sleep(1);
        }
      } finally {
        ended++;
      }
    })();
  });
  using client = await RawClient.connect(server.address);
  for (const path of ["/text", "/stream", "/text"]) {
    await client.request(`HEAD ${path}`);
    const { status, headers } = await client.head();
    assertEquals(status, 200);
    if (path === "/text") assertEquals(headers.get("content-length"), "5");
  }
  await eventually(() => server.pool.size === 0);
  assertEquals(ended, 1);
});

ioTest(
  "HttpServer answers with the status and text of an HttpError, and reports nothing",
  async () => {
    using reports = collectReports();
    await using server = await serve((request) => {
      if (request.url.endsWith("/own")) throw new HttpError(404, "No room called 'attic'");
      throw new HttpError(429);
    });
    const own = await fetch(new URL("/own", server.url));
    assertEquals([own.status, await own.text()], [404, "No room called 'attic'"]);
    const standard = await fetch(server.url);
    assertEquals([standard.status, await standard.text()], [429, "Too Many Requests"]);
    assertEquals(reports.list, []);
  },
);

ioTest(
  "HttpServer answers 500 without details when the app fails, and reports the error",
  async () => {
    const error = new Error("secret");
    for (
      const app of [
        () => {
          throw error;
        },
        () => Promise.reject(error),
      ]
    ) {
      using reports = collectReports();
      await using server = await serve(app);
      const response = await fetch(server.url);
      assertEquals([response.status, await response.text()], [500, "Internal Server Error"]);
      assertEquals(reports.list.map(({ error }) => error), [error]);
    }
  },
);

ioTest("HttpServer answers 500 when a Timeout ends the app", async () => {
  using reports = collectReports();
  await using server = await serve(async () => {
    using _ = Timeout.start(1);
    await sleep(60_000);
  });
  const response = await fetch(server.url);
  assertEquals([response.status, await response.text()], [500, "Internal Server Error"]);
  assertInstanceOf(reports.list[0]!.error, Timeout);
});

ioTest("HttpServer answers 500 when the app returns a Response that was used", async () => {
  using reports = collectReports();
  const used = new Response("once");
  await used.text();
  await using server = await serve(() => used);
  const response = await fetch(server.url);
  assertEquals([response.status, await response.text()], [500, "Internal Server Error"]);
  assertEquals(reports.list.length, 1);
});

ioTest("HttpServer answers 503 when the request is killed", async () => {
  using reports = collectReports();
  let greenlet: Greenlet | undefined;
  await using server = await serve(async () => {
    greenlet = getCurrent();
    await sleep(60_000);
  });
  const answering = fetch(server.url);
  await eventually(() => greenlet !== undefined);
  await greenlet!.kill();
  const response = await answering;
  assertEquals([response.status, await response.text()], [503, "Service Unavailable"]);
  assertEquals(reports.list, []);
});

ioTest("HttpServer runs each request in a greenlet with locals of its own", async () => {
  const request = local<{ path?: string }>();
  const greenlets = new Set<Greenlet>();
  await using server = await serve(async ({ url }) => {
    assertEquals(request.path, undefined);
    request.path = new URL(url).pathname;
    greenlets.add(getCurrent());
    await sleep(2);
    await Promise.resolve();
    return request.path;
  });
  const paths = Array.from({ length: 10 }, (_, i) => `/${i}`);
  const answers = await Promise.all(paths.map(async (path) => {
    return await (await fetch(new URL(path, server.url))).text();
  }));
  assertEquals(answers, paths);
  assertEquals(greenlets.size, 10);
});

ioTest("HttpServer answers several requests on one connection, in order", async () => {
  await using server = await serve(async ({ url }) => {
    const { pathname } = new URL(url);
    if (pathname === "/slow") await sleep(5);
    return pathname;
  });
  using client = await RawClient.connect(server.address);
  for (const path of ["/slow", "/quick", "/last"]) await client.request(`GET ${path}`);
  for (const path of ["/slow", "/quick", "/last"]) {
    assertEquals(await client.body(await client.head()), path);
  }
});

ioTest("HttpServer answers requests whose target is strange", async () => {
  using reports = collectReports();
  for (const log of [null, () => {}]) {
    await using server = await serve(() => "ok", { log });
    using client = await RawClient.connect(server.address);
    for (const line of ["GET //a/b", "OPTIONS *", "GET http://elsewhere/", "GET /#x", "GET /%zz"]) {
      await client.request(line);
      const head = await client.head();
      assertEquals([head.status, await client.body(head)], [200, "ok"], line);
    }
  }
  assertEquals(reports.list, []);
});

ioTest("HttpServer.url is the root, with the real port", async () => {
  const urlOf = (address: ConstructorParameters<typeof HttpServer>[0], options = {}): string =>
    new HttpServer(address, () => "", { log: null, ...options }).url;
  assertEquals(urlOf("127.0.0.1:8000"), "http://127.0.0.1:8000/");
  assertEquals(urlOf(8000), "http://localhost:8000/");
  assertEquals(urlOf("0.0.0.0:80"), "http://localhost:80/");
  assertEquals(urlOf("[::]:80"), "http://localhost:80/");
  assertEquals(urlOf("[::1]:80"), "http://[::1]:80/");
  assertEquals(urlOf(":443", { cert: CERTIFICATE, key: KEY }), "https://localhost:443/");
  assertThrows(() => urlOf({ path: "/tmp/socket" }), TypeError, "/tmp/socket");
  await using server = await serve(() => "");
  assert(server.port > 0);
  assertEquals(server.url, `http://127.0.0.1:${server.port}/`);
});

ioTest("HttpServer speaks HTTPS", async () => {
  await using server = await serve((request) => new URL(request.url).protocol, {
    cert: CERTIFICATE,
    key: KEY,
  });
  using client = Deno.createHttpClient({ caCerts: [AUTHORITY] });
  const response = await fetch(server.url, { client });
  assertEquals(await response.text(), "https:");
  client.close();
});

ioTest("HttpServer listens on a unix socket, in place of a stale one", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/socket`;
    await leaveStaleSocket(path);
    const server = new HttpServer({ path }, (_, { remoteAddr }) => remoteAddr.transport, {
      log: null,
    });
    await server.start();
    assertEquals(server.address, { path });
    using client = await RawClient.connect(server.address);
    await client.request("GET /");
    assertEquals(await client.body(await client.head()), "unix");
    await server.stop();
    assertEquals(await exists(path), false);
  });
});

ioTest("HttpServer.start() names the address when the port is taken", async () => {
  await using first = await serve(() => "");
  await using second = new HttpServer(first.address, () => "", { log: null });
  await assertRejects(() => second.start(), Deno.errors.AddrInUse, `127.0.0.1:${first.port}`);
});

Deno.test("HttpServer refuses arguments that make no sense", () => {
  const noApp = "app" as unknown as HttpApp;
  assertThrows(() => new HttpServer(0, noApp), TypeError, "'app'");
  assertThrows(() => new HttpServer(0, () => "", { cert: "x" }), TypeError, "'key'");
  assertThrows(() => new HttpServer(0, () => "", { key: "x" }), TypeError, "'cert'");
  const [path, both] = ["/tmp/socket", { cert: "x", key: "x" }];
  assertThrows(() => new HttpServer({ path }, () => "", both), TypeError, path);
});

Deno.test("HttpError refuses a status that is not that of an error", () => {
  for (const status of [200, 399, 600, 404.5, NaN]) {
    assertThrows(() => new HttpError(status), RangeError, String(status));
  }
  assertEquals(new HttpError(599).message, "Status 599");
});
