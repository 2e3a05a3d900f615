import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import httpStreaming from "../../examples/tutorial/http_streaming.ts";
import longPolling, { producer } from "../../examples/tutorial/long_polling.ts";
import queueAsBody from "../../examples/tutorial/queue_as_body.ts";
import requestLocals from "../../examples/tutorial/request_locals.ts";
import slowStream from "../../examples/tutorial/slow_stream.ts";
import { type Address, getHub, type HttpServer, joinAll, sleep, spawn } from "../../mod.ts";
import { runFast } from "../helpers/fast_clock.ts";
import { findProgram } from "../helpers/find_program.ts";
import { RawClient } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { printed } from "../helpers/printed.ts";

const hasBench = findProgram("ab") !== undefined;
if (!hasBench) console.warn("A test of http_streaming is ignored: there is no ab (apache2-utils)");

/** Registers a test with the server of an example, whose access log is returned by `printed`. */
function serverTest(
  name: string,
  make: (address: Address) => HttpServer,
  fn: (server: HttpServer) => Promise<void>,
  options: { ignore?: boolean } = {},
): void {
  ioTest(name, async () => {
    await printed(async () => {
      await using server = make("127.0.0.1:0");
      await server.start();
      await fn(server);
    });
  }, options);
}

serverTest(
  "request_locals: each request has a client of its own",
  requestLocals,
  async (server) => {
    const response = await fetch(server.url);
    assertEquals(response.headers.get("content-type"), "text/html");
    assertEquals(await response.text(), "Hello 127.0.0.1");
    await using other = requestLocals("[::1]:0");
    await other.start();
    const [four, six] = await Promise.all([server, other].map(async ({ url }) => {
      return await (await fetch(url)).text();
    }));
    assertEquals([four, six], ["Hello 127.0.0.1", "Hello ::1"]);
  },
);

serverTest(
  "http_streaming: sends the pieces of the page as chunks",
  httpStreaming,
  async (server) => {
    using client = await RawClient.connect(server.address);
    await client.request("GET /", { connection: "close" });
    const { status, headers } = await client.head();
    assertEquals(status, 200);
    assertEquals(headers.get("content-type"), "text/html");
    assertEquals(headers.get("transfer-encoding"), "chunked");
    assertEquals(headers.has("content-length"), false);
    assertEquals(await client.rest(), "8\r\n<p>Hello\r\n9\r\nWorld</p>\r\n0\r\n\r\n");
  },
);

serverTest("http_streaming: sends a page as a whole", httpStreaming, async (server) => {
  const response = await fetch(new URL("/buffered", server.url));
  assertEquals(response.headers.get("content-type"), "text/html");
  assertEquals(response.headers.get("content-length"), "18");
  assertEquals(await response.text(), "<p>Hello World</p>");
});

for (const path of ["/", "/buffered"]) {
  serverTest(`http_streaming: stands ab at ${path}`, httpStreaming, async (server) => {
    const { stdout, success } = await new Deno.Command("ab", {
      args: ["-q", "-n", "1000", "-c", "100", new URL(path, server.url).href],
    }).output();
    const report = new TextDecoder().decode(stdout);
    assert(success, report);
    assertStringIncludes(report, "Complete requests:      1000\n");
    assertStringIncludes(report, "Failed requests:        0\n");
    assertStringIncludes(
      report,
      `HTML transferred:       ${1000 * (path === "/" ? 17 : 18)} bytes`,
    );
  }, { ignore: !hasBench });
}

ioTest(
  "long_polling: gives what comes as soon as it comes, and goes on without",
  () =>
    runFast(async () => {
      await printed(async () => {
        await using server = longPolling("127.0.0.1:0");
        await server.start();
        const { clock } = getHub();
        using client = await RawClient.connect(server.address);
        await client.request("GET /");
        await sleep(11_000); // longer than two timeouts of 5 s
        const started = clock.now();
        const source = spawn(producer);
        const { status, headers } = await client.head(); // comes with the first piece
        assertEquals([status, headers.get("content-type")], [200, "application/json"]);
        for (let i = 0; i < 4; i++) assertEquals(await client.chunk(), '"Hello World"\n');
        assert(clock.now() - started >= 3000);
        await source.kill();
        client.close();
        // The client's leaving is noticed when something is sent.
        const another = spawn(producer);
        await eventually(() => server.pool.size === 0);
        await another.kill();
      });
    }),
);

ioTest(
  "slow_stream: serves many clients at the same time, each of them piece by piece",
  () =>
    runFast(async () => {
      await printed(async () => {
        await using server = slowStream("127.0.0.1:0");
        await server.start();
        const { clock } = getHub();
        const started = clock.now();
        let most = 0;
        const clients = Array.from({ length: 50 }, () =>
          spawn(async () => {
            using client = await RawClient.connect(server.address);
            await client.request("GET /stream");
            await client.head();
            most = Math.max(most, server.pool.size);
            const chunks = [];
            for (let i = 0; i < 4; i++) chunks.push(await client.chunk());
            assertEquals(chunks, ["START", "MIDDLE", "END", ""]);
          }));
        await joinAll(clients, { raiseError: true });
        assert(clock.now() - started >= 8000);
        assert(most > 1, "They were served one after the other");
      });
    }, 10),
);

serverTest("slow_stream: has nothing else", slowStream, async (server) => {
  const response = await fetch(server.url);
  assertEquals([response.status, await response.text()], [404, "Not Found"]);
});

for (const path of ["/fetch", "/callbacks"]) {
  serverTest(
    `queue_as_body: ${path} sends what the worker reports`,
    queueAsBody,
    async (server) => {
      using client = await RawClient.connect(server.address);
      await client.request(`GET ${path}`);
      assertEquals((await client.head()).headers.get("transfer-encoding"), "chunked");
      const chunks = [];
      for (let i = 0; i < 4; i++) chunks.push(await client.chunk());
      assertEquals(chunks, ["one ", "two ", "three", ""]);
    },
  );
}
