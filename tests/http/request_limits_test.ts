import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { Timeout } from "../../core/timeout.ts";
import type { AccessLogEntry } from "../../http/access_log.ts";
import type { HttpApp } from "../../http/app.ts";
import { HttpError } from "../../http/errors.ts";
import { readBytes, readJson, readText } from "../../http/request_body.ts";
import { HttpServer, type HttpServerOptions } from "../../http/server.ts";
import { RawClient, serve, watchApp } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { collectReports } from "../helpers/reports.ts";

const CHUNKED = { "transfer-encoding": "chunked" };

/** Ways of reading a body, as text. */
const READERS: readonly [string, (request: Request) => Promise<string>][] = [
  ["text()", (request) => request.text()],
  ["json()", async (request) => JSON.stringify(await request.json())],
  ["bytes()", async (request) => String.fromCharCode(...await request.bytes())],
  ["arrayBuffer()", async (request) => decode(await request.arrayBuffer())],
  ["blob()", async (request) => await (await request.blob()).text()],
  ["clone().text()", (request) => request.clone().text()],
  ["body", async (request) => {
    let text = "";
    for await (const chunk of request.body!) text += decode(chunk);
    return text;
  }],
  ["a request made of it", (request) => new Request(request).text()],
  ["a Response made of it", (request) => new Response(request.body).text()],
  ["readText()", (request) => readText(request)],
  ["readBytes()", async (request) => decode(await readBytes(request))],
  ["readJson()", async (request) => JSON.stringify(await readJson(request))],
];

function decode(bytes: AllowSharedBufferSource): string {
  return new TextDecoder().decode(bytes);
}

/** Sends one request, and gives the status and the body of what comes. */
async function ask(
  server: HttpServer,
  line: string,
  headers: Record<string, string> = {},
  body = "",
): Promise<[number, string]> {
  using client = await RawClient.connect(server.address);
  await client.request(line, headers, body);
  const head = await client.head();
  return [head.status, line.startsWith("HEAD") ? "" : await client.body(head)];
}

/** A server that counts what gets to its app. */
async function counting(
  options: HttpServerOptions,
  app: HttpApp = () => "ok",
): Promise<[HttpServer, () => number]> {
  let count = 0;
  const server = await serve((...args) => {
    count++;
    return app(...args);
  }, options);
  return [server, () => count];
}

ioTest("maxUrlLength answers 414 to a path that is longer, with its query", async () => {
  const [server, seen] = await counting({ maxUrlLength: 10 });
  await using _ = server;
  for (const path of ["/123456789", "/1234?6789", "/"]) {
    assertEquals(await ask(server, `GET ${path}`), [200, "ok"], path);
  }
  for (const path of ["/1234567890", "/?234567890", "//34567890a"]) {
    assertEquals(await ask(server, `GET ${path}`), [414, "URI Too Long"], path);
  }
  assertEquals(await ask(server, "HEAD /1234567890"), [414, ""]);
  assertEquals(seen(), 3);
});

ioTest("maxUrlLength is 8192 by default, and null takes it away", async () => {
  const longest = `/${"x".repeat(8191)}`;
  await using server = await serve(() => "ok");
  assertEquals(await ask(server, `GET ${longest}`), [200, "ok"]);
  assertEquals(await ask(server, `GET ${longest}y`), [414, "URI Too Long"]);
  await using unlimited = await serve(() => "ok", { maxUrlLength: null });
  assertEquals(await ask(unlimited, `GET ${longest}y`), [200, "ok"]);
});

ioTest("maxHeaders and maxHeaderSize answer 431", async () => {
  const [few, seen] = await counting({ maxHeaders: 3 });
  await using _ = few;
  const right = { a: "1", b: "2" };
  assertEquals(await ask(few, "GET /", right), [200, "ok"]);
  assertEquals(await ask(few, "GET /", { ...right, c: "3" }), [
    431,
    "Request Header Fields Too Large",
  ]);
  assertEquals(seen(), 1);
  // `host: localhost` and `x: ` with their line ends have 17 and 5 bytes.
  await using small = await serve(() => "ok", { maxHeaderSize: 100 });
  assertEquals((await ask(small, "GET /", { x: "y".repeat(78) }))[0], 200);
  assertEquals((await ask(small, "GET /", { x: "y".repeat(79) }))[0], 431);
});

