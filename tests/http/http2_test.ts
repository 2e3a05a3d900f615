import { assert, assertEquals } from "@std/assert";
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from "node:http2";
import { sleep } from "../../core/sleep.ts";
import type { HttpApp } from "../../http/app.ts";
import type { HttpServer, HttpServerOptions } from "../../http/server.ts";
import { Event } from "../../sync/event.ts";
import { AUTHORITY, CERTIFICATE, KEY } from "../helpers/certificates.ts";
import { serve } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";

/** A client of HTTP/2. */
class Client implements AsyncDisposable {
  readonly session: ClientHttp2Session;

  constructor(server: HttpServer) {
    this.session = connect(server.url, { ca: [AUTHORITY] });
  }

  /** Sends a request, and gives its status and its text. */
  ask(headers: OutgoingHttpHeaders, body?: string | Uint8Array): Promise<[number, string]> {
    const stream = this.session.request(headers);
    let status = 0;
    let text = "";
    stream.setEncoding("utf8");
    stream.on("response", (head) => status = head[":status"]!);
    stream.on("data", (piece) => text += piece);
    if (body === undefined) stream.end();
    else stream.end(body);
    return new Promise((resolve, reject) => {
      stream.on("end", () => resolve([status, text]));
      stream.on("error", reject);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.session.close(resolve));
  }
}

const TLS = { cert: CERTIFICATE, key: KEY };

/** Ways of serving HTTP/2. */
const SERVERS: readonly [string, HttpServerOptions][] = [
  ["over TLS", TLS],
  ["without TLS", {}],
  ["over TLS behind a guard", { ...TLS, guard: true }],
  ["without TLS behind a guard", { guard: true }],
];

for (const [name, options] of SERVERS) {
  const start = (app: HttpApp, more: HttpServerOptions = {}): Promise<HttpServer> =>
    serve(app, { ...options, ...more });

  ioTest(`HttpServer speaks HTTP/2 ${name}`, async () => {
    await using server = await start(async (request) => ({
      method: request.method,
      path: new URL(request.url).pathname,
      text: await request.text(),
    }));
    await using client = new Client(server);
    const [status, text] = await client.ask({ ":path": "/a?b", ":method": "PUT" }, "body");
    assertEquals([status, JSON.parse(text)], [200, { method: "PUT", path: "/a", text: "body" }]);
    if (options.cert !== undefined) assertEquals(client.session.alpnProtocol, "h2");
  });

  ioTest(`HttpServer answers requests of one connection side by side, ${name}`, async () => {
    const go = new Event();
    await using server = await start(async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname !== "/quick") await go.wait();
      return pathname;
    });
    await using client = new Client(server);
    const paths = Array.from({ length: 50 }, (_, n) => `/${n}`);
    const waiting = paths.map((path) => client.ask({ ":path": path }));
    await eventually(() => server.pool.size === 50);
    assertEquals(await client.ask({ ":path": "/quick" }), [200, "/quick"]);
    go.set();
    assertEquals(await Promise.all(waiting), paths.map((path) => [200, path]));
  });

  ioTest(`HttpServer ends a stream whose client resets it, ${name}`, async () => {
    let ended = 0;
    await using server = await start(async function* () {
      try {
        for (;;) {
          yield "tick";
          await sleep(1);
        }
      } finally {
        ended++;
      }
    });
    await using client = new Client(server);
    const stream = client.session.request({ ":path": "/" });
    await new Promise((resolve) => stream.on("data", resolve));
    stream.close();
    await eventually(() => ended === 1 && server.pool.size === 0);
  });

  ioTest(`HttpServer limits what comes over HTTP/2 ${name}`, async () => {
    let seen = 0;
    await using server = await start(async (request) => {
      seen++;
      return `${(await request.text()).length}`;
    }, { maxUrlLength: 20, maxBodySize: 10, maxHeaders: 10 });
    await using client = new Client(server);
    assertEquals((await client.ask({ ":path": `/${"x".repeat(20)}` }))[0], 414);
    const many = Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`x-${n}`, "1"]));
    assertEquals((await client.ask({ ":path": "/", ...many }))[0], 431);
    const post = { ":path": "/", ":method": "POST" };
    assertEquals((await client.ask({ ...post, "content-length": "11" }, "12345678901"))[0], 413);
    assertEquals(seen, 0);
    assertEquals(await client.ask(post, "1234567890"), [200, "10"]);
    assertEquals((await client.ask(post, "12345678901"))[0], 413);
    assertEquals(await client.ask({ ":path": "/" }), [200, "0"]);
  });
}

ioTest("HttpServer tells clients over TLS which protocols there are", async () => {
  await using server = await serve(() => "hello", TLS);
  for (
    const [offered, agreed] of [[["h2", "http/1.1"], "h2"], [["http/1.1"], "http/1.1"]] as const
  ) {
    using conn = await Deno.connectTls({
      hostname: "localhost",
      port: server.port,
      caCerts: [AUTHORITY],
      alpnProtocols: [...offered],
    });
    const { alpnProtocol } = await conn.handshake();
    assertEquals(alpnProtocol, agreed);
  }
  using client = Deno.createHttpClient({ caCerts: [AUTHORITY], http2: false });
  const response = await fetch(server.url, { client });
  assert(response.ok);
  assertEquals(await response.text(), "hello");
});
