import { assert, assertEquals, assertMatch } from "@std/assert";
import { sleep } from "../../core/sleep.ts";
import { type AccessLogEntry, formatAccessLog } from "../../http/access_log.ts";
import type { HttpApp } from "../../http/app.ts";
import { HttpError } from "../../http/errors.ts";
import { HttpServer } from "../../http/server.ts";
import { RawClient, serve } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { collectReports, collectStderr } from "../helpers/reports.ts";
import { runScript } from "../helpers/script.ts";
import { withFolder } from "../helpers/unix_sockets.ts";

const ENTRY: AccessLogEntry = {
  address: "127.0.0.1",
  time: new Date(2012, 6, 2, 3, 4, 5),
  requestLine: "GET / HTTP/1.1",
  status: 200,
  length: 28,
  ms: 0.1104,
};

Deno.test("formatAccessLog() writes a line as gevent does", () => {
  assertEquals(
    formatAccessLog(ENTRY),
    '127.0.0.1 - - [2012-07-02 03:04:05] "GET / HTTP/1.1" 200 28 0.000110',
  );
});

Deno.test("formatAccessLog() writes a dash for an unknown length, and 0 for none", () => {
  assertMatch(formatAccessLog({ ...ENTRY, length: undefined }), / 200 - 0\.000110$/);
  assertMatch(formatAccessLog({ ...ENTRY, length: 0 }), / 200 0 0\.000110$/);
});

Deno.test("formatAccessLog() writes seconds with six digits", () => {
  assertMatch(formatAccessLog({ ...ENTRY, ms: 0 }), / 0\.000000$/);
  assertMatch(formatAccessLog({ ...ENTRY, ms: 12_345.6789 }), / 12\.345679$/);
});

Deno.test("formatAccessLog() escapes what could forge a line", () => {
  const requestLine = 'GET /"\\\r\n\0\x1b[31m\x7f é HTTP/1.1';
  const line = formatAccessLog({ ...ENTRY, requestLine });
  assert(line.includes('"GET /\\"\\\\\\x0d\\x0a\\x00\\x1b[31m\\x7f é HTTP/1.1"'), line);
  assertEquals(line.split("\n").length, 1);
});

/** Has an app answer one request, and returns what was logged about it. */
async function logOf(
  app: HttpApp,
  path = "/",
  init: RequestInit = {},
): Promise<[string, AccessLogEntry]> {
  const logged: [string, AccessLogEntry][] = [];
  await using server = await serve(app, { log: (...args) => void logged.push(args) });
  const response = await fetch(new URL(path, server.url), init);
  await response.text().catch(() => {});
  await eventually(() => logged.length > 0);
  await server.stop();
  assertEquals(logged.length, 1);
  return logged[0]!;
}

ioTest("HttpServer logs a line and an entry for each request", async () => {
  const before = Date.now();
  const [line, entry] = await logOf(() => "grüße", "/path?query=1", { method: "POST", body: "x" });
  assertEquals(line, formatAccessLog(entry));
  assertMatch(
    line,
    /^127\.0\.0\.1 - - \[\d{4}(-\d\d){2} \d\d(:\d\d){2}\] "POST \/path\?query=1 HTTP\/1\.1" 200 7 0\.\d{6}$/,
  );
  assert(entry.time.getTime() >= before && entry.ms >= 0);
  const { address, requestLine, status, length } = entry;
  assertEquals([address, requestLine, status, length], [
    "127.0.0.1",
    "POST /path?query=1 HTTP/1.1",
    200,
    7,
  ]);
});

ioTest("HttpServer logs the length of what it can tell it of", async () => {
  const lengthOf = async (app: HttpApp): Promise<number | undefined> =>
    (await logOf(app))[1].length;
  assertEquals(await lengthOf(() => new Uint8Array(5)), 5);
  assertEquals(await lengthOf(() => ({ a: "ü" })), 10);
  assertEquals(await lengthOf(() => null), 0);
  assertEquals(await lengthOf(() => new Response(null, { status: 304 })), 0);
  assertEquals(
    await lengthOf(() => new Response("four", { headers: { "content-length": "4" } })),
    4,
  );
  assertEquals(await lengthOf(() => new Response("unknown")), undefined);
  assertEquals(await lengthOf(() => ["abc", "ü"].values()), 5);
});

ioTest("HttpServer logs a streamed body when all of it is on its way", async () => {
  const [, entry] = await logOf(async function* () {
    yield "START";
    await sleep(5);
    yield "END";
  });
  assertEquals([entry.status, entry.length], [200, 8]);
  assert(entry.ms >= 4);
});

