import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { connect as connectHttp2 } from "node:http2";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import type { AccessLogEntry } from "../../http/access_log.ts";
import type { HttpApp } from "../../http/app.ts";
import type { GuardOptions } from "../../http/guard.ts";
import { HttpServer, type HttpServerOptions } from "../../http/server.ts";
import { connect } from "../../net/connect.ts";
import { Event } from "../../sync/event.ts";
import { AUTHORITY, CERTIFICATE, KEY } from "../helpers/certificates.ts";
import { RawClient, serve } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { collectReports } from "../helpers/reports.ts";
import { MORE_THAN_FITS } from "../helpers/sockets.ts";

const TLS = { cert: CERTIFICATE, key: KEY };

/** A server with a guard that has no limits but those given. */
function guarded(
  guard: GuardOptions,
  app: HttpApp = () => "ok",
  options: HttpServerOptions = {},
): Promise<HttpServer> {
  const none = { headerTimeout: null, idleTimeout: null, sendTimeout: null, maxHeaderSize: null };
  return serve(app, { ...options, guard: { ...none, ...guard } });
}

/** What a client is told at the end: the status and the text; nothing if the connection is just closed. */
async function endOf(client: RawClient): Promise<[number, string] | undefined> {
  const text = await client.rest();
  if (text === "") return undefined;
  const [, status, rest] = /^HTTP\/1\.1 (\d{3}) (.*)$/s.exec(text)!;
  assertMatch(text, /\r\nconnection: close\r\n/);
  return [Number(status), rest!.split("\r\n\r\n")[1]!];
}

async function ask(client: RawClient, path = "/"): Promise<void> {
  await client.request(`GET ${path}`);
  const head = await client.head();
  assertEquals([head.status, await client.body(head)], [200, "ok"]);
}

ioTest("headerTimeout closes a connection on which nothing comes", async () => {
  for (const options of [{}, TLS]) {
    await using server = await guarded({ headerTimeout: 20 }, undefined, options);
    using client = await RawClient.connect(server.address);
    assertEquals(await endOf(client), undefined);
    await eventually(() => server.connections!.length === 0);
  }
});

ioTest("headerTimeout answers 408 to a head that is not complete", async () => {
  const begun = performance.now();
  await using server = await guarded({ headerTimeout: 200 });
  for (const part of ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nhost: a\r\n"]) {
    using client = await RawClient.connect(server.address);
    await client.send(part);
    assertEquals(await endOf(client), [408, "Request Timeout"]);
  }
  assert(performance.now() - begun >= 590);
});

ioTest("headerTimeout counts for the whole head, however it dribbles in", async () => {
  await using server = await guarded({ headerTimeout: 200 });
  using client = await RawClient.connect(server.address);
  const head = `GET / HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(1000)}`;
  let sent = 0;
  const dribble = spawn(async () => {
    while (sent < head.length) {
      await client.send(head[sent++]!);
      await sleep(5);
    }
  });
  assertEquals(await endOf(client), [408, "Request Timeout"]);
  assert(sent < head.length, "It was listened to until the end");
  await dribble.kill();
});

ioTest("headerTimeout counts again from the first byte after an answer", async () => {
  await using server = await guarded({ headerTimeout: 400 });
  using client = await RawClient.connect(server.address);
  for (let i = 0; i < 3; i++) {
    await sleep(200); // more than the limit all together
    await ask(client);
  }
  await sleep(600); // no byte, no head
  await ask(client);
  await client.send("GET / HT");
  assertEquals(await endOf(client), [408, "Request Timeout"]);
});

ioTest("headerTimeout closes a TLS connection without a word", async () => {
  await using server = await guarded({ headerTimeout: 400 }, undefined, TLS);
  using handshake = await RawClient.connect(server.address);
  await handshake.send(new Uint8Array([22, 3, 1, 0, 100]));
  assertEquals(await endOf(handshake), undefined);
  using socket = await connect(server.address, {
    tls: { hostname: "localhost", caCerts: [AUTHORITY] },
  });
  await socket.sendAll(new TextEncoder().encode("GET / HTTP/1.1\r\n"));
  assertEquals(await socket.recv().catch(() => new Uint8Array()), new Uint8Array());
  await eventually(() => server.connections!.length === 0);
});