ioTest("HttpServer answers 400 to more headers than the runtime takes", async () => {
  await using server = await serve(() => "ok");
  using client = await RawClient.connect(server.address);
  const headers = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`x${i}`, "1"]));
  await client.request("GET /", headers);
  assertEquals((await client.head()).status, 400);
});

ioTest("maxBodySize answers 413 to a declared length before the app sees it", async () => {
  const [server, seen] = await counting({ maxBodySize: 5 }, (request) => request.text());
  await using _ = server;
  assertEquals(await ask(server, "POST /", { "content-length": "5" }, "12345"), [200, "12345"]);
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "X"]) {
    const answer = await ask(server, `${method} /`, { "content-length": "6" });
    assertEquals(answer, [413, "Content Too Large"], method);
  }
  assertEquals(seen(), 1);
});

ioTest("maxBodySize answers at once to a client that asks before it sends", async () => {
  await using server = await serve((request) => request.text(), { maxBodySize: 5 });
  using client = await RawClient.connect(server.address);
  await client.request("POST /", { "content-length": "6", "expect": "100-continue" });
  let head = await client.head();
  if (head.status === 100) head = await client.head(); // the runtime says so without being asked
  assertEquals(head.status, 413);
});

for (const [name, read] of READERS) {
  ioTest(`maxBodySize counts a body without a declared length, read by ${name}`, async () => {
    using reports = collectReports();
    await using server = await serve(read, { maxBodySize: 5 });
    const right = await ask(server, "POST /", CHUNKED, "3\r\n123\r\n2\r\n45\r\n0\r\n\r\n");
    assertEquals(right, [200, "12345"]);
    const wrong = await ask(server, "POST /", CHUNKED, "3\r\n123\r\n3\r\n456\r\n0\r\n\r\n");
    assertEquals(wrong, [413, "The body is longer than 5 bytes"]);
    assertEquals(reports.list, []);
  });

  ioTest(`HttpServer gives the app a body with a declared length, read by ${name}`, async () => {
    await using server = await serve(read);
    assertEquals(await ask(server, "POST /", { "content-length": "5" }, "12345"), [200, "12345"]);
  });

  ioTest(`bodyTimeout answers 408 to a body that dribbles in, read by ${name}`, async () => {
    if (name === "a request made of it") return; // only counted, see below
    using reports = collectReports();
    await using server = await serve(read, { bodyTimeout: 20 });
    for (const headers of [{ "content-length": "5" }, CHUNKED]) {
      using client = await RawClient.connect(server.address);
      await client.request("POST /", headers, headers === CHUNKED ? "1\r\n1\r\n" : "1");
      const head = await client.head();
      assertEquals(
        [head.status, await client.body(head)],
        [408, "The body did not come in time"],
      );
    }
    assertEquals(reports.list, []);
  });

  ioTest(`HttpServer ends a request that is killed while it reads by ${name}`, async () => {
    if (name === "a request made of it") return;
    using reports = collectReports();
    let begun = false;
    const watched = watchApp((request) => {
      begun = true;
      return read(request);
    });
    await using server = await serve(watched.app);
    for (const headers of [{ "content-length": "5" }, CHUNKED]) {
      using client = await RawClient.connect(server.address);
      begun = false;
      await client.request("POST /", headers);
      await eventually(() => begun);
      for (const greenlet of server.pool) await greenlet.kill();
      assertEquals((await client.head()).status, 503);
      assertInstanceOf(watched.error, GreenletExit);
    }
    assertEquals(reports.list, []);
  });
}

ioTest("bodyTimeout counts from when the body is wanted, for all of it", async () => {
  for (const headers of [{ "content-length": "100000" }, CHUNKED]) {
    let wanted = false;
    await using server = await serve(async (request) => {
      await eventually(() => wanted);
      const error = await request.text().catch((error) => error);
      return `${error.status}`;
    }, { bodyTimeout: 100 });
    using client = await RawClient.connect(server.address);
    await client.request("POST /", headers);
    await new Promise((resolve) => setTimeout(resolve, 150));
    wanted = true;
    const begun = performance.now();
    const piece = headers === CHUNKED ? "1\r\nx\r\n" : "x";
    const dribble = setInterval(() => void client.send(piece).catch(() => {}), 10);
    const head = await client.head();
    clearInterval(dribble);
    assertEquals(await client.body(head), "408");
    assert(performance.now() - begun >= 90);
  }
});