ioTest("HttpServer logs what a failed request was answered with", async () => {
  using _ = collectReports();
  const failed = await logOf(() => {
    throw new Error("broken");
  });
  assertEquals([failed[1].status, failed[1].length], [500, 21]);
  const refused = await logOf(() => {
    throw new HttpError(404, "none");
  });
  assertEquals([refused[1].status, refused[1].length], [404, 4]);
  const cut = await logOf(async function* () {
    yield "some";
    await sleep(1);
    throw new Error("broken");
  });
  assertEquals([cut[1].status, cut[1].length], [200, 4]);
});

ioTest("HttpServer logs a request that was killed", async () => {
  const entries: AccessLogEntry[] = [];
  const server = await serve(() => sleep(60_000), { log: (_, entry) => void entries.push(entry) });
  const answering = fetch(server.url);
  await eventually(() => server.pool.size === 1);
  await server.stop({ timeout: 0 });
  assertEquals(await (await answering).text(), "Service Unavailable");
  assertEquals(entries.map(({ status }) => status), [503]);
});

ioTest("HttpServer logs what the client has sent, escaped", async () => {
  const lines: string[] = [];
  await using server = await serve(() => "ok", { log: (line) => void lines.push(line) });
  using client = await RawClient.connect(server.address);
  await client.request('GET /"x\\y');
  await client.body(await client.head());
  await eventually(() => lines.length === 1);
  assert(lines[0]!.includes('"GET /\\"x\\\\y HTTP/1.1"'), lines[0]);
});

ioTest("HttpServer logs a dash as the address of a client of a unix socket", async () => {
  await withFolder(async (folder) => {
    const lines: string[] = [];
    const log = (line: string): void => void lines.push(line);
    await using server = new HttpServer({ path: `${folder}/socket` }, () => "ok", { log });
    await server.start();
    using client = await RawClient.connect(server.address);
    await client.request("GET /");
    await client.body(await client.head());
    await eventually(() => lines.length === 1);
    assertMatch(lines[0]!, /^- - - \[.*\] "GET \/ HTTP\/1\.1" 200 2 /);
  });
});

ioTest("HttpServer logs to stderr by default, and nowhere with null", async () => {
  using stderr = collectStderr();
  for (const [options, count] of [[{}, 1], [{ log: null }, 0]] as const) {
    const server = new HttpServer("127.0.0.1:0", () => "ok", options);
    await server.start();
    assertEquals(await (await fetch(server.url)).text(), "ok");
    await server.stop();
    assertEquals(stderr.list.splice(0).length, count);
  }
});

ioTest("HttpServer writes lines together, in order, and soon", async () => {
  using stderr = collectStderr();
  const server = new HttpServer("127.0.0.1:0", () => "ok");
  await server.start();
  using client = await RawClient.connect(server.address);
  const paths = Array.from({ length: 50 }, (_, n) => `/${n}`);
  for (const path of paths) await client.request(`GET ${path}`);
  for (let n = 0; n < paths.length; n++) await client.body(await client.head());
  const lines = (): string[] => stderr.list.flatMap((text) => text.split("\n"));
  await eventually(() => lines().length === paths.length);
  assertEquals(lines().map((line) => /GET (\S+)/.exec(line)![1]), paths);
  assert(stderr.list.length < paths.length);
  await server.stop();
});

ioTest("HttpServer writes what is left when it is stopped", async () => {
  using stderr = collectStderr();
  const server = new HttpServer("127.0.0.1:0", async () => {
    await server.stop();
    return "ok";
  });
  await server.start();
  await (await fetch(server.url)).text();
  await server.stop();
  assertEquals(stderr.list.length, 1);
});

for (
  const [name, end] of [
    ["ends by itself", "await server.stop();"],
    ["calls Deno.exit()", "Deno.exit(0);"],
    ["dies of an error", "setTimeout(() => { throw new Error('fatal'); });"],
    ["dies of a rejection", "Promise.reject(new Error('fatal'));"],
  ]
) {
  ioTest(`HttpServer loses no line when the process ${name}`, async () => {
    const { stderr } = await runScript(`
      import { sleep } from "@/core/mod.ts";
      import { HttpServer } from "@/http/mod.ts";
      const server = new HttpServer("127.0.0.1:0", () => "ok");
      await server.start();
      for (let n = 0; n < 20; n++) await server.fetch(new Request("http://localhost/" + n));
      await sleep();
      ${end}
    `);
    const paths = [...stderr.matchAll(/"GET (\S+) HTTP/g)].map((match) => match[1]);
    assertEquals(paths, Array.from({ length: 20 }, (_, n) => `/${n}`));
  });
}

ioTest("HttpServer answers, and reports the error, when the log function fails", async () => {
  using reports = collectReports();
  const error = new Error("disk full");
  await using server = await serve(() => "ok", {
    log: () => {
      throw error;
    },
  });
  for (let i = 1; i <= 2; i++) {
    assertEquals(await (await fetch(server.url)).text(), "ok");
    await eventually(() => reports.list.length === i);
  }
  assertEquals(reports.list.map(({ error }) => error), [error, error]);
  assertEquals(server.pool.size, 0);
});
