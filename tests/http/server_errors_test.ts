import { assert, assertEquals, assertFalse, assertInstanceOf, assertThrows } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { Timeout } from "../../core/timeout.ts";
import type { HttpErrorHandler } from "../../http/app.ts";
import type { HttpResult } from "../../http/body.ts";
import { HttpError } from "../../http/errors.ts";
import { HttpServer } from "../../http/server.ts";
import { Event } from "../../sync/event.ts";
import { Queue } from "../../sync/queue.ts";
import { RawClient, serve } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { collectReports } from "../helpers/reports.ts";

async function answerOf(server: HttpServer, path = "/"): Promise<[number, string]> {
  const response = await fetch(new URL(path, server.url));
  return [response.status, await response.text()];
}

ioTest("onError makes the answer to an error, which then counts as dealt with", async () => {
  using reports = collectReports();
  const seen: [unknown, string][] = [];
  const errors = [new Error("broken"), new HttpError(404, "none"), "a string", new Timeout(5)];
  for (const error of errors) {
    for (const isAsync of [false, true]) {
      const response = (): Response => new Response("sorry", { status: 418 });
      await using server = await serve(() => {
        throw error;
      }, {
        onError: (error, request) => {
          seen.push([error, new URL(request.url).pathname]);
          return isAsync ? sleep(1).then(response) : response();
        },
      });
      assertEquals(await answerOf(server, "/path"), [418, "sorry"]);
      assertEquals(seen.pop(), [error, "/path"]);
    }
  }
  assertEquals(reports.list, []);
});

ioTest("onError leaves an error alone when it returns undefined", async () => {
  using reports = collectReports();
  const error = new Error("broken");
  for (
    const [thrown, answer] of [
      [error, [500, "Internal Server Error"]],
      [new HttpError(404, "none"), [404, "none"]],
    ] as const
  ) {
    await using server = await serve(() => Promise.reject(thrown), { onError: () => undefined });
    assertEquals(await answerOf(server), [...answer]);
  }
  assertEquals(reports.list.map(({ error }) => error), [error]);
});

ioTest("onError that fails is answered with 500, and both errors are reported", async () => {
  using reports = collectReports();
  const [first, second] = [new Error("first"), new Error("second")];
  const handlers: HttpErrorHandler[] = [
    () => {
      throw second;
    },
    () => Promise.reject(second),
    () => "text" as unknown as Response,
  ];
  for (const onError of handlers) {
    await using server = await serve(() => {
      throw first;
    }, { onError });
    assertEquals(await answerOf(server), [500, "Internal Server Error"]);
    const [one, two] = reports.list.splice(0);
    assertEquals(one!.error, first);
    if (onError === handlers[2]) assertInstanceOf(two!.error, TypeError);
    else assertEquals(two!.error, second);
  }
});

ioTest("onError is asked about the head of a stream, and not about its body", async () => {
  using reports = collectReports();
  const error = new Error("broken");
  let asked = 0;
  await using server = await serve(async function* (request) {
    if (request.url.endsWith("/late")) yield "some";
    await sleep(1);
    throw error;
  }, {
    onError: () => {
      asked++;
      return new Response("sorry", { status: 503 });
    },
  });
  assertEquals(await answerOf(server), [503, "sorry"]);
  using client = await RawClient.connect(server.address);
  await client.request("GET /late");
  assertEquals((await client.head()).status, 200);
  await client.rest();
  await eventually(() => server.pool.size === 0);
  assertEquals([asked, reports.list.map(({ error }) => error)], [1, [error]]);
});

ioTest("onError is not asked about kills, nor about what does not get to the app", async () => {
  let asked = 0;
  await using server = await serve(() => sleep(60_000), {
    onError: () => {
      asked++;
      return new Response("sorry");
    },
    maxUrlLength: 5,
  });
  assertEquals((await answerOf(server, "/toolong"))[0], 414);
  const answering = answerOf(server);
  await eventually(() => server.pool.size === 1);
  for (const greenlet of server.pool) await greenlet.kill();
  assertEquals(await answering, [503, "Service Unavailable"]);
  assertEquals(asked, 0);
});

Deno.test("HttpServer refuses an onError that is no function", () => {
  const onError = "onError" as unknown as HttpErrorHandler;
  assertThrows(() => new HttpServer(0, () => "", { onError }), TypeError, "'onError'");
});