ioTest("headerTimeout leaves a request alone whose body is slow, and so is the app", async () => {
  await using server = await guarded({ headerTimeout: 150, idleTimeout: 150 }, async (request) => {
    const text = await request.text();
    await sleep(300);
    return text;
  });
  using client = await RawClient.connect(server.address);
  await client.request("POST /", { "content-length": "5" });
  for (const char of "12345") {
    await sleep(60);
    await client.send(char);
  }
  assertEquals(await client.body(await client.head()), "12345");
});

ioTest("idleTimeout closes a connection after its last answer", async () => {
  for (const options of [{}, TLS]) {
    await using server = await guarded({ idleTimeout: 300 }, undefined, options);
    const socket = await connect(server.address, {
      tls: options === TLS && { hostname: "localhost", caCerts: [AUTHORITY] },
    });
    using client = new RawClient(socket);
    for (let i = 0; i < 2; i++) await ask(client);
    const begun = performance.now();
    assertEquals(await client.rest().catch(() => ""), "");
    assert(performance.now() - begun >= 200);
    await eventually(() => server.connections!.length === 0);
  }
});

ioTest("idleTimeout leaves a stream alone that is sent slowly, by whoever makes it", async () => {
  const slowly = async function* (): AsyncGenerator<string> {
    for (const part of ["one ", "two ", "three"]) {
      yield part;
      await sleep(250);
    }
  };
  await using server = await guarded({ idleTimeout: 150, headerTimeout: 150 }, (request) => {
    if (request.url.endsWith("/own")) return slowly();
    return new Response(ReadableStream.from(slowly()).pipeThrough(new TextEncoderStream()));
  });
  for (const path of ["/own", "/response"]) {
    const response = await fetch(new URL(path, server.url));
    assertEquals(await response.text(), "one two three");
  }
});

ioTest(
  "idleTimeout closes a connection of HTTP/2 only when nothing is under way on it",
  async () => {
    for (const options of [{}, TLS]) {
      const go = new Event();
      await using server = await guarded(
        { idleTimeout: 700, headerTimeout: 300 },
        async (request) => {
          if (request.url.endsWith("/slow")) await go.wait();
          return "ok";
        },
        options,
      );
      const session = connectHttp2(server.url, { ca: [AUTHORITY] });
      session.on("error", () => {});
      const request = (path: string): Promise<void> => {
        const stream = session.request({ ":path": path });
        stream.resume();
        return new Promise((resolve) => stream.on("end", resolve));
      };
      const slow = request("/slow");
      await request("/quick");
      await sleep(1000);
      assertEquals(server.connections!.map(({ state, active }) => [state, active]), [[
        "request",
        1,
      ]]);
      go.set();
      await slow;
      session.ping(() => {}); // which is no head of a request
      await sleep(400);
      assertEquals(server.connections!.map(({ state }) => state), ["idle"]);
      await new Promise<void>((resolve) => session.on("close", resolve));
      await eventually(() => server.connections!.length === 0);
    }
  },
);

ioTest("sendTimeout cuts off a client that takes nothing", async () => {
  using reports = collectReports();
  await using server = await guarded({ sendTimeout: 100 }, (request) => {
    if (request.url.endsWith("/whole")) return new Uint8Array(MORE_THAN_FITS);
    return (function* (): Generator<Uint8Array> {
      for (;;) yield new Uint8Array(65536);
    })();
  });
  for (const path of ["/whole", "/stream"]) {
    using client = await RawClient.connect(server.address);
    await client.request(`GET ${path}`);
    await client.head();
    await eventually(() => server.connections!.length === 0);
    await eventually(() => server.pool.size === 0);
  }
  assertEquals(reports.list, []);
});

ioTest("sendTimeout leaves a client alone that takes its time", async () => {
  await using server = await guarded({ sendTimeout: 1000 }, () => new Uint8Array(MORE_THAN_FITS));
  using client = await RawClient.connect(server.address);
  await client.request("GET /");
  await client.head();
  const begun = performance.now();
  for (let left = MORE_THAN_FITS; left > 0;) {
    const { length } = await client.socket.recv(65536);
    assert(length > 0, `It was cut off with ${left} bytes left`);
    left -= length;
    // The system lets the other end know that there is room again only when there is room for a lot.
    await sleep(3);
  }
  assert(performance.now() - begun > 1000);
});

