import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import type { ChildProgram } from "../helpers/child_program.ts";
import { runExample, startExample } from "../helpers/example.ts";
import { bytes, readAll, text, write } from "../helpers/sockets.ts";
import { exists, withFolder } from "../helpers/unix_sockets.ts";

function programTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, timeout: 60_000, fn });
}

/** The port that an example says it is at. */
async function portOf(example: ChildProgram): Promise<number> {
  const [, port] = await example.printed(/(?:[Pp]ort |127\.0\.0\.1:)(\d+)\b.*Ctrl-C/);
  return Number(port);
}

/** A server for examples: what it answers is said by `answer`. */
function serveHttp(answer: (request: Request) => Response): { port: number } & AsyncDisposable {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  return { port: server.addr.port, [Symbol.asyncDispose]: () => server.shutdown() };
}

/** Says something and returns what comes until the end. */
async function ask(port: number, question: string): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const writing = write(conn, question).then(() => conn.closeWrite());
  const answer = text(await readAll(conn));
  await writing;
  return answer;
}

for (
  const file of [
    "port_forwarder.ts",
    "unix_socket_server.ts",
    "unix_socket_client.ts",
    "send_file.ts",
    "concurrent_download.ts",
  ]
) {
  programTest(`${file} says how it is used`, async () => {
    const { code, stdout, stderr } = await runExample(file);
    assertEquals([code, stdout], [2, ""]);
    assertMatch(stderr, new RegExp(`^Usage: ${file} [A-Z]+.*\n$`));
  });
}

programTest("echo.ts sends back what it gets, and stops at Ctrl-C", async () => {
  await using echo = startExample("echo.ts", "0");
  const port = await portOf(echo);
  assertEquals(await ask(port, "hello"), "hello");
  echo.kill();
  const { stderr } = await echo.end();
  assertEquals(stderr, "");
  await assertRejects(() => ask(port, "hello"), Deno.errors.ConnectionRefused);
});

programTest("port_forwarder.ts forwards both directions and their ends", async () => {
  await using echo = startExample("echo.ts", "0");
  await using forwarder = startExample("port_forwarder.ts", "0", `127.0.0.1:${await portOf(echo)}`);
  const port = await portOf(forwarder);
  const data = "0123456789".repeat(50_000);
  const answers = await Promise.all([1, 2, 3].map((n) => ask(port, `${n}${data}`)));
  assertEquals(answers, [1, 2, 3].map((n) => `${n}${data}`));
  await forwarder.printed(/(closed\n[^]*){3}/);
});

programTest("port_forwarder.ts lets an open connection finish when it is stopped", async () => {
  await using echo = startExample("echo.ts", "0");
  await using forwarder = startExample("port_forwarder.ts", "0", `127.0.0.1:${await portOf(echo)}`);
  const port = await portOf(forwarder);
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await forwarder.printed(/connected/);
  forwarder.kill();
  while (
    await Deno.connect({ hostname: "127.0.0.1", port }).then(
      (late) => (late.close(), true),
      () => false,
    )
  );
  await write(conn, "still there?");
  await conn.closeWrite();
  assertEquals(text(await readAll(conn)), "still there?");
  const { stderr } = await forwarder.end();
  assertEquals(stderr, "");
});

programTest("port_forwarder.ts closes the connection when the destination refuses", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await using forwarder = startExample("port_forwarder.ts", "0", `127.0.0.1:${port}`);
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: await portOf(forwarder) });
  assertEquals(await conn.read(new Uint8Array(1)), null);
  await forwarder.printed(/failed: .*refused/);
});