/** Bodies that fail before they have said anything. */
const FAILING: readonly [string, (error: unknown) => HttpResult][] = [
  ["a generator", function* (error): Generator<string> {
    yield "";
    throw error;
  }],
  ["an async generator", async function* (error): AsyncGenerator<string> {
    yield "";
    await sleep(1);
    throw error;
  }],
  ["a stream", (error) => new ReadableStream<Uint8Array>({ pull: () => Promise.reject(error) })],
  ["an iterable without an iterator", (error) => ({
    [Symbol.iterator](): Iterator<string> {
      throw error;
    },
  })],
];

for (const [name, body] of FAILING) {
  ioTest(`HttpServer answers with an error when ${name} fails before its first piece`, async () => {
    using reports = collectReports();
    const error = new Error("broken");
    await using server = await serve((request) =>
      body(request.url.endsWith("/own") ? new HttpError(404, "none") : error)
    );
    assertEquals(await answerOf(server), [500, "Internal Server Error"]);
    assertEquals(reports.list.map(({ error }) => error), [error]);
    assertEquals(await answerOf(server, "/own"), [404, "none"]);
    assertEquals(reports.list.length, 1);
  });
}

ioTest("HttpServer answers 500 when the first piece of a body cannot be sent", async () => {
  using reports = collectReports();
  await using server = await serve(() => [5].values() as unknown as HttpResult);
  assertEquals(await answerOf(server), [500, "Internal Server Error"]);
  assertInstanceOf(reports.list[0]!.error, TypeError);
});

ioTest("HttpServer sends the head of a stream with its first piece", async () => {
  const queue = new Queue<string>();
  await using server = await serve(() => queue);
  using client = await RawClient.connect(server.address);
  await client.request("GET /");
  const reading = client.head();
  await sleep(5);
  assertEquals(server.pool.size, 1);
  await queue.put("first");
  assertEquals((await reading).status, 200);
  assertEquals(await client.chunk(), "first");
  queue.shutdown();
  assertEquals(await client.chunk(), "");
});

ioTest("HttpServer answers with an empty body for a stream without a piece", async () => {
  await using server = await serve(() => [].values());
  assertEquals(await answerOf(server), [200, ""]);
});

ioTest("HttpServer answers 503 when a stream is killed before its first piece", async () => {
  let ended = false;
  await using server = await serve(async function* () {
    try {
      await sleep(60_000);
      yield "never";
    } finally {
      ended = true;
    }
  });
  const answering = answerOf(server);
  await eventually(() => server.pool.size === 1);
  for (const greenlet of server.pool) await greenlet.kill();
  assertEquals(await answering, [503, "Service Unavailable"]);
  assert(ended);
});

ioTest(
  "handlerTimeout raises a Timeout in a request that takes too long, and answers 503",
  async () => {
    using reports = collectReports();
    const outcomes: unknown[] = [];
    await using server = await serve(async () => {
      try {
        await sleep(60_000);
      } catch (error) {
        outcomes.push(error);
        throw error;
      }
    }, { handlerTimeout: 5 });
    assertEquals(await answerOf(server), [503, "Service Unavailable"]);
    assertInstanceOf(outcomes[0], Timeout);
    assertEquals(outcomes[0].message, "5 ms: the server's handlerTimeout");
    assertEquals(reports.list.map(({ error }) => error), outcomes);
  },
);

ioTest("handlerTimeout lets a request answer for itself", async () => {
  using reports = collectReports();
  await using server = await serve(async () => {
    try {
      return await sleep(60_000);
    } catch (error) {
      assertInstanceOf(error, Timeout);
      await sleep(1);
      return "partial";
    }
  }, { handlerTimeout: 5 });
  assertEquals(await answerOf(server), [200, "partial"]);
  await using other = await serve(() => sleep(60_000), {
    handlerTimeout: 5,
    onError: (error) => new Response((error as Error).name, { status: 504 }),
  });
  assertEquals(await answerOf(other), [504, "Timeout"]);
  assertEquals(reports.list, []);
});

