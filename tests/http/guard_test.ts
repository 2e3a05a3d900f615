import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectFrom } from "node:net";
import { GreenletExit } from "../../core/errors.ts";
import type { Greenlet } from "../../core/greenlet.ts";
import { describeBlocked, GreenletTree } from "../../core/inspect.ts";
import { killAll } from "../../core/join.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { clientKeyOf } from "../../http/_client_key.ts";
import type { GuardedConnection } from "../../http/_guarded_connection.ts";
import { upgradeWebSocket } from "../../http/upgrade_websocket.ts";
import { connectWebSocket } from "../../http/connect_websocket.ts";
import { Guard, type HttpConnection } from "../../http/guard.ts";
import { HttpServer } from "../../http/server.ts";
import { patchAll } from "../../monkey/patch_all.ts";
import { connect } from "../../net/connect.ts";
import { Event } from "../../sync/event.ts";
import { AUTHORITY, CERTIFICATE, KEY } from "../helpers/certificates.ts";
import { EndlessBody, RawClient, serve, watchApp } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { collectReports } from "../helpers/reports.ts";
import { assertLeaksNoFile, MORE_THAN_FITS } from "../helpers/sockets.ts";
import { withFolder } from "../helpers/unix_sockets.ts";

const GUARDED = { guard: true } as const;

function only(server: HttpServer): HttpConnection {
  assertEquals(server.connections!.length, 1);
  return server.connections![0]!;
}

ioTest("a guard passes requests and answers on", async () => {
  await using server = await serve(async (request, { remoteAddr }) => {
    const path = new URL(request.url).pathname;
    if (path === "/echo") return await request.text();
    if (path === "/stream") return ["one ", "two"].values();
    return { path, from: remoteAddr, host: request.headers.get("host") };
  }, GUARDED);
  const url = (path: string): URL => new URL(path, server.url);
  const { path, from, host } = await (await fetch(url("/a"))).json();
  assertEquals([path, host], ["/a", `127.0.0.1:${server.port}`]);
  assertEquals(from.hostname, "127.0.0.1");
  const client = server.connections!.find(({ remoteAddr }) => remoteAddr.transport === "tcp")!;
  assertEquals(from, client.remoteAddr);
  const body = "x".repeat(500_000);
  const echoed = await fetch(url("/echo"), { method: "POST", body });
  assertEquals(await echoed.text(), body);
  assertEquals(await (await fetch(url("/stream"))).text(), "one two");
});

ioTest("a guard tells the app and the log the address of the client", async () => {
  const addresses: string[] = [];
  const seen: Deno.Addr[] = [];
  await using server = await serve((_, { remoteAddr }) => {
    seen.push(remoteAddr);
    return "ok";
  }, { ...GUARDED, log: (_, { address }) => void addresses.push(address) });
  using client = await connect(server.address);
  using raw = new RawClient(client);
  await raw.request("GET /");
  await raw.body(await raw.head());
  assertEquals(seen, [client.localAddr]);
  await eventually(() => addresses.length === 1);
  assertEquals(addresses, ["127.0.0.1"]);
});

ioTest("a guard hands everything on, however large, in both directions", async () => {
  await using server = await serve((request) => new Response(request.body), {
    ...GUARDED,
    maxBodySize: null,
  });
  const body = new Uint8Array(MORE_THAN_FITS);
  for (let i = 0; i < body.length; i += 1000) body[i] = i / 1000;
  const response = await fetch(server.url, { method: "POST", body });
  const echoed = await response.bytes();
  assertEquals(echoed.length, body.length);
  assert(echoed.every((byte, i) => byte === body[i]));
});

ioTest("a guard lets a client that does not read hold up its own answer only", async () => {
  let produced = 0;
  await using server = await serve((request) => {
    if (request.url.endsWith("/quick")) return "quick";
    return (function* () {
      for (;;) {
        produced += 65536;
        yield new Uint8Array(65536);
      }
    })();
  }, GUARDED);
  using client = await RawClient.connect(server.address);
  await client.request("GET /endless");
  await client.head();
  for (let before = -1; before !== produced;) {
    before = produced;
    for (let i = 0; i < 20; i++) {
      assertEquals(await (await fetch(new URL("/quick", server.url))).text(), "quick");
    }
  }
  assert(produced < 100_000_000);
  client.close();
  await eventually(() => server.pool.size === 0);
});

