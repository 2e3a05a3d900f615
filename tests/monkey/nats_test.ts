import { connect as connectNewer } from "@nats-io/transport-node";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect as connectOlder } from "nats";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { greenNats } from "../../monkey/green_nats.ts";
import { exerciseClient } from "../helpers/client_exercise.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { NatsServer, noNats } from "../helpers/nats_server.ts";
import { collectReports, collectUnhandled } from "../helpers/reports.ts";

/** What both packages have in common. */
interface Connection {
  publish(subject: string, data?: string): void;
  subscribe(subject: string, options?: Callback): Subscription;
  request(subject: string, data?: string, options?: { timeout: number }): Promise<Message>;
  flush(): Promise<void>;
  drain(): Promise<void>;
  close(): Promise<void>;
}

interface Callback {
  callback(error: unknown, message: Message): void;
}

interface Subscription extends AsyncIterable<Message> {
  isClosed(): boolean;
}

interface Message {
  string(): string;
  respond(data?: string | Uint8Array): boolean;
  readonly data: Uint8Array;
}

type Connect = (options: { servers: string; name: string }) => Promise<Connection>;

const LIBRARIES: Record<string, Connect> = {
  "nats": connectOlder as unknown as Connect,
  "@nats-io/transport-node": connectNewer as unknown as Connect,
};

if (noNats !== undefined) console.log(`Ignored: the tests of greenNats(): ${noNats}`);

function natsTest(
  name: string,
  fn: (nats: Connection, server: NatsServer, raw: Connection) => Promise<void>,
): void {
  for (const [library, connect] of Object.entries(LIBRARIES)) {
    ioTest(`greenNats() ${name}, with ${library}`, async () => {
      using unhandled = collectUnhandled();
      using reports = collectReports();
      await using server = await NatsServer.start();
      const raw = await connect({ servers: server.address, name: "raw" });
      // Answers with what was asked, or not at all.
      raw.subscribe("echo", { callback: (_error, message) => void message.respond(message.data) });
      raw.subscribe("silence", { callback: () => {} });
      await raw.flush();
      const nats = greenNats(await connect({ servers: server.address, name: "green" }));
      try {
        await fn(nats, server, raw);
      } finally {
        await nats.close();
        await raw.close();
      }
      await eventually(async () => await server.connections() === 0);
      assertEquals(unhandled.list, []);
      assertEquals(reports.list, []);
    }, { ignore: noNats !== undefined });
  }
}

async function listen(nats: Connection, subject: string, heard: string[] = []): Promise<void> {
  for await (const message of nats.subscribe(subject)) heard.push(message.string());
}

for (const seed of [1, 2, 3]) {
  natsTest(`bears kills and timeouts at random, seed ${seed}`, async (nats, server) => {
    await nats.request("echo", "warm");
    const before = await server.subscriptions("green");
    await exerciseClient({
      echo: async (text) => (await nats.request("echo", text)).string(),
      block: () => listen(nats, "nothing"),
      connections: () => server.connections(),
    }, seed);
    await eventually(async () => await server.subscriptions("green") === before);
  });
}

natsTest("unsubscribes when the loop over a subscription is killed", async (nats, server, raw) => {
  const heard: string[] = [];
  const listener = spawn(listen, nats, "news", heard);
  await eventually(async () => await server.subscriptions("green") === 1);
  raw.publish("news", "first");
  await eventually(() => heard.length === 1);
  await listener.kill();
  await eventually(async () => await server.subscriptions("green") === 0);
  raw.publish("news", "second");
  await raw.flush();
  await nats.flush();
  assertEquals(heard, ["first"]);

  const next = spawn(listen, nats, "news", heard);
  await eventually(async () => await server.subscriptions("green") === 1);
  raw.publish("news", "third");
  await eventually(() => heard.length === 2);
  assertEquals(heard, ["first", "third"]);
  await next.kill();
});

natsTest("unsubscribes when the loop over a subscription times out", async (nats, server) => {
  await assertRejects(() => withTimeout(10, () => listen(nats, "news")), Timeout);
  await eventually(async () => await server.subscriptions("green") === 0);
});

natsTest("unsubscribes when the loop over a subscription is left", async (nats, server, raw) => {
  const reader = spawn(async () => {
    for await (const message of nats.subscribe("news")) return message.string();
    return undefined;
  });
  await eventually(async () => await server.subscriptions("green") === 1);
  raw.publish("news", "first");
  assertEquals(await reader.get(), "first");
  await eventually(async () => await server.subscriptions("green") === 0);
});

natsTest("ends loops in order when the connection is drained", async (nats, server, raw) => {
  const heard: string[] = [];
  const listener = spawn(listen, nats, "news", heard);
  await eventually(async () => await server.subscriptions("green") === 1);
  for (let n = 0; n < 100; n++) raw.publish("news", `${n}`);
  await raw.flush();
  await nats.flush();
  await spawn(() => nats.drain()).get();
  await listener.get();
  assertEquals(heard, Array.from({ length: 100 }, (_, n) => `${n}`));
});

natsTest("goes on draining when nobody waits for it any more", async (nats, server) => {
  const listener = spawn(listen, nats, "news");
  await eventually(async () => await server.subscriptions("green") === 1);
  const drainer = spawn(() => nats.drain());
  await sleep();
  await drainer.kill();
  await listener.get();
  await eventually(async () => await server.connections() === 1);
});

natsTest("gives a request up when its greenlet is killed", async (nats) => {
  const asker = spawn(() => nats.request("silence", "anybody?", { timeout: 30 }));
  await sleep(1);
  await asker.kill();
  assertEquals((await spawn(() => nats.request("echo", "next")).get()).string(), "next");
  await sleep(60); // the client's own limit is over by then, and its error has nobody to go to
});

natsTest("gives a request up when the time is over", async (nats) => {
  await assertRejects(
    () => withTimeout(5, () => nats.request("silence", "", { timeout: 20 })),
    Timeout,
  );
  assertEquals((await nats.request("echo", "next")).string(), "next");
  await sleep(40);
});

ioTest("greenNats() hands a message back that a consumer gets too late", async () => {
  await using server = await NatsServer.start();
  const nats = greenNats(await connectOlder({ servers: server.address }));
  try {
    const manager = await nats.jetstreamManager();
    await manager.streams.add({ name: "jobs", subjects: ["jobs"] });
    await manager.consumers.add("jobs", {
      durable_name: "workers",
      ack_policy: "explicit" as never,
    });
    const consumer = await nats.jetstream().consumers.get("jobs", "workers");
    const killed = spawn(() => consumer.next({ expires: 5000 }));
    await sleep(20);
    await killed.kill();
    nats.publish("jobs", "the only one");
    const message = await spawn(() => consumer.next({ expires: 5000 })).get();
    assertEquals(message?.string(), "the only one");
    assertEquals(message?.info.redelivered, true);
    message!.ack();
  } finally {
    await nats.close();
  }
}, { ignore: noNats !== undefined });

Deno.test("greenNats() throws when it is not a connection", () => {
  assertThrows(() => greenNats({}), TypeError, "Cannot adapt what is not a connection to NATS");
});
