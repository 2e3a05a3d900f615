import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { streamSSE } from "hono/streaming";
import { Application, Router } from "oak";
import { sleep } from "../../core/sleep.ts";
import { getCurrent } from "../../core/spawn.ts";
import { withTimeout } from "../../core/timeout.ts";
import type { HttpInfo } from "../../http/app.ts";
import { HttpError } from "../../http/errors.ts";
import { HttpServer } from "../../http/server.ts";
import type { HttpServerOptions } from "../../http/server.ts";
import { serve } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { collectReports } from "../helpers/reports.ts";

const CHUNKED_LIMIT = 1000;

/** An app of Hono, in which nothing knows of greenlets but what waits. */
function honoApp(): Hono<{ Bindings: HttpInfo }> {
  const app = new Hono<{ Bindings: HttpInfo }>();
  app.use(async (context, next) => {
    await next();
    context.header("x-greenlet", getCurrent().constructor.name);
  });
  app.get("/hello/:name", (context) => context.text(`Hello, ${context.req.param("name")}!`));
  app.get("/from", (context) => context.text((context.env.remoteAddr as Deno.NetAddr).hostname));
  app.post("/json", async (context) => context.json(await context.req.json()));
  app.post("/form", async (context) => context.json(await context.req.parseBody()));
  app.get("/slow", async (context) => {
    const done = await withTimeout(5, () => sleep(60_000), { timeoutValue: "timed out" });
    return context.text(String(done));
  });
  app.get("/wait", async (context) => {
    await sleep(60_000);
    return context.text("never");
  });
  app.get("/refused", () => {
    throw new HTTPException(403, { message: "Not you" });
  });
  app.get("/events", (context) =>
    streamSSE(context, async (stream) => {
      for (let n = 0; n < 3; n++) {
        await stream.writeSSE({ id: `${n}`, data: "tick" });
        await sleep(1);
      }
    }));
  app.onError((error, context) => {
    if (error instanceof HTTPException) return error.getResponse();
    if (error instanceof HttpError) return context.text(error.message, error.status as 400);
    throw error;
  });
  return app;
}

// Without types, as those of its npm build do not fit into those of the runtime.
// deno-lint-ignore no-explicit-any
type OakContext = any;

/** The same in oak. */
function oakApp(): (request: Request, info: HttpInfo) => Promise<Response> {
  const app = new Application({ logErrors: false });
  const router = new Router();
  router.get("/hello/:name", (context: OakContext) => {
    context.response.body = `Hello, ${context.params.name}!`;
  });
  router.get("/from", (context: OakContext) => void (context.response.body = context.request.ip));
  router.post("/json", async (context: OakContext) => {
    context.response.body = await context.request.body.json();
  });
  router.get("/slow", async (context: OakContext) => {
    const done = await withTimeout(5, () => sleep(60_000), { timeoutValue: "timed out" });
    context.response.body = String(done);
  });
  router.get("/wait", () => sleep(60_000));
  router.get("/refused", (context: OakContext) => context.throw(403, "Not you"));
  app.use(async (context: OakContext, next: () => Promise<unknown>) => {
    await next();
    context.response.headers.set("x-greenlet", getCurrent().constructor.name);
  });
  app.use(router.routes());
  return async (request, { remoteAddr }) => {
    const response: unknown = await app.handle(
      request as unknown as Parameters<typeof app.handle>[0],
      remoteAddr as Deno.NetAddr,
    );
    return response as Response;
  };
}

const APPS: readonly [
  string,
  () => (request: Request, info: HttpInfo) => Response | Promise<Response>,
][] = [
  ["Hono", () => honoApp().fetch],
  ["oak", oakApp],
];

async function ask(
  server: HttpServer,
  path: string,
  init: RequestInit = {},
): Promise<[number, string]> {
  const response = await fetch(new URL(path, server.url), init);
  if (response.status === 200) assertEquals(response.headers.get("x-greenlet"), "Exchange");
  return [response.status, await response.text()];
}

for (const [name, makeApp] of APPS) {
  for (const [how, options] of [["", {}], [" behind a guard", { guard: true }]] as const) {
    ioTest(`${name} runs under HttpServer as it is${how}`, async () => {
      using reports = collectReports();
      await using server = await serve(makeApp(), options as HttpServerOptions);
      assertEquals(await ask(server, "/hello/gevent"), [200, "Hello, gevent!"]);
      assertEquals(await ask(server, "/from"), [200, "127.0.0.1"]);
      const json = {
        method: "POST",
        body: '{"a":1}',
        headers: { "content-type": "application/json" },
      };
      assertEquals(await ask(server, "/json", json), [200, '{"a":1}']);
      assertEquals(await ask(server, "/slow"), [200, "timed out"]);
      assertEquals((await ask(server, "/refused"))[0], 403);
      assertEquals((await ask(server, "/none"))[0], 404);
      assertEquals(reports.list, []);
    });
  }

  ioTest(`${name} is subject to the limits of HttpServer`, async () => {
    using _ = collectReports();
    await using server = await serve(makeApp(), { maxBodySize: CHUNKED_LIMIT, maxUrlLength: 100 });
    const body = JSON.stringify("x".repeat(CHUNKED_LIMIT));
    const headers = { "content-type": "application/json" };
    const declared = await ask(server, "/json", { method: "POST", body, headers });
    assertEquals(declared[0], 413);
    const stream = new Blob([body]).stream();
    const counted = await ask(server, "/json", { method: "POST", body: stream, headers });
    assertEquals(counted[0], name === "Hono" ? 413 : 400); // oak makes what it likes of an error
    assertEquals((await ask(server, `/${"x".repeat(100)}`))[0], 414);
  });

  ioTest(`a request in ${name} can be killed`, async () => {
    await using server = await serve(makeApp());
    const pool = server.pool;
    const waiting = ask(server, "/wait");
    await eventually(() => pool.size === 1);
    for (const greenlet of pool) await greenlet.kill();
    const [status] = await waiting;
    assert(status >= 500, `${status}`);
  });
}

ioTest("Hono streams events under HttpServer", async () => {
  await using server = await serve(honoApp().fetch);
  const [, text] = await ask(server, "/events");
  assertEquals(text.match(/data: tick/g)?.length, 3);
});

ioTest("Hono reads forms under HttpServer", async () => {
  await using server = await serve(honoApp().fetch);
  const body = new FormData();
  body.set("a", "ü");
  body.set("b", new File(["content"], "name.txt"));
  const [, text] = await ask(server, "/form", { method: "POST", body });
  assertEquals(JSON.parse(text).a, "ü");
});

ioTest("HttpServer sends a Response of another make", async () => {
  class Foreign {
    readonly [Symbol.toStringTag] = "Response";
    readonly body = new Blob(["foreign"]).stream();
    readonly headers = new Map([["x-test", "yes"]]);
    readonly status = 418;
    readonly statusText = "";
  }
  const lengths: (number | undefined)[] = [];
  await using server = await serve(() => new Foreign(), {
    log: (_, { length }) => void lengths.push(length),
  });
  const response = await fetch(server.url);
  assertEquals([response.status, await response.text()], [418, "foreign"]);
  assertEquals(response.headers.get("x-test"), "yes");
  await eventually(() => lengths.length === 1);
  assertEquals(lengths, [undefined]);
  assertInstanceOf(server, HttpServer);
});