programTest(
  "unix_socket_server.ts shouts at unix_socket_client.ts, also after a crash",
  async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/shout.sock`;
      for (const signal of ["SIGKILL", "SIGINT"] as const) {
        await using server = startExample("unix_socket_server.ts", path);
        await server.printed(/Shouting/);
        assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
        const { code, stdout, stderr } = await runExample(
          "unix_socket_client.ts",
          path,
          "hello",
          "world",
        );
        assertEquals([code, stdout, stderr], [0, "HELLO\nWORLD\n", ""]);
        server.kill(signal);
        await server.end();
        assertEquals(await exists(path), signal === "SIGKILL");
      }
    });
  },
);

programTest("send_file.ts sends the whole file to several clients", async () => {
  await withFolder(async (folder) => {
    const content = "0123456789".repeat(100_000);
    await Deno.writeTextFile(`${folder}/file`, content);
    await using server = startExample("send_file.ts", `${folder}/file`, "0");
    const port = await portOf(server);
    const answers = await Promise.all([1, 2, 3].map(() => ask(port, "")));
    for (const answer of answers) assertEquals(answer === content, true);
    await server.printed(/(got 1000000 bytes in \d+ ms\n[^]*){3}/);
  });
});

programTest("concurrent_download.ts downloads what it can", async () => {
  await using web = serveHttp(({ url }) => {
    return new Response("x".repeat(Number(new URL(url).pathname.slice(1))));
  });
  const base = `http://127.0.0.1:${web.port}`;
  const sizes = [1000, 2000, 3000, 4000];
  const { code, stdout, stderr } = await runExample(
    "concurrent_download.ts",
    ...sizes.map((size) => `${base}/${size}`),
    "http://127.0.0.1:1/",
  );
  assertEquals([code, stderr], [0, ""]);
  const lines = stdout.trim().split("\n");
  assertEquals(lines.length, 10);
  for (const line of lines.slice(0, 3)) assertStringIncludes(line, "Starting");
  for (const size of sizes) assert(lines.includes(`${base}/${size}: ${size} bytes`), stdout);
  assert(lines.some((line) => line.startsWith("http://127.0.0.1:1/: ")), stdout);
});

programTest("web_proxy.ts passes requests on, and makes tunnels", async () => {
  await using web = serveHttp((request) => {
    const names = [...request.headers.keys()].filter((name) => name.startsWith("proxy"));
    return Response.json({ url: request.url, names, method: request.method });
  });
  await using proxy = startExample("web_proxy.ts", "0");
  const port = await portOf(proxy);
  using client = Deno.createHttpClient({ proxy: { url: `http://127.0.0.1:${port}` } });
  const url = `http://127.0.0.1:${web.port}/path?query`;
  for (const method of ["GET", "POST"]) {
    const response = await fetch(url, { client, method });
    assertEquals(await response.json(), { url, names: [], method });
  }
  // A tunnel is what is asked for with HTTPS; what is inside is nobody's business.
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await write(conn, `CONNECT 127.0.0.1:${web.port} HTTP/1.1\r\nHost: x\r\n\r\n`);
  const buffer = new Uint8Array(1000);
  const answer = text(buffer.subarray(0, await conn.read(buffer) ?? 0));
  assertEquals(answer, "HTTP/1.1 200 Connected\r\n\r\n");
  await write(conn, `GET / HTTP/1.1\r\nHost: tunnel\r\nConnection: close\r\n\r\n`);
  assertStringIncludes(text(await readAll(conn)), '"url":"http://tunnel/"');
  await proxy.printed(/CONNECT 127\.0\.0\.1:\d+ passed on/);
});

programTest(
  "web_proxy.ts says 502 when there is nobody, and for what it does not know",
  async () => {
    await using proxy = startExample("web_proxy.ts", "0");
    const port = await portOf(proxy);
    const refused = [
      "GET http://127.0.0.1:1/",
      "CONNECT 127.0.0.1:1",
      "GET ftp://x/",
      "GET /x",
      "?",
    ];
    for (const start of refused) {
      assertMatch(await ask(port, `${start} HTTP/1.1\r\n\r\n`), /^HTTP\/1\.1 502 Bad Gateway\r\n/);
    }
    assertEquals(await ask(port, "GET http://127.0.0.1/ HTTP/1.1\r\n"), ""); // no end of the head
    assertEquals(bytes(await ask(port, `${"x".repeat(70_000)}\r\n\r\n`)).length, 0);
    await proxy.printed(/broke off: The line is longer/);
  },
);
