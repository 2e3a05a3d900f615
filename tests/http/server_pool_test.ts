import { assert, assertEquals } from "@std/assert";
import { Pool } from "../../core/pool.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import type { AccessLogEntry } from "../../http/access_log.ts";
import type { HttpServer } from "../../http/server.ts";
import { Event } from "../../sync/event.ts";
import { Semaphore } from "../../sync/semaphore.ts";
import { RawClient, serve, WatchedPool } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { collectReports } from "../helpers/reports.ts";

/** Sends requests one after the other; each has to arrive before the next one is sent. */
async function ask(
  server: HttpServer,
  count: number,
  arrived: (sent: number) => boolean,
): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  while (clients.length < count) {
    const client = await RawClient.connect(server.address);
    await client.request(`GET /${clients.length}`);
    clients.push(client);
    await eventually(() => arrived(clients.length));
  }
  return clients;
}

async function answerOf(client: RawClient): Promise<[number, string]> {
  const head = await client.head();
  return [head.status, await client.body(head)];
}

ioTest("HttpServer lets requests wait for a slot of its pool, and runs them in order", async () => {
  const pool = new WatchedPool(2);
  const go = new Semaphore(0);
  const order: string[] = [];
  let running = 0, most = 0;
  await using server = await serve(async (request) => {
    order.push(new URL(request.url).pathname);
    most = Math.max(most, ++running);
    await go.acquire();
    running--;
  }, { spawn: pool });
  const clients = await ask(server, 6, (sent) => pool.arrived === sent);
  for (let n = 0; n < 6; n++) {
    await eventually(() => order.length === Math.min(n + 2, 6));
    go.release();
  }
  for (const client of clients) {
    assertEquals((await client.head()).status, 204);
    client.close();
  }
  assertEquals(order, ["/0", "/1", "/2", "/3", "/4", "/5"]);
  assertEquals(most, 2);
});

ioTest("HttpServer answers 503 when too many requests wait", async () => {
  const pool = new WatchedPool(1);
  const go = new Event();
  const entries: AccessLogEntry[] = [];
  await using server = await serve(async () => {
    await go.wait();
    return "served";
  }, { spawn: pool, maxWaiting: 2, log: (_line, entry) => void entries.push(entry) });
  const clients = await ask(server, 5, (sent) => pool.arrived + entries.length === sent);
  for (const client of clients.slice(3)) {
    assertEquals(await answerOf(client), [503, "Service Unavailable"]);
  }
  assertEquals(entries.map((entry) => entry.status), [503, 503]);
  go.set();
  for (const client of clients.slice(0, 3)) assertEquals(await answerOf(client), [200, "served"]);
  const [again] = await ask(server, 1, () => true);
  assertEquals(await answerOf(again!), [200, "served"]);
  for (const client of [...clients, again!]) client.close();
});

ioTest("HttpServer lets no request wait when maxWaiting is 0", async () => {
  const go = new Event();
  await using server = await serve(async () => {
    await go.wait();
    return "served";
  }, { spawn: 1, maxWaiting: 0 });
  const [first, second] = await ask(server, 2, () => server.full);
  assertEquals(await answerOf(second!), [503, "Service Unavailable"]);
  go.set();
  assertEquals(await answerOf(first!), [200, "served"]);
  first!.close();
  second!.close();
});

ioTest("HttpServer shares a pool that it is given", async () => {
  const pool = new Pool(1);
  const other = await pool.spawn(sleep, 60_000);
  await using server = await serve(() => "served", { spawn: pool });
  const answering = spawn(async () => await (await fetch(server.url)).text());
  const [client] = await ask(server, 1, () => true);
  assert(server.full && answering.started);
  await other.kill();
  assertEquals(await answering.get(), "served");
  assertEquals(await answerOf(client!), [200, "served"]);
  client!.close();
});

ioTest("HttpServer frees the slot of a request that fails or is killed", async () => {
  using reports = collectReports();
  const pool = new WatchedPool(1);
  await using server = await serve(async (request) => {
    if (request.url.endsWith("/0")) throw new Error("broken");
    if (request.url.endsWith("/1")) await sleep(60_000);
    return "served";
  }, { spawn: pool });
  const clients = await ask(server, 4, (sent) => reports.list.length + pool.arrived === sent);
  assertEquals((await answerOf(clients[0]!))[0], 500);
  for (const greenlet of server.pool) await greenlet.kill();
  assertEquals((await answerOf(clients[1]!))[0], 503);
  for (const client of clients.slice(2)) assertEquals(await answerOf(client), [200, "served"]);
  assertEquals(reports.list.length, 1);
  for (const client of clients) client.close();
});
