import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import type { Greenlet } from "../../core/greenlet.ts";
import { Pool } from "../../core/pool.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { withTimeout } from "../../core/timeout.ts";
import type { Address } from "../../net/address.ts";
import { connect } from "../../net/connect.ts";
import type { Socket } from "../../net/socket.ts";
import { type StreamHandler, StreamServer } from "../../net/stream_server.ts";
import { Event } from "../../sync/event.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { collectReports } from "../helpers/reports.ts";
import { bytes, text } from "../helpers/sockets.ts";

const LOCAL = "127.0.0.1:0";

/** Sends back what comes in. */
async function echo(socket: Socket): Promise<void> {
  for (let data = await socket.recv(); data.length > 0; data = await socket.recv()) {
    await socket.sendAll(data);
  }
}

async function assertEchoes(server: StreamServer): Promise<void> {
  using socket = await connect(server.address);
  await socket.sendAll(bytes("hello"));
  assertEquals(text(await socket.recvExactly(5)), "hello");
}

ioTest("StreamServer calls the handler with the socket and the peer's address", async () => {
  const calls: unknown[][] = [];
  await using server = new StreamServer(LOCAL, (...args) => void calls.push(args));
  await server.start();
  using client = await connect(server.address);
  await client.recv();
  assertEquals(calls.length, 1);
  const [socket, address] = calls[0] as Parameters<StreamHandler>;
  assertEquals(address, client.localAddr);
  assertEquals(socket.remoteAddr, client.localAddr);
  assert(socket.closed);
});

ioTest("StreamServer runs each handler in a greenlet of its own", async () => {
  const greenlets = new Set<Greenlet>();
  const met = new Event();
  await using server = new StreamServer(LOCAL, async () => {
    greenlets.add(getCurrent());
    if (greenlets.size === 3) met.set();
    await met.wait();
  });
  await server.start();
  const clients = await Promise.all([1, 2, 3].map(() => connect(server.address)));
  for (const client of clients) assertEquals((await client.recv()).length, 0);
  for (const client of clients) client.close();
  assertEquals(greenlets.size, 3);
});

ioTest("StreamServer closes the connection when the handler returns", async () => {
  await using server = new StreamServer(LOCAL, (socket) => socket.sendAll(bytes("bye")));
  await server.start();
  using client = await connect(server.address);
  assertEquals(text(await client.readLine()), "bye");
});

ioTest(
  "StreamServer closes the connection and reports the error when the handler fails",
  async () => {
    using reports = collectReports();
    const error = new Error("broken");
    await using server = new StreamServer(LOCAL, () => {
      throw error;
    });
    await server.start();
    for (let i = 1; i <= 3; i++) {
      using client = await connect(server.address);
      assertEquals((await client.recv()).length, 0);
      assertEquals(reports.list.length, i);
      assertEquals(reports.list.at(-1)!.error, error);
    }
  },
);

ioTest("StreamServer closes the connection quietly when the handler is killed", async () => {
  using reports = collectReports();
  let handler!: Greenlet;
  await using server = new StreamServer(LOCAL, async (socket) => {
    handler = getCurrent();
    await socket.recv();
  });
  await server.start();
  using client = await connect(server.address);
  await eventually(() => handler !== undefined);
  await handler.kill();
  assertEquals((await client.recv()).length, 0);
  assertEquals(reports.list, []);
});

ioTest(
  "StreamServer closes the connection when the handler is killed before it has run",
  async () => {
    class Deadly extends Pool {
      override async start(greenlet: Greenlet): Promise<void> {
        await super.start(greenlet);
        greenlet.throw();
      }
    }
    let called = false;
    await using server = new StreamServer(LOCAL, () => void (called = true), {
      spawn: new Deadly(),
    });
    await server.start();
    using client = await connect(server.address);
    assertEquals((await client.recv()).length, 0);
    assertFalse(called);
  },
);

ioTest("StreamServer.address is the wanted one, then the real one", async () => {
  await using server = new StreamServer(LOCAL, echo);
  assertEquals(server.address, { hostname: "127.0.0.1", port: 0 });
  assertEquals(server.port, 0);
  assertEquals(String(server), "<StreamServer 127.0.0.1:0 new>");
  await server.start();
  const { port } = server;
  assert(port > 0);
  assertEquals(server.address, { hostname: "127.0.0.1", port });
  assertEquals(String(server), `<StreamServer 127.0.0.1:${port} started>`);
  await server.stop();
  assertEquals(String(server), `<StreamServer 127.0.0.1:${port} stopped>`);
});