ioTest("HttpServer leaves a request alone whose body is not read", async () => {
  await using server = await serve((request) => `${request.body !== null} ${request.bodyUsed}`);
  for (const headers of [{ "content-length": "5" }, CHUNKED]) {
    assertEquals(await ask(server, "POST /", headers), [200, "true false"]);
  }
});

ioTest("HttpServer lets a body be looked at and be read in another way", async () => {
  await using server = await serve(async (request) => {
    if (request.body === null) return "none";
    return await request.text();
  });
  assertEquals(await ask(server, "POST /", { "content-length": "2" }, "ab"), [200, "ab"]);
  assertEquals(await ask(server, "POST /", CHUNKED, "2\r\nab\r\n0\r\n\r\n"), [200, "ab"]);
});

ioTest(
  "HttpServer gives the app the request as it was sent, with a body that it counts",
  async () => {
    await using server = await serve(async (request) => ({
      url: request.url,
      method: request.method,
      type: request.headers.get("content-type"),
      isRequest: request instanceof Request,
      text: await request.text(),
    }));
    for (
      const [headers, body] of [[{ "content-length": "1" }, "x"], [CHUNKED, "1\r\nx\r\n0\r\n\r\n"]]
    ) {
      const [, text] = await ask(
        server,
        "POST /a/../b?c",
        { ...headers as Record<string, string>, "content-type": "text/x" },
        body as string,
      );
      assertEquals(JSON.parse(text), {
        url: "http://localhost/a/../b?c",
        method: "POST",
        type: "text/x",
        isRequest: true,
        text: "x",
      });
    }
  },
);

ioTest("readBytes() takes the server's limit, and a lower one of its own", async () => {
  const two = 2 * 1024 * 1024;
  await using server = await serve(
    async (request) => `${(await readBytes(request)).length}`,
    { maxBodySize: two },
  );
  const response = await fetch(server.url, { method: "POST", body: new Uint8Array(two) });
  assertEquals(await response.text(), String(two));
  await using lower = await serve(async (request) => await readText(request, { limit: 2 }));
  assertEquals((await ask(lower, "POST /", { "content-length": "3" }, "abc"))[0], 413);
  await using unlimited = await serve(
    async (request) => `${(await readBytes(request)).length}`,
    { maxBodySize: null },
  );
  const long = await fetch(unlimited.url, { method: "POST", body: new Uint8Array(two) });
  assertEquals([long.status, (await long.text()).length > 0], [413, true]);
});

ioTest("HttpServer answers 400 to an error of the client's while its body is read", async () => {
  using reports = collectReports();
  for (const [name, read] of READERS) {
    const outcomes: unknown[] = [];
    await using server = await serve(async (request) => {
      try {
        return await read(request);
      } catch (error) {
        outcomes.push(error);
        throw error;
      }
    });
    for (const headers of [{ "content-length": "5" }, CHUNKED]) {
      if (name === "a request made of it" && headers !== CHUNKED) continue;
      using client = await RawClient.connect(server.address);
      await client.request("POST /", headers, headers === CHUNKED ? "1\r\n1\r\n" : "1");
      await eventually(() => server.pool.size === 1);
      client.close();
      await eventually(() => server.pool.size === 0);
      const error = outcomes.pop();
      assertInstanceOf(error, HttpError, name);
      assertEquals(error.status, 400, name);
    }
  }
  assertEquals(reports.list, []);
});

ioTest("HttpServer does not take an error of the app's for one of the client's", async () => {
  using reports = collectReports();
  await using server = await serve(async (request) => {
    if (request.url.endsWith("/json")) return await request.json();
    return await request.text() + await request.text();
  });
  for (const [path, type] of [["/json", SyntaxError], ["/twice", TypeError]] as const) {
    for (
      const [headers, body] of [[{ "content-length": "1" }, "{"], [CHUNKED, "1\r\n{\r\n0\r\n\r\n"]]
    ) {
      const answer = await ask(
        server,
        `POST ${path}`,
        headers as Record<string, string>,
        body as string,
      );
      assertEquals(answer, [500, "Internal Server Error"]);
      assertInstanceOf(reports.list.pop()!.error, type);
    }
  }
});