ioTest("maxHeaderSize answers 431 to a head that is longer", async () => {
  await using server = await guarded({ maxHeaderSize: 200 });
  using right = await RawClient.connect(server.address);
  await right.request("GET /", { x: "y".repeat(100) });
  await right.body(await right.head());
  await right.request("GET /", { x: "y".repeat(100) });
  await right.body(await right.head());
  for (const more of ["", "y".repeat(100_000)]) {
    using client = await RawClient.connect(server.address);
    await client.request("GET /", { x: "y".repeat(200) + more }).catch(() => {});
    assertEquals(await endOf(client), [431, "Request Header Fields Too Large"]);
  }
});

ioTest("maxHeaderSize answers as soon as that much has come", async () => {
  await using server = await guarded({ maxHeaderSize: 1000 }); // and no time after which it would
  using client = await RawClient.connect(server.address);
  const sending = spawn(() => client.send(new Uint8Array(MORE_THAN_FITS).fill(65)).catch(() => {}));
  const head = await client.head();
  assertEquals([head.status, await client.body(head)], [431, "Request Header Fields Too Large"]);
  await sending.kill();
});

ioTest("maxHeaderSize hands no more on to the runtime where nobody can look", async () => {
  await using server = await guarded({ maxHeaderSize: 1000 }, undefined, TLS);
  using client = await RawClient.connect(server.address);
  const record = new Uint8Array(16_000); // of a TLS handshake, long enough to be waited for
  record.set([22, 3, 1, 0x3e, 0x80, 1]);
  await client.send(record);
  await eventually(() => (server.connections![0]?.bytesIn ?? 0) >= 1000);
  await sleep(20);
  assertEquals(server.connections!.map(({ bytesIn }) => bytesIn), [1000]);
  assertEquals(await endOf(client), undefined);
});

ioTest("maxHeaderSize finds the end of a head wherever that is cut", async () => {
  const request = `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 500\r\n\r\n${"x".repeat(500)}`;
  const end = request.indexOf("\r\n\r\n");
  await using server = await guarded({ maxHeaderSize: 200 }, async (request) => {
    return `${(await request.bytes()).length}`;
  });
  for (let cut = end - 1; cut <= end + 5; cut++) {
    using client = await RawClient.connect(server.address);
    await client.send(request.slice(0, cut));
    await eventually(() => server.connections!.some(({ bytesIn }) => bytesIn === cut));
    await client.send(request.slice(cut));
    assertEquals(await client.body(await client.head()), "500");
    client.close();
    await eventually(() => server.connections!.length === 0);
  }
});

ioTest(
  "maxHeaderSize does not count what belongs to a body, or to a request under way",
  async () => {
    await using server = await guarded({ maxHeaderSize: 300 }, async (request) => {
      if (request.method === "GET") await sleep(20);
      return `${(await request.bytes()).length}`;
    });
    using client = await RawClient.connect(server.address);
    for (const size of [1, 1000, 500_000]) {
      await client.request("POST /", { "content-length": String(size) }, "x".repeat(size));
      assertEquals(await client.body(await client.head()), String(size));
    }
    for (let i = 0; i < 20; i++) await client.request("GET /", { x: "y".repeat(100) });
    for (let i = 0; i < 20; i++) assertEquals(await client.body(await client.head()), "0");
  },
);

ioTest("maxHeaderSize is no hindrance to HTTP/2 and TLS", async () => {
  await using server = await guarded(
    { maxHeaderSize: 4096 },
    async (request) => `${(await request.bytes()).length}`,
    TLS,
  );
  using client = Deno.createHttpClient({ caCerts: [AUTHORITY] });
  for (let i = 0; i < 3; i++) {
    const body = new Uint8Array(300_000);
    const response = await fetch(server.url, { client, method: "POST", body });
    assertEquals(await response.text(), "300000");
  }
});

