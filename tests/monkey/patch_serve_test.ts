import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { Greenlet } from "../../core/greenlet.ts";
import { local } from "../../core/local.ts";
import { describeBlocked } from "../../core/inspect.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { withTimeout } from "../../core/timeout.ts";
import { Event } from "../../sync/event.ts";
import { patchServe } from "../../monkey/patch_serve.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { assertKillable, assertRefused } from "../helpers/killed.ts";
import { collectReports } from "../helpers/reports.ts";

const OPTIONS = { hostname: "127.0.0.1", port: 0, onListen() {} };

const request = local<{ path?: string }>();

/** Answers with what it knows of its greenlet. */
async function handler(incoming: Request): Promise<Response> {
  request.path = new URL(incoming.url).pathname;
  await sleep(Math.random() * 3);
  return new Response(`${getCurrent().name.replace(/\d+/, "N")} ${request.path}`);
}

async function text(server: Deno.HttpServer<Deno.NetAddr>, path: string): Promise<string> {
  return await (await fetch(`http://127.0.0.1:${server.addr.port}${path}`)).text();
}

const FORMS: Record<string, () => Deno.HttpServer<Deno.NetAddr>> = {
  "options and a handler": () => Deno.serve(OPTIONS, handler),
  "options with a handler": () => Deno.serve({ ...OPTIONS, handler }),
};

for (const [form, serve] of Object.entries(FORMS)) {
  ioTest(`Deno.serve() handles each request in a greenlet when called with ${form}`, async () => {
    using _patch = patchServe();
    await using server = serve();
    const paths = Array.from({ length: 20 }, (_, n) => `/${n}`);
    const answers = await Promise.all(paths.map((path) => text(server, path)));
    assertEquals(answers, paths.map((path) => `Greenlet-N ${path}`));
  });
}

ioTest("Deno.HttpServer.shutdown() is begun also when the wait for it is refused", async () => {
  using _patch = patchServe();
  const server = Deno.serve(OPTIONS, handler);
  await assertRefused(() => server.shutdown());
  await server.finished;
});

ioTest("Deno.serve() begins a request at once when nobody else wants to run", async () => {
  using _patch = patchServe();
  let seen: string[] = [];
  await using server = Deno.serve(OPTIONS, async () => {
    seen = describeBlocked();
    await sleep();
    return new Response("done");
  });
  await text(server, "/");
  assertEquals(seen.map((line) => line.replace(/\d+/, "N")), [
    `<RequestGreenlet "Greenlet-N"> is running`,
  ]);
});

ioTest("Deno.serve() passes the request, the info and errors as ever", async () => {
  using _patch = patchServe();
  using reports = collectReports();
  const errors: unknown[] = [];
  const error = new RangeError("broken");
  await using server = Deno.serve({
    ...OPTIONS,
    onError(given) {
      errors.push(given);
      return new Response("sorry", { status: 500 });
    },
  }, async (request, info) => {
    if (request.url.endsWith("/sync")) throw error;
    await undefined;
    if (request.url.endsWith("/async")) throw error;
    return new Response(`${info.remoteAddr.hostname} ${await request.text()}`);
  });
  assertEquals([await text(server, "/sync"), await text(server, "/async")], ["sorry", "sorry"]);
  assertEquals([errors, reports.list], [[error, error], []]);
  assertEquals(await text(server, "/"), "127.0.0.1 ");
});

ioTest("Deno.serve() answers a request whose greenlet is killed, and goes on", async () => {
  using _patch = patchServe();
  let handling: Greenlet | undefined;
  let cleanedUp = false;
  await using server = Deno.serve(OPTIONS, async (request) => {
    if (request.url.endsWith("/other")) return new Response("fine");
    handling = getCurrent();
    try {
      await sleep(60_000);
    } finally {
      cleanedUp = true;
    }
    return new Response();
  });
  const answer = fetch(`http://127.0.0.1:${server.addr.port}/`);
  await eventually(() => handling !== undefined);
  await handling!.kill();
  const response = await answer;
  assertEquals([response.status, await response.text()], [503, "Service Unavailable"]);
  assertEquals([cleanedUp, await text(server, "/other")], [true, "fine"]);
});

ioTest("Handlers of Deno.serve() can limit what they do in time", async () => {
  using _patch = patchServe();
  await using server = Deno.serve(
    OPTIONS,
    async () =>
      new Response(await withTimeout(5, () => sleep(60_000), { timeoutValue: "late" }) as string),
  );
  assertEquals(await text(server, "/"), "late");
});

ioTest("Waiting for the end of a server can be killed", async () => {
  using _patch = patchServe();
  const server = Deno.serve(OPTIONS, handler);
  await assertKillable("Deno.HttpServer.finished", () => server.finished);
  await spawn(() => server.shutdown()).get();
  await spawn(() => server.finished).get();
  await server.finished;
});

ioTest("Requests are listed with what they wait for", async () => {
  using _patch = patchServe();
  const permission = new Event();
  await using server = Deno.serve(OPTIONS, async () => {
    await permission.wait();
    return new Response("done");
  });
  const answer = text(server, "/");
  await eventually(() => describeBlocked().some((line) => line.includes("waits for Event.wait")));
  permission.set();
  assertEquals(await answer, "done");
});

Deno.test("patchServe() puts an accessor property back", () => {
  const before = Object.getOwnPropertyDescriptor(Deno, "serve");
  assert(before?.get !== undefined);
  const { serve } = Deno;
  const patches = patchServe();
  assert(Deno.serve !== serve);
  assertEquals([Deno.serve.name, Deno.serve.length], [serve.name, serve.length]);
  patches.unpatch();
  assertEquals(Object.getOwnPropertyDescriptor(Deno, "serve"), before);
  assertStrictEquals(Deno.serve, serve);
});