ioTest("HttpServer answers 400 to a host that is none", async () => {
  const [server, seen] = await counting({}, (request) => new URL(request.url).pathname);
  await using _ = server;
  const wrong = [
    "evil/admin?",
    "evil/admin#",
    "evil?",
    "evil#",
    "evil\\admin",
    "user@evil",
    "a b",
    "[",
    "[::1",
    "a<b>",
    "a%zz",
    "host:port",
    "host:99999",
    "a,b",
    "a\tb",
  ];
  for (const host of wrong) {
    for (const path of ["/", "/x", "/x/y"]) {
      const [status] = await ask(server, `GET ${path}`, { host });
      if (host === "a,b") assertEquals(status, 200); // odd, but one host
      else assertEquals(status, 400, `${host} ${path}`);
    }
  }
  for (const target of ["http://user@host/", "ftp://host/x", "javascript://host/x"]) {
    assertEquals((await ask(server, `GET ${target}`))[0], 400, target);
  }
  const right = [
    "a",
    "a.b-c.example",
    "localhost:8000",
    "127.0.0.1",
    "[::1]",
    "[::1]:80",
    "",
    "a:",
  ];
  for (const host of [...right, ...right]) {
    for (const path of ["/", "/x", "/x/y", "/x?y/z"]) {
      const answer = await ask(server, `GET ${path}`, { host });
      assertEquals(answer, [200, path.split("?")[0]!], `${host} ${path}`);
    }
  }
  assertEquals(seen(), 3 + 2 * right.length * 4);
});

ioTest("HttpServer finds a wrong host after a right one on the same connection", async () => {
  await using server = await serve((request) => new URL(request.url).pathname);
  using client = await RawClient.connect(server.address);
  for (
    const [host, status] of [["good", 200], ["good/x?", 400], ["good", 200], [
      "goody",
      200,
    ]] as const
  ) {
    await client.request("GET /y", { host });
    const head = await client.head();
    assertEquals(head.status, status, host);
    await client.body(head);
  }
});

ioTest("HttpServer answers requests without a host", async () => {
  await using server = await serve((request) => new URL(request.url).pathname);
  for (const path of ["/", "/x/y"]) {
    using client = await RawClient.connect(server.address);
    await client.send(`GET ${path} HTTP/1.0\r\n\r\n`);
    const head = await client.head();
    assertEquals([head.status, await client.body(head)], [200, path]);
  }
});