ioTest("maxConnections answers 503 to further ones", async () => {
  const entries: AccessLogEntry[] = [];
  await using server = await guarded({ maxConnections: 2 }, undefined, {
    log: (_, entry) => void entries.push(entry),
  });
  const clients = await Promise.all([1, 2].map(() => RawClient.connect(server.address)));
  await eventually(() => server.connections!.length === 2);
  for (const silent of [true, false]) {
    using third = await RawClient.connect(server.address);
    if (!silent) await third.request("GET /");
    assertEquals(await endOf(third), [503, "Service Unavailable"]);
  }
  assertEquals(entries.map(({ requestLine, status }) => [requestLine, status]), [
    ["-", 503],
    ["-", 503],
  ]);
  for (const client of clients) await ask(client);
  clients[0]!.close();
  await eventually(() => server.connections!.length === 1);
  using next = await RawClient.connect(server.address);
  await ask(next);
  clients[1]!.close();
});

ioTest("maxConnections closes further ones over TLS", async () => {
  await using server = await guarded({ maxConnections: 1 }, undefined, TLS);
  using first = await RawClient.connect(server.address);
  await eventually(() => server.connections!.length === 1);
  using second = await RawClient.connect(server.address);
  assertEquals(await endOf(second), undefined);
  first.close();
});

ioTest("maxConnections survives a flood", async () => {
  await using server = await guarded({ maxConnections: 10 });
  const clients = await Promise.all(
    Array.from({ length: 300 }, () => RawClient.connect(server.address)),
  );
  await eventually(() => server.connections!.length === 10);
  const known = new Set(
    server.connections!.map(({ remoteAddr }) => (remoteAddr as Deno.NetAddr).port),
  );
  const refused = clients.filter(({ socket }) =>
    !known.has((socket.localAddr as Deno.NetAddr).port)
  );
  const ends = await Promise.all(refused.map(endOf));
  assert(ends.some((end) => end?.[0] === 503));
  assert(ends.some((end) => end === undefined), "Everybody was given time to read");
  for (const client of clients) client.close();
  // Some may not even have been accepted before they were closed.
  await eventually(async () => {
    using client = await RawClient.connect(server.address);
    await client.request("GET /", { connection: "close" }).catch(() => {});
    return (await client.rest()).startsWith("HTTP/1.1 200");
  });
});

ioTest("maxPerIp answers 503 to further connections of one client only", async () => {
  await using server = new HttpServer("0.0.0.0:0", () => "ok", {
    log: null,
    guard: { maxPerIp: 2 },
  });
  await server.start();
  const { port } = server;
  const from = (hostname: string): Promise<RawClient> => RawClient.connect({ hostname, port });
  // On Linux everything from 127.0.0.1 to 127.255.255.255 is this machine; a client of it has the address it asks.
  const clients = await Promise.all([from("127.0.0.1"), from("127.0.0.1")]);
  await eventually(() => server.connections!.length === 2);
  using third = await from("127.0.0.1");
  assertEquals(await endOf(third), [503, "Service Unavailable"]);
  using other = await from("127.0.0.2");
  const isOther = (other.socket.localAddr as Deno.NetAddr).hostname !== "127.0.0.1";
  if (isOther) await ask(other);
  for (const client of clients) client.close();
  await eventually(() => server.connections!.length === (isOther ? 1 : 0));
  using again = await from("127.0.0.1");
  await ask(again);
});

ioTest("a guard logs what it answers by itself", async () => {
  const entries: AccessLogEntry[] = [];
  await using server = await guarded({ headerTimeout: 150 }, undefined, {
    log: (_, entry) => void entries.push(entry),
  });
  using silent = await RawClient.connect(server.address);
  await silent.rest();
  using client = await RawClient.connect(server.address);
  await client.send("GET");
  await client.rest();
  await eventually(() => entries.length > 0);
  const [{ address, requestLine, status, ms }] = entries as [AccessLogEntry];
  assertEquals([entries.length, address, requestLine, status], [1, "127.0.0.1", "-", 408]);
  assert(ms >= 140);
});

Deno.test("HttpServer refuses limits of a guard that make no sense", () => {
  const names = ["headerTimeout", "idleTimeout", "sendTimeout", "maxHeaderSize", "maxConnections"];
  for (const name of [...names, "maxPerIp"]) {
    const options = { guard: { [name]: -1 } as GuardOptions };
    assertThrows(() => new HttpServer(0, () => "", options), RangeError, `'${name}'`);
    new HttpServer(0, () => "", { guard: { [name]: null } as GuardOptions });
  }
});