for (
  const address of [0, ":0", "0", "*:0", { port: 0 }, {
    hostname: "localhost",
    port: 0,
  }] as Address[]
) {
  ioTest(`StreamServer listens at an address such as ${Deno.inspect(address)}`, async () => {
    await using server = new StreamServer(address, echo);
    await server.start();
    using socket = await connect(server.port);
    await socket.sendAll(bytes("hello"));
    assertEquals(text(await socket.recvExactly(5)), "hello");
  });
}

Deno.test("StreamServer refuses arguments that make no sense", () => {
  const noHandler = undefined as unknown as StreamHandler;
  assertThrows(() => new StreamServer(LOCAL, noHandler), TypeError, "'handle'");
  assertThrows(() => new StreamServer("nonsense", echo), TypeError, "nonsense");
  assertThrows(() => new StreamServer(70_000, echo), RangeError, "70000");
  assertThrows(() => new StreamServer(LOCAL, echo, { stopTimeout: -1 }), RangeError, "-1");
  assertThrows(() => new StreamServer(LOCAL, echo, { stopTimeout: NaN }), RangeError, "NaN");
  const spawn = "many" as unknown as number;
  assertThrows(() => new StreamServer(LOCAL, echo, { spawn }), TypeError, "many");
  assertThrows(() => new StreamServer(LOCAL, echo, { spawn: -1 }), RangeError, "-1");
  assertThrows(() => new StreamServer(LOCAL, echo, { cert: "x" }), TypeError, "'key'");
  assertThrows(() => new StreamServer(LOCAL, echo, { key: "x" }), TypeError, "'cert'");
  const [path, both] = ["/tmp/socket", { cert: "x", key: "x" }];
  const slow = { ...both, engine: "deno" } as const;
  assertThrows(() => new StreamServer({ path }, echo, slow), TypeError, path);
  for (const options of [{ clientCaCerts: [] }, { sni: () => undefined }]) {
    const [name] = Object.keys(options);
    assertThrows(() => new StreamServer(LOCAL, echo, options), TypeError, `'${name}'`);
    assertThrows(() => new StreamServer(LOCAL, echo, { ...slow, ...options }), TypeError, "'deno'");
  }
  const sni = "name" as unknown as () => undefined;
  assertThrows(() => new StreamServer(LOCAL, echo, { ...both, sni }), TypeError, "'sni'");
  assertThrows(() => new StreamServer(LOCAL, echo, { mode: 0o600 }), TypeError, "'mode'");
  for (const mode of [-1, 0o1000, 0.5, NaN]) {
    assertThrows(() => new StreamServer({ path }, echo, { mode }), RangeError, String(mode));
  }
  for (const options of [{ backlog: 1 }, { reusePort: true }]) {
    const [name] = Object.keys(options);
    assertThrows(() => new StreamServer({ path }, echo, options), TypeError, `'${name}'`);
  }
});

ioTest("StreamServer.start() refuses to share a port without --unstable-net", async () => {
  const server = new StreamServer(LOCAL, echo, { reusePort: true });
  await assertRejects(() => server.start(), Deno.errors.NotSupported, "--unstable-net");
});

ioTest("StreamServer.start() names the address when the port is taken", async () => {
  await using first = new StreamServer(LOCAL, echo);
  await first.start();
  await using second = new StreamServer(first.address, echo);
  const name = `127.0.0.1:${first.port}`;
  await assertRejects(() => second.start(), Deno.errors.AddrInUse, name);
  assertFalse(second.started);
  await first.stop();
  await second.start(); // it may be tried again
  await assertEchoes(second);
});

ioTest("StreamServer.start() does nothing when it is listening, or about to", async () => {
  await using server = new StreamServer(LOCAL, echo);
  await Promise.all([server.start(), server.start()]);
  const { port } = server;
  await server.start();
  assertEquals(server.port, port);
  await assertEchoes(server);
});

ioTest("StreamServer.start() throws a TypeError when it was stopped", async () => {
  const server = new StreamServer(LOCAL, echo);
  await server.start();
  await server.stop();
  await assertRejects(() => server.start(), TypeError, String(server));
  const never = new StreamServer(LOCAL, echo);
  await never.stop();
  assert(never.closed);
  await assertRejects(() => never.start(), TypeError);
});