ioTest("a guard holds up a client whose request is not read", async () => {
  const go = new Event();
  await using server = await serve(async (request) => {
    await go.wait();
    return `${(await request.bytes()).length}`;
  }, { ...GUARDED, maxBodySize: null });
  using client = await RawClient.connect(server.address);
  await client.request("POST /", { "content-length": String(MORE_THAN_FITS) });
  const sending = spawn(() => client.send(new Uint8Array(MORE_THAN_FITS)));
  await eventually(() => server.pool.size === 1);
  for (let before = -1; before !== only(server).bytesIn;) {
    before = only(server).bytesIn;
    await sleep(20);
  }
  assert(sending.started && only(server).bytesIn < MORE_THAN_FITS);
  go.set();
  assertEquals(await client.body(await client.head()), String(MORE_THAN_FITS));
  await sending.get();
});

ioTest("a guard answers several requests on one connection, in order", async () => {
  await using server = await serve(async ({ url }) => {
    const { pathname } = new URL(url);
    if (pathname === "/slow") await sleep(5);
    return pathname;
  }, GUARDED);
  using client = await RawClient.connect(server.address);
  const paths = ["/slow", "/quick", "/slow", "/last"];
  for (const path of paths) await client.request(`GET ${path}`);
  for (const path of paths) assertEquals(await client.body(await client.head()), path);
  assertEquals(only(server).requests, 4);
});

ioTest("a guard leaves TLS to the client and the runtime", async () => {
  await using server = await serve((request, { remoteAddr }) => {
    return `${new URL(request.url).protocol} ${(remoteAddr as Deno.NetAddr).hostname}`;
  }, { ...GUARDED, cert: CERTIFICATE, key: KEY });
  using client = Deno.createHttpClient({ caCerts: [AUTHORITY] });
  assertEquals(await (await fetch(server.url, { client })).text(), "https: 127.0.0.1");
});

for (const [name, tls] of [["", {}], [" over TLS", { cert: CERTIFICATE, key: KEY }]] as const) {
  ioTest(`a guard counts the requests of HTTP/2${name} that are under way together`, async () => {
    const go = new Event();
    await using server = await serve(async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname !== "/quick") await go.wait();
      return pathname;
    }, { guard: { idleTimeout: 60_000, headerTimeout: 300 }, ...tls });
    const session = connectHttp2(server.url, { ca: [AUTHORITY] });
    const ask = (path: string): Promise<string> => {
      const stream = session.request({ ":path": path });
      let text = "";
      stream.setEncoding("utf8").on("data", (piece) => text += piece);
      return new Promise((resolve, reject) =>
        stream.on("end", () => resolve(text)).on("error", reject)
      );
    };
    assertEquals(await ask("/quick"), "/quick");
    await eventually(() => only(server).state === "idle");
    const waiting = ["/1", "/2", "/3"].map(ask);
    await eventually(() => server.pool.size === 3);
    assertEquals([only(server).active, only(server).state], [3, "request"]);
    assertEquals(await ask("/quick"), "/quick");
    await eventually(() => only(server).active === 3);
    go.set();
    assertEquals(await Promise.all(waiting), ["/1", "/2", "/3"]);
    await eventually(() => only(server).state === "idle");
    // A ping is no request, so that it begins no head.
    await new Promise<void>((resolve) => void session.ping(() => resolve()));
    assertEquals([only(server).state, only(server).requests], ["idle", 5]);
    await new Promise<void>((resolve) => session.close(resolve));
    await eventually(() => server.connections!.length === 0);
  });
}

ioTest("a guard leaves WebSockets alone", async () => {
  await using server = await serve((request) => {
    if (request.url.endsWith("/runtime")) {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onmessage = ({ data }) => socket.send(data);
      return response;
    }
    return upgradeWebSocket(request, async (socket) => {
      for await (const message of socket) await socket.send(message);
    });
  }, { guard: { headerTimeout: 150, idleTimeout: 150 } });
  for (const path of ["/", "/runtime"]) {
    await using client = await connectWebSocket(new URL(path, server.url).href);
    assertEquals(only(server).state, "upgraded");
    for (let i = 0; i < 3; i++) {
      await sleep(200);
      await client.send(`message ${i}`);
      assertEquals(await client.receive(), `message ${i}`);
    }
    assertEquals(only(server).state, "upgraded");
    client.close();
    await client.waitClosed();
    await eventually(() => server.connections!.length === 0);
  }
});

