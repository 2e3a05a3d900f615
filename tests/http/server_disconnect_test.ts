import { assert, assertEquals, assertFalse, assertInstanceOf } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { sleep } from "../../core/sleep.ts";
import { Event } from "../../sync/event.ts";
import { RawClient, serve, watchApp } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { collectReports } from "../helpers/reports.ts";

// The runtime prints a warning, once, when it is asked to watch for clients that leave.

ioTest("killOnDisconnect kills the greenlet of a request whose client leaves", async () => {
  using reports = collectReports();
  const watched = watchApp();
  await using server = await serve(watched.app, { killOnDisconnect: true });
  using client = await RawClient.connect(server.address);
  await client.request("GET /");
  await eventually(() => server.pool.size === 1);
  client.close();
  await eventually(() => server.pool.size === 0);
  assertInstanceOf(watched.error, GreenletExit);
  assertEquals(reports.list, []);
});

ioTest("killOnDisconnect leaves requests alone that are answered", async () => {
  await using server = await serve(async function (request) {
    await sleep(1);
    if (request.url.endsWith("/text")) return "done";
    if (request.url.endsWith("/body")) return await request.text();
    return (async function* () {
      for (let i = 0; i < 3; i++) {
        yield `${i}`;
        await sleep(2);
      }
    })();
  }, { killOnDisconnect: true });
  for (let round = 0; round < 3; round++) {
    assertEquals(await (await fetch(new URL("/text", server.url))).text(), "done");
    const echoed = await fetch(new URL("/body", server.url), { method: "POST", body: "sent" });
    assertEquals(await echoed.text(), "sent");
    assertEquals(await (await fetch(new URL("/stream", server.url))).text(), "012");
  }
});

ioTest(
  "killOnDisconnect never runs a request whose client left while it waited",
  async () => {
    const go = new Event();
    const seen: string[] = [];
    const refused: string[] = [];
    await using server = await serve(async (request) => {
      seen.push(new URL(request.url).pathname);
      await go.wait();
      return "done";
    }, {
      killOnDisconnect: true,
      spawn: 1,
      log: (_, { status, requestLine }) => void (status === 503 && refused.push(requestLine)),
    });
    const clients: RawClient[] = [];
    for (const path of ["/first", "/leaves", "/last"]) {
      const client = await RawClient.connect(server.address);
      await client.request(`GET ${path}`);
      clients.push(client);
      await eventually(() => seen.length === 1);
    }
    clients[1]!.close();
    await eventually(() => refused.length === 1);
    go.set();
    for (const client of [clients[0]!, clients[2]!]) {
      assertEquals(await client.body(await client.head()), "done");
      client.close();
    }
    assertEquals(seen, ["/first", "/last"]);
    assertEquals(refused, ["GET /leaves HTTP/1.1"]);
  },
);

ioTest("HttpServer lets a request finish whose client leaves, by default", async () => {
  using reports = collectReports();
  const go = new Event();
  let finished = false;
  await using server = await serve(async () => {
    await go.wait();
    finished = true;
    return "for nobody";
  });
  using client = await RawClient.connect(server.address);
  await client.request("GET /");
  await eventually(() => server.pool.size === 1);
  client.close();
  await sleep(5);
  assertFalse(finished);
  go.set();
  await eventually(() => server.pool.size === 0);
  assert(finished);
  assertEquals(reports.list, []);
});