ioTest("StreamServer.stop() refuses new connections and keeps the port free", async () => {
  const server = new StreamServer(LOCAL, echo);
  await server.start();
  await assertEchoes(server);
  await server.stop();
  assert(server.closed);
  assertFalse(server.started);
  await assertRejects(() => connect(server.address), Deno.errors.ConnectionRefused);
  await using next = new StreamServer(server.address, echo);
  await next.start();
});

ioTest("StreamServer.stop() lets a handler finish", async () => {
  const finish = new Event();
  const server = new StreamServer(LOCAL, async (socket) => {
    await finish.wait();
    await socket.sendAll(bytes("done"));
  });
  await server.start();
  using client = await connect(server.address);
  await eventually(() => server.pool.size === 1);
  const stopping = spawn(() => server.stop({ timeout: 60_000 }));
  await sleep(1);
  assert(server.closed && stopping.started);
  finish.set();
  assertEquals(text(await client.readLine()), "done");
  await stopping.get();
});

ioTest("StreamServer.stop() kills handlers after its timeout", async () => {
  for (const options of [{ timeout: 1 }, { timeout: 0 }, {}]) {
    let outcome: unknown;
    const server = new StreamServer(LOCAL, async (socket) => {
      try {
        await socket.recv();
      } catch (error) {
        await sleep(1); // a `finally` block may still wait
        outcome = error;
        throw error;
      }
    }, { stopTimeout: 5 });
    await server.start();
    using client = await connect(server.address);
    await eventually(() => server.pool.size === 1);
    await server.stop(options);
    assertInstanceOf(outcome, GreenletExit);
    assertEquals((await client.recv()).length, 0);
  }
});

ioTest("StreamServer.stop() waits for the same end when it is called again", async () => {
  const finish = new Event();
  const server = new StreamServer(LOCAL, () => finish.wait());
  await server.start();
  using _ = await connect(server.address);
  await eventually(() => server.pool.size === 1);
  const stops = [1, 2, 3].map(() => spawn(() => server.stop({ timeout: null })));
  await sleep(1);
  assertEquals(stops.map((stop) => stop.ready), [false, false, false]);
  finish.set();
  for (const stop of stops) await stop.get();
  await server.stop();
});

ioTest("StreamServer.stop() stops a server that is about to start", async () => {
  const folder = await Deno.makeTempDir();
  const server = new StreamServer({ path: `${folder}/socket` }, echo);
  const starting = server.start();
  await server.stop();
  await starting;
  assert(server.closed);
  await assertRejects(() => connect(server.address), Deno.errors.NotFound);
  await Deno.remove(folder, { recursive: true });
});

ioTest("StreamServer.stop() serves no connection that was accepted too late", async () => {
  let called = 0;
  const server = new StreamServer(LOCAL, () => void called++);
  await server.start();
  const connecting = connect(server.address);
  const stopping = server.stop();
  using client = await connecting.catch(() => undefined);
  await stopping;
  const before = called;
  await client?.recv().catch(() => {}); // the end, or a reset
  assertEquals(called, before);
});

ioTest("StreamServer.serveForever() starts the server and waits for its end", async () => {
  const server = new StreamServer(LOCAL, echo);
  const serving = spawn(() => server.serveForever());
  await eventually(() => server.started);
  await assertEchoes(server);
  assert(serving.started);
  await server.stop();
  await serving.get();
});

ioTest("StreamServer.serveForever() stops the server when it is killed or timed out", async () => {
  for (const end of ["kill", "timeout", "its own timeout"]) {
    let finished = false;
    const server = new StreamServer(LOCAL, async (socket) => {
      try {
        await socket.recv();
      } finally {
        await sleep(1);
        finished = true;
      }
    }, { stopTimeout: 1 });
    await server.start();
    using client = await connect(server.address);
    await eventually(() => server.pool.size === 1);
    const serving = spawn(async () => {
      if (end === "its own timeout") await server.serveForever({ timeout: 1 });
      else if (end === "timeout") {
        await withTimeout(1, () => server.serveForever(), { timeoutValue: 0 });
      } else await server.serveForever();
    });
    await sleep();
    if (end === "kill") await serving.kill();
    await serving.get();
    assert(server.closed, end);
    assert(finished, end);
    assertEquals((await client.recv()).length, 0);
  }
});

ioTest("StreamServer is stopped at the end of an await using block", async () => {
  let server: StreamServer;
  {
    await using scoped = server = new StreamServer(LOCAL, echo);
    await scoped.start();
    await assertEchoes(scoped);
  }
  assert(server.closed);
  await server[Symbol.asyncDispose]();
});
