import { assert, assertEquals, assertMatch } from "@std/assert";
import { serveDir, serveFile } from "@std/http/file-server";
import type { HttpServer, HttpServerOptions } from "../../http/server.ts";
import { RawClient, serve } from "../helpers/http.ts";
import { ioTest } from "../helpers/io_test.ts";
import { assertLeaksNoFile, MORE_THAN_FITS } from "../helpers/sockets.ts";
import { withFolder } from "../helpers/unix_sockets.ts";

const TEXT = "Hello from a file, and good bye\n";

/** A server of a folder with some files in it, and a file beside it that nobody must get. */
async function withFiles(
  options: HttpServerOptions,
  test: (server: HttpServer, folder: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (parent) => {
    const folder = `${parent}/public`;
    await Deno.mkdir(`${folder}/sub`, { recursive: true });
    await Deno.writeTextFile(`${folder}/hello.txt`, TEXT);
    await Deno.writeTextFile(`${folder}/sub/index.html`, "<p>index</p>");
    await Deno.writeFile(`${folder}/large`, new Uint8Array(MORE_THAN_FITS));
    await Deno.writeTextFile(`${parent}/secret.txt`, "secret");
    await using server = await serve(
      (request) => serveDir(request, { fsRoot: folder, showIndex: true, quiet: true }),
      options,
    );
    await test(server, folder);
  });
}

async function get(
  server: HttpServer,
  path: string,
  headers: HeadersInit = {},
  method = "GET",
): Promise<[number, string, Headers]> {
  const response = await fetch(new URL(path, server.url), { method, headers, redirect: "manual" });
  return [response.status, await response.text(), response.headers];
}

for (const [name, options] of [["", {}], [" behind a guard", { guard: true }]] as const) {
  ioTest(
    `HttpServer serves the files of std's serveDir()${name}`,
    () =>
      withFiles(options, async (server) => {
        const [status, text, headers] = await get(server, "/hello.txt");
        assertEquals([status, text], [200, TEXT]);
        assertEquals(headers.get("content-length"), String(TEXT.length));
        assertEquals(headers.get("accept-ranges"), "bytes");
        assertMatch(headers.get("content-type")!, /^text\/plain/);
        assertEquals((await get(server, "/sub/")).slice(0, 2), [200, "<p>index</p>"]);
        assertEquals((await get(server, "/none.txt"))[0], 404);
        const [, large] = await get(server, "/large");
        assertEquals(large.length, MORE_THAN_FITS);
      }),
  );

  ioTest(
    `HttpServer serves ranges of the files of std's serveDir()${name}`,
    () =>
      withFiles(options, async (server) => {
        for (
          const [range, from, to] of [
            ["bytes=0-4", 0, 4],
            ["bytes=6-9", 6, 9],
            ["bytes=19-", 19, TEXT.length - 1],
            ["bytes=-4", TEXT.length - 4, TEXT.length - 1],
            ["bytes=5-1000", 5, TEXT.length - 1],
          ] as const
        ) {
          const [status, text, headers] = await get(server, "/hello.txt", { range });
          assertEquals([status, text], [206, TEXT.slice(from, to + 1)], range);
          assertEquals(headers.get("content-range"), `bytes ${from}-${to}/${TEXT.length}`);
          assertEquals(headers.get("content-length"), String(to - from + 1));
        }
        const [status, , headers] = await get(server, "/hello.txt", { range: "bytes=1000-" });
        assertEquals([status, headers.get("content-range")], [416, `bytes */${TEXT.length}`]);
      }),
  );

  ioTest(
    `HttpServer tells clients of std's serveDir() what they have already${name}`,
    () =>
      withFiles(options, async (server) => {
        const [, , headers] = await get(server, "/hello.txt");
        const etag = headers.get("etag")!;
        const since = headers.get("last-modified")!;
        for (const known of [{ "if-none-match": etag }, { "if-modified-since": since }]) {
          using client = await RawClient.connect(server.address);
          await client.request("GET /hello.txt", known as Record<string, string>);
          const head = await client.head();
          assertEquals([head.status, head.headers.get("etag")], [304, etag]);
          await client.request("GET /hello.txt"); // 304 has no body, so that the connection goes on
          assertEquals(await client.body(await client.head()), TEXT);
        }
        assertEquals((await get(server, "/hello.txt", { "if-none-match": '"other"' }))[0], 200);
      }),
  );

  ioTest(
    `HttpServer sends only the head of a file to a HEAD request${name}`,
    () =>
      withFiles(options, async (server) => {
        using client = await RawClient.connect(server.address);
        for (const path of ["/hello.txt", "/large"]) {
          await client.request(`HEAD ${path}`);
          const { status, headers } = await client.head();
          const size = path === "/large" ? MORE_THAN_FITS : TEXT.length;
          assertEquals([status, headers.get("content-length")], [200, String(size)]);
        }
        await client.request("GET /hello.txt");
        assertEquals(await client.body(await client.head()), TEXT);
      }),
  );

  ioTest(
    `HttpServer lets nobody out of the folder of std's serveDir()${name}`,
    () =>
      withFiles(options, async (server) => {
        for (
          const path of [
            "/../secret.txt",
            "/sub/../../secret.txt",
            "/%2e%2e/secret.txt",
            "/..%2fsecret.txt",
            "/%2e%2e%2fsecret.txt",
            "/..\\secret.txt",
            "/sub/%2e%2e/%2e%2e/secret.txt",
            "//../secret.txt",
            "/./../secret.txt",
            "/%252e%252e/secret.txt",
          ]
        ) {
          using client = await RawClient.connect(server.address);
          await client.request(`GET ${path}`, { connection: "close" });
          const answer = await client.head();
          assert(answer.status >= 300, `${path}: ${answer.status}`);
          assert(!(await client.body(answer)).includes("secret\n"));
        }
      }),
  );

  ioTest(
    `HttpServer closes the file of a client that leaves${name}`,
    () =>
      withFiles(options, async (server) => {
        await assertLeaksNoFile(async () => {
          using client = await RawClient.connect(server.address);
          await client.request("GET /large");
          await client.head();
        });
      }),
  );
}

ioTest(
  "HttpServer serves a single file of std's serveFile()",
  () =>
    withFiles({}, async (_, folder) => {
      await using server = await serve((request) => serveFile(request, `${folder}/hello.txt`));
      const [status, text] = await get(server, "/whatever", { range: "bytes=0-4" });
      assertEquals([status, text], [206, "Hello"]);
    }),
);