ioTest("handlerTimeout answers 503 in place of a request that cannot be interrupted", async () => {
  using reports = collectReports();
  const results: readonly HttpResult[] = [
    "late",
    new Response(new ReadableStream({ cancel: () => void (cancelled = true) })),
    ["late"].values(),
  ];
  let cancelled = false;
  for (const result of results) {
    const go = Promise.withResolvers<void>();
    await using server = await serve(async () => {
      await go.promise;
      return result;
    }, { handlerTimeout: 5 });
    assertEquals(await answerOf(server), [503, "Service Unavailable"]);
    assertEquals(server.pool.size, 1);
    go.resolve();
    await eventually(() => server.pool.size === 0);
  }
  assert(cancelled);
  assertEquals(reports.list, []);
}, { ignore: hub.awaits !== null }); // any await can be interrupted then

ioTest("handlerTimeout leaves alone what is answered in time, streams included", async () => {
  using reports = collectReports();
  const go = new Event();
  await using server = await serve((request) => {
    if (request.url.endsWith("/quick")) return "quick";
    return (async function* () {
      yield "first ";
      await go.wait();
      yield "second";
    })();
  }, { handlerTimeout: 20 });
  assertEquals(await answerOf(server, "/quick"), [200, "quick"]);
  const streaming = answerOf(server, "/stream");
  await sleep(60);
  go.set();
  assertEquals(await streaming, [200, "first second"]);
  assertEquals(reports.list, []);
});

ioTest("handlerTimeout does not end the clean-up of a request", async () => {
  using _ = collectReports();
  let cleaned = false;
  await using server = await serve(async () => {
    try {
      await sleep(60_000);
    } finally {
      await sleep(20);
      cleaned = true;
    }
  }, { handlerTimeout: 5 });
  assertEquals((await answerOf(server))[0], 503);
  assert(cleaned);
});

ioTest("HttpServer.stop() in a handler does not wait for that", async () => {
  using reports = collectReports();
  for (const guard of [false, true]) {
    const server = await serve(async () => {
      await server.stop({ timeout: null });
      assert(server.closed);
      await server.stop();
      return "bye";
    }, { guard });
    assertEquals(await answerOf(server), [200, "bye"]);
    await server.stop();
    assertFalse(server.started);
    assertEquals(server.pool.size, 0);
  }
  assertEquals(reports.list, []);
});

ioTest("HttpServer.stop() in a handler kills it when it does not end", async () => {
  let outcome: unknown;
  const server = await serve(async () => {
    await server.stop({ timeout: 1 });
    try {
      await sleep(60_000);
    } catch (error) {
      outcome = error;
      throw error;
    }
  });
  assertEquals(await answerOf(server), [503, "Service Unavailable"]);
  await server.stop();
  assertInstanceOf(outcome, GreenletExit);
});

ioTest("HttpServer.setApp() changes who answers, and leaves running requests alone", async () => {
  const go = new Event();
  const old = async (): Promise<string> => {
    await go.wait();
    return "old";
  };
  await using server = await serve(old);
  assertEquals(server.app, old);
  const first = answerOf(server);
  await eventually(() => server.pool.size === 1);
  const next = (): string => "new";
  server.setApp(next);
  assertEquals(server.app, next);
  assertEquals(await answerOf(server), [200, "new"]);
  go.set();
  assertEquals(await first, [200, "old"]);
  assertThrows(() => server.setApp("app" as unknown as () => string), TypeError, "'app'");
});

ioTest("HttpServer.fetch() answers without a network", async () => {
  const server = new HttpServer(0, async (request, { remoteAddr }) => {
    if (request.method === "POST") return await request.text();
    return "hostname" in remoteAddr ? remoteAddr.hostname : "?";
  }, { log: null, maxBodySize: 5, maxUrlLength: 5 });
  const { fetch } = server;
  assertEquals(await (await fetch(new Request("http://localhost/"))).text(), "localhost");
  const remoteAddr = { transport: "tcp", hostname: "192.0.2.1", port: 1 } as const;
  const told = await fetch(new Request("http://localhost/"), { remoteAddr });
  assertEquals(await told.text(), "192.0.2.1");
  const post = (body: BodyInit, path = "/"): Promise<Response> =>
    fetch(new Request(`http://localhost${path}`, { method: "POST", body }));
  assertEquals(await (await post("12345")).text(), "12345");
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1)),
    cancel: () => void (cancelled = true),
  });
  assertEquals([(await post(endless)).status, cancelled], [413, true]);
  assertEquals((await post("", "/toolong")).status, 414);
  await server.stop();
  assertEquals((await fetch(new Request("http://localhost/"))).status, 503);
});