ioTest("HttpServer never takes a part of one request for another", async () => {
  const paths: string[] = [];
  await using server = await serve(async (request) => {
    paths.push(new URL(request.url).pathname);
    if (request.url.endsWith("/read")) await request.text();
  });
  const smuggled = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
  for (
    const request of [
      `POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: ${smuggled.length}\r\n\r\n${smuggled}`,
      `POST /ignore HTTP/1.1\r\nhost: a\r\ncontent-length: ${smuggled.length}\r\n\r\n${smuggled}`,
      `GET /ignore HTTP/1.1\r\nhost: a\r\ncontent-length: ${smuggled.length}\r\n\r\n${smuggled}`,
      `HEAD /ignore HTTP/1.1\r\nhost: a\r\ncontent-length: ${smuggled.length}\r\n\r\n${smuggled}`,
      `POST /read HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: y\r\n\r\n`,
      `POST /read HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n${smuggled}`,
      `POST /read HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nGET /smuggled\r\n\r\n`,
    ]
  ) {
    using client = await RawClient.connect(server.address);
    await client.send(`${request}GET /last HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
    const reading = client.rest().catch(() => "");
    await eventually(async () => paths.includes("/last") || await isDone(reading));
    client.close();
    await reading;
    paths.splice(paths.indexOf("/last"), 1);
  }
  await eventually(() => server.pool.size === 0);
  assertEquals(paths.filter((path) => path === "/smuggled"), []);
});

async function isDone(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  return await Promise.race([promise, Promise.resolve(pending)]) !== pending;
}

ioTest("HttpServer keeps names with underscores apart from those with dashes", async () => {
  await using server = await serve(({ headers }) => [
    headers.get("x-real-ip"),
    headers.get("x_real_ip"),
    headers.has("x-other"),
  ]);
  const forged = { "X_Real_IP": "forged", "X-Real-IP": "true", "x_other": "1" };
  const [, text] = await ask(server, "GET /", forged);
  assertEquals(JSON.parse(text), ["true", "forged", false]);
});

ioTest("dropUnderscores keeps headers with underscores in their names from the app", async () => {
  await using server = await serve(async (request) => {
    await request.text();
    const { headers } = request;
    return [headers.get("x-real-ip"), headers === request.headers, [...headers.keys()].sort()];
  }, { dropUnderscores: true });
  await using copying = await serve((request) => {
    const copies = [request.clone(), request.clone().clone(), new Request(request.url, request)];
    return copies.map(({ headers }) => [...headers.keys()].sort());
  }, { dropUnderscores: true });
  const forged = { "X_Real_IP": "forged", "X-Real-IP": "true", "_": "1", "x_other": "1" };
  for (
    const [line, headers, body, known] of [
      ["GET /", {}, "", []],
      ["POST /", { "content-length": "1" }, "x", ["content-length"]],
      ["POST /", CHUNKED, "1\r\nx\r\n0\r\n\r\n", ["transfer-encoding"]],
      ["POST /", {}, "", []],
    ] as [string, Record<string, string>, string, string[]][]
  ) {
    const names = ["host", "x-real-ip", ...known].sort();
    const [, text] = await ask(server, line, { ...forged, ...headers }, body);
    assertEquals(JSON.parse(text), ["true", true, names]);
    const [, copies] = await ask(copying, line, { ...forged, ...headers }, body);
    assertEquals(JSON.parse(copies), [names, names, names]);
  }
});

ioTest("HttpServer cannot be made to send a head that somebody else has written", async () => {
  using reports = collectReports();
  const attempts: (() => Response)[] = [];
  for (const forged of ["a\r\nx: y", "a\nx: y", "a\rx: y", "a\0", "a\r\n\r\n<html>"]) {
    attempts.push(
      () => new Response("", { headers: { x: forged } }),
      () => new Response("", { headers: { [forged]: "x" } }),
      () => new Response("", { statusText: forged }),
      () => {
        const response = new Response("");
        response.headers.set("location", forged);
        return response;
      },
    );
  }
  for (const attempt of attempts) {
    await using server = await serve(attempt);
    assertEquals(await ask(server, "GET /"), [500, "Internal Server Error"]);
    assertInstanceOf(reports.list.pop()!.error, TypeError);
  }
});

ioTest("HttpServer sends no body where there must be none", async () => {
  await using server = await serve((request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/204") return new Response(null, { status: 204, headers: { x: "1" } });
    if (pathname === "/304") return new Response(null, { status: 304, headers: { etag: '"x"' } });
    return new Response("text");
  });
  using client = await RawClient.connect(server.address);
  for (
    const [line, status, length] of [
      ["GET /204", 204, null],
      ["GET /304", 304, null],
      ["HEAD /", 200, "4"],
      ["HEAD /304", 304, null],
      ["GET /", 200, "4"],
    ] as const
  ) {
    await client.request(line);
    const head = await client.head();
    assertEquals([head.status, head.headers.get("content-length")], [status, length], line);
    assertEquals(head.headers.get("transfer-encoding"), null, line);
    if (line === "GET /") assertEquals(await client.body(head), "text");
  }
});

ioTest("HttpServer logs requests that it does not let the app see", async () => {
  const entries: AccessLogEntry[] = [];
  await using server = await serve(() => "ok", {
    maxUrlLength: 5,
    log: (_, entry) => void entries.push(entry),
  });
  await ask(server, "GET /toolong");
  await eventually(() => entries.length === 1);
  const { requestLine, status, length } = entries[0]!;
  assertEquals([requestLine, status, length], ["GET /toolong HTTP/1.1", 414, 12]);
});

Deno.test("HttpServer refuses limits that make no sense", () => {
  for (
    const name of [
      "maxUrlLength",
      "maxHeaders",
      "maxHeaderSize",
      "maxBodySize",
      "bodyTimeout",
      "handlerTimeout",
    ]
  ) {
    for (const value of [-1, NaN, "5", {}]) {
      const options = { [name]: value } as HttpServerOptions;
      assertThrows(() => new HttpServer(0, () => "", options), RangeError, `'${name}'`);
    }
    for (const value of [0, null, undefined, Infinity]) {
      new HttpServer(0, () => "", { [name]: value } as HttpServerOptions);
    }
  }
});

ioTest("a Timeout of the app's own ends its wait for a body", async () => {
  await using server = await serve(async (request) => {
    try {
      using _ = Timeout.start(1);
      return await request.text();
    } catch (error) {
      return (error as Error).name;
    }
  });
  assertEquals(await ask(server, "POST /", { "content-length": "5" }), [200, "Timeout"]);
  assertEquals(await ask(server, "POST /", CHUNKED), [200, "Timeout"]);
});