ioTest("a guard listens on a unix socket", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/socket`;
    await using server = new HttpServer({ path }, (_, { remoteAddr }) => remoteAddr.transport, {
      ...GUARDED,
      log: null,
    });
    await server.start();
    assertEquals(server.address, { path });
    using client = await RawClient.connect(server.address);
    await client.request("GET /");
    assertEquals(await client.body(await client.head()), "unix");
  });
});

/** Asks for the port behind the guard: without a host, the URL has it. */
async function hiddenPort(client: RawClient): Promise<number> {
  await client.send("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
  return Number(new URL(await client.body(await client.head())).port);
}

ioTest("a guard lets nobody slip in behind it", async () => {
  let seen = 0;
  await using server = await serve((request) => {
    seen++;
    return request.url;
  }, GUARDED);
  using client = await RawClient.connect(server.address);
  const port = await hiddenPort(client);
  assert(port !== 0 && port !== server.port);
  using intruder = await RawClient.connect({ hostname: "127.0.0.1", port });
  await intruder.request("GET /");
  assertEquals((await intruder.head()).status, 421);
  assertEquals(seen, 1);
});

ioTest(
  "a guard takes nobody for its client who comes from the same port of another address",
  async () => {
    await using server = await serve((request) => request.url, GUARDED);
    using client = await RawClient.connect(server.address);
    const port = await hiddenPort(client);
    const localPort = (only(server) as GuardedConnection).port!;
    const from = { localAddress: "127.0.0.2", localPort };
    const intruder = connectFrom({ host: "127.0.0.1", port, ...from });
    await once(intruder, "connect");
    assertEquals([intruder.localAddress, intruder.localPort], ["127.0.0.2", localPort]);
    intruder.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    const [answer] = await once(intruder, "data");
    intruder.destroy();
    assertEquals(String(answer).split("\r\n")[0], "HTTP/1.1 421 Misdirected Request");
    assertEquals(only(server).requests, 1);
  },
  { ignore: Deno.build.os !== "linux" }, // elsewhere a machine has but one of these addresses
);

ioTest("a guard forgets where a connection comes from when that ends", async () => {
  using behind = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const guard = new Guard("127.0.0.1:0", {}, {
    tls: false,
    killOnDisconnect: false,
    reusePort: false,
    log: null,
  });
  const address = await guard.start(behind.addr.port);
  using client = await RawClient.connect(address as Deno.NetAddr);
  await client.send("G");
  using conn = await behind.accept();
  await eventually(() => guard.connectionOf(conn) === guard.connections[0]);
  client.close();
  await conn.closeWrite();
  await eventually(() => guard.connections.length === 0);
  assertEquals([guard.connectionOf(conn), guard.connections], [undefined, []]);
  guard.stopAccepting();
  await guard.finish(0);
});

ioTest("HttpServer.connections shows what each connection is about", async () => {
  const go = new Event();
  const before = Date.now();
  await using server = await serve(async () => {
    await go.wait();
    return "answer";
  }, GUARDED);
  assertEquals(server.connections, []);
  using client = await connect(server.address);
  using raw = new RawClient(client);
  await eventually(() => server.connections!.length === 1);
  const connection = only(server);
  assertEquals(connection.remoteAddr, client.localAddr);
  assert(connection.since.getTime() >= before && connection.since.getTime() <= Date.now());
  const { state, requests, active, bytesIn, bytesOut } = connection;
  assertEquals([state, requests, active, bytesIn, bytesOut], ["head", 0, 0, 0, 0]);
  const request = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
  await raw.send(request);
  await eventually(() => connection.state === "request");
  assertEquals([connection.requests, connection.active], [1, 1]);
  assertEquals(connection.bytesIn, request.length);
  go.set();
  await raw.body(await raw.head());
  await eventually(() => connection.state === "idle");
  assertEquals([connection.requests, connection.active], [1, 0]);
  assert(connection.bytesOut > 0);
  await raw.send("GET ");
  await eventually(() => connection.state === "head");
  connection.close();
  connection.close();
  assertEquals(connection.state, "closing");
  await raw.rest();
  await eventually(() => server.connections!.length === 0);
  await using unguarded = await serve(() => "");
  assertEquals(unguarded.connections, undefined);
});

ioTest("HttpConnection.close() ends a request with its client", async () => {
  using reports = collectReports();
  const watched = watchApp();
  await using server = await serve(watched.app, { ...GUARDED, killOnDisconnect: true });
  using client = await RawClient.connect(server.address);
  await client.request("GET /");
  await eventually(() => server.pool.size === 1);
  only(server).close();
  await eventually(() => server.pool.size === 0);
  assertInstanceOf(watched.error, GreenletExit);
  assertEquals(reports.list, []);
});

ioTest("killOnDisconnect with a guard kills a request whose client leaves", async () => {
  using reports = collectReports();
  for (
    const leave of [
      (client: RawClient): void => client.close(),
      (client: RawClient): Promise<void> => client.socket.shutdown("write"),
    ]
  ) {
    const watched = watchApp();
    await using server = await serve(watched.app, { ...GUARDED, killOnDisconnect: true });
    using client = await RawClient.connect(server.address);
    await client.request("GET /");
    await eventually(() => server.pool.size === 1);
    await leave(client);
    await eventually(() => server.pool.size === 0);
    assertInstanceOf(watched.error, GreenletExit);
  }
  assertEquals(reports.list, []);
});

ioTest("a guard ends a stream whose client leaves", async () => {
  let ended = 0;
  await using server = await serve(async function* () {
    try {
      for (;;) {
        yield "tick\n";
        await sleep(1);
      }
    } finally {
      ended++;
    }
  }, GUARDED);
  using client = await RawClient.connect(server.address);
  await client.request("GET /");
  await client.head();
  client.close();
  await eventually(() => ended === 1 && server.connections!.length === 0);
});

ioTest("a guard lets an answer arrive that comes before the request is complete", async () => {
  await using server = await serve(() => new Response("no", { status: 403 }), {
    ...GUARDED,
    maxBodySize: null,
  });
  using client = await RawClient.connect(server.address);
  const length = MORE_THAN_FITS;
  await client.request("POST /", { "content-length": String(length) });
  const sending = spawn(() => client.send(new Uint8Array(length)).catch(() => {}));
  const head = await client.head();
  assertEquals([head.status, await client.body(head)], [403, "no"]);
  client.close();
  await sending.join();
});

ioTest("a guard does not wait inside the patches of the runtime", async () => {
  using _patches = patchAll();
  await using server = await serve(() => "ok", GUARDED);
  using client = await RawClient.connect(server.address);
  await client.request("GET /");
  assertEquals(await client.body(await client.head()), "ok");
  await eventually(() => only(server).state === "idle"); // it reads at both ends
  assertEquals(describeBlocked().filter((line) => line.includes("Deno.")), []);
});

ioTest("a guard leaves nothing behind when its greenlets are killed", async () => {
  using reports = collectReports();
  const server = await serve(() => sleep(60_000), GUARDED);
  await assertLeaksNoFile(async () => {
    const clients: RawClient[] = [];
    for (const more of ["", "GET", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"]) {
      const client = await RawClient.connect(server.address);
      await client.send(more);
      clients.push(client);
    }
    const isBusy = ({ bytesIn }: HttpConnection): boolean => bytesIn > 0;
    await eventually(() => server.connections!.filter(isBusy).length === 2);
    await eventually(() => server.connections!.length === 3 && server.pool.size === 1);
    await killAll(greenletsOfConnections(server));
    for (const client of clients) {
      assertEquals(await client.rest(), "");
      client.close();
    }
    assertEquals(server.connections, []);
    for (const greenlet of server.pool) await greenlet.kill();
  });
  await server.stop();
  assertEquals(reports.list, []);
});

/** Those that were started by whoever accepts the connections. */
function greenletsOfConnections(server: HttpServer): Greenlet[] {
  const name = `acceptor of 127.0.0.1:${server.port}`;
  const trees = [GreenletTree.current()];
  for (let tree = trees.pop(); tree !== undefined; tree = trees.pop()) {
    if (tree.greenlet.name === name) return tree.children.map(({ greenlet }) => greenlet);
    trees.push(...tree.children);
  }
  throw new Error(`There is no ${name}`);
}

ioTest(
  "HttpServer.stop() with a guard lets running requests finish, and closes idle ones",
  async () => {
    const go = new Event();
    const server = await serve(async (request) => {
      if (request.url.endsWith("/slow")) await go.wait();
      return "done";
    }, GUARDED);
    using silent = await RawClient.connect(server.address);
    using half = await RawClient.connect(server.address);
    await half.send("GET / HTTP/1.1\r\nHo");
    using idle = await RawClient.connect(server.address);
    await idle.request("GET /");
    await idle.body(await idle.head());
    using slow = await RawClient.connect(server.address);
    await slow.request("GET /slow");
    await eventually(() => server.pool.size === 1);
    const stopping = spawn(() => server.stop({ timeout: 60_000 }));
    for (const client of [silent, half, idle]) assertEquals(await client.rest(), "");
    await assertRejects(() => connect(server.address), Deno.errors.ConnectionRefused);
    assert(stopping.started);
    go.set();
    const head = await slow.head();
    assertEquals([head.status, await slow.body(head)], [200, "done"]);
    assertEquals(await slow.rest(), "");
    await stopping.get();
    assertEquals(server.connections, []);
  },
);

ioTest("HttpServer.stop() with a guard kills slow requests, and answers 503", async () => {
  using reports = collectReports();
  const server = await serve(() => sleep(60_000), GUARDED);
  using client = await RawClient.connect(server.address);
  await client.request("GET /");
  await eventually(() => server.pool.size === 1);
  await server.stop({ timeout: 1 });
  const head = await client.head();
  assertEquals([head.status, await client.body(head)], [503, "Service Unavailable"]);
  assertEquals(await client.rest(), "");
  assertEquals(reports.list, []);
});

ioTest("HttpServer.stop() with a guard cuts off a client that takes nothing", async () => {
  await assertLeaksNoFile(async () => {
    const server = await serve(() => new Uint8Array(MORE_THAN_FITS), GUARDED);
    using client = await RawClient.connect(server.address);
    await client.request("GET /");
    await client.head();
    await server.stop({ timeout: 1 });
    assertEquals(server.connections, []);
    assert((await client.rest()).length < MORE_THAN_FITS);
  });
});

ioTest(
  "HttpServer.stop() with a guard ends an endless body that no greenlet produces",
  async () => {
    const body = new EndlessBody();
    const server = await serve(() => new Response(body.stream), GUARDED);
    using client = await RawClient.connect(server.address);
    await client.request("GET /");
    await client.head();
    await server.stop({ timeout: 1 });
    await eventually(() => body.cancelled);
  },
);

ioTest("HttpServer.start() with a guard names the address when the port is taken", async () => {
  await using first = await serve(() => "", GUARDED);
  await assertLeaksNoFile(async () => {
    const second = new HttpServer(first.address, () => "", { ...GUARDED, log: null });
    const error = await assertRejects(() => second.start(), Deno.errors.AddrInUse);
    assertEquals(error.message.split(`127.0.0.1:${first.port}`).length, 2, error.message);
  });
});

Deno.test("clientKeyOf() takes a network of IPv6 for one client", () => {
  const keyOf = (hostname: string): string | undefined =>
    clientKeyOf({ transport: "tcp", hostname, port: 1 });
  assertEquals(keyOf("192.0.2.1"), "192.0.2.1");
  assertEquals(keyOf("::ffff:192.0.2.1"), "192.0.2.1");
  assertEquals(keyOf("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2");
  assertEquals(keyOf("2001:db8:1:2::6"), "2001:db8:1:2");
  assertEquals(keyOf("2001:db8::6"), "2001:db8:0:0");
  assertEquals(keyOf("2001:db8::1:2:3:4:5"), "2001:db8:0:1");
  assertEquals(keyOf("::1"), "0:0:0:0");
  assertEquals(keyOf("::"), "0:0:0:0");
  assertEquals(keyOf("fe80::"), "fe80:0:0:0");
  assertEquals(clientKeyOf({ transport: "unix", path: "/tmp/x" }), undefined);
});
