import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Greenlet } from "../../core/greenlet.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { StreamServer } from "../../net/stream_server.ts";
import { FakeConn } from "../helpers/fake_conn.ts";
import { collectReports } from "../helpers/reports.ts";
import { now, virtualTest } from "../helpers/virtual_test.ts";

/** A listener of which the test says what its accepts bring. */
class FakeListener implements Deno.Listener {
  readonly addr: Deno.NetAddr = { transport: "tcp", hostname: "127.0.0.1", port: 1 };
  /** When it was asked to accept. */
  readonly asked: number[] = [];
  readonly #results: (Deno.Conn | Error)[];
  #waiting: PromiseWithResolvers<Deno.Conn> | undefined;

  constructor(results: (Deno.Conn | Error)[]) {
    this.#results = results;
  }

  async accept(): Promise<Deno.Conn> {
    this.asked.push(now());
    const result = this.#results.shift();
    if (result instanceof Error) throw result;
    if (result !== undefined) return result;
    this.#waiting = Promise.withResolvers();
    return await this.#waiting.promise;
  }

  close(): void {
    this.#waiting?.reject(new Deno.errors.BadResource("Listener has been closed"));
  }

  ref(): void {}
  unref(): void {}
  [Symbol.dispose](): void {
    this.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Deno.Conn, undefined, void> {
    for (;;) yield await this.accept();
  }
}

/** Has the runtime listen with a listener of the test; the end of a `using` block puts things back. */
function replaceListen(listener: Deno.Listener): Disposable {
  const original = Deno.listen;
  Deno.listen = (() => listener) as unknown as typeof Deno.listen;
  return { [Symbol.dispose]: () => void (Deno.listen = original) };
}

virtualTest("StreamServer pauses longer and longer while it cannot accept", async () => {
  using reports = collectReports();
  const error = new Error("Too many open files");
  const listener = new FakeListener(Array.from({ length: 10 }, () => error));
  using _ = replaceListen(listener);
  const server = new StreamServer(1, () => {});
  await server.start();
  await sleep(10_000);
  assertEquals(listener.asked, [0, 10, 30, 70, 150, 310, 630, 1270, 2270, 3270, 4270]);
  assertEquals(reports.list, listener.asked.slice(1).map(() => ({ context: server, error })));
  await server.stop();
});

virtualTest("StreamServer does not accept while its pool is full", async () => {
  const listener = new FakeListener([new FakeConn(), new FakeConn(), new FakeConn()]);
  using _ = replaceListen(listener);
  const server = new StreamServer(1, () => sleep(100), { spawn: 2 });
  await server.start();
  await sleep(1000);
  assertEquals(listener.asked, [0, 0, 100, 100]);
  await server.stop();
});

virtualTest("StreamServer begins with a short pause again when it could accept", async () => {
  using _reports = collectReports();
  const error = new Error("Too many open files");
  const conn = new FakeConn();
  const listener = new FakeListener([error, error, conn, error]);
  using _ = replaceListen(listener);
  const server = new StreamServer(1, () => {});
  await server.start();
  await sleep(1000);
  assertEquals(listener.asked, [0, 10, 30, 30, 40]);
  assert(conn.closed);
  await server.stop();
});

virtualTest("StreamServer.stop() ends a server that pauses", async () => {
  using _reports = collectReports();
  const listener = new FakeListener(Array.from({ length: 100 }, () => new Error("no")));
  using _ = replaceListen(listener);
  const server = new StreamServer(1, () => {});
  await server.start();
  await sleep(500);
  await server.stop();
  assertEquals(now(), 500);
  await sleep(5000);
  assertEquals(listener.asked, [0, 10, 30, 70, 150, 310]);
});

virtualTest("StreamServer accepts no more when its acceptor is killed", async () => {
  using reports = collectReports();
  const listener = new FakeListener([]);
  using _ = replaceListen(listener);
  const server = new StreamServer(1, () => {});
  await server.start();
  await sleep(1);
  const live = [...hub.live] as Greenlet[];
  await live.find((greenlet) => greenlet.name.startsWith("acceptor of"))!.kill();
  assertEquals(reports.list, []);
  assertEquals(listener.asked, [0]);
  await server.stop();
});

virtualTest("StreamServer.stop() closes a connection that comes while it stops", async () => {
  const listener = new FakeListener([]);
  using _ = replaceListen(listener);
  const conn = new FakeConn();
  const late = Promise.withResolvers<Deno.Conn>();
  listener.accept = () => late.promise;
  let called = false;
  const server = new StreamServer(1, () => void (called = true));
  await server.start();
  await sleep(1);
  const stopping = server.stop();
  late.resolve(conn);
  await stopping;
  assert(conn.closed);
  assert(!called);
});

virtualTest(
  "StreamServer.stop() can be timed out when an accept does not end with its listener",
  async () => {
    const listener = new FakeListener([]);
    using _ = replaceListen(listener);
    listener.accept = () => new Promise(() => {});
    const server = new StreamServer(1, () => {});
    await server.start();
    await sleep(1);
    await assertRejects(() => withTimeout(10, () => server.stop()), Timeout);
    assertEquals(now(), 11);
    assert(server.closed);
  },
);

virtualTest(
  "StreamServer goes on at once after a client that went away in the backlog",
  async () => {
    using reports = collectReports();
    const gone = new Deno.errors.ConnectionAborted("Software caused connection abort");
    const listener = new FakeListener([gone, gone, new FakeConn()]);
    using _ = replaceListen(listener);
    const server = new StreamServer(1, () => {});
    await server.start();
    await sleep(1);
    assertEquals(listener.asked, [0, 0, 0, 0]);
    assertEquals(reports.list, []);
    await server.stop();
  },
);

virtualTest("StreamServer.stopAccepting() leaves connections where they are", async () => {
  const conns = Array.from({ length: 4 }, () => new FakeConn());
  const listener = new FakeListener([...conns]);
  using _ = replaceListen(listener);
  let calls = 0;
  const server = new StreamServer(1, async () => {
    calls++;
    if (calls === 2) server.stopAccepting();
    await sleep(100);
  });
  server.stopAccepting(); // also before it is started
  assert(!server.accepting);
  await server.start();
  await sleep(10);
  assertEquals(listener.asked, []);
  server.startAccepting();
  await sleep(50);
  // One was asked for before the handler got to stop it, and is held back.
  assertEquals([calls, listener.asked], [2, [10, 10, 10]]);
  await sleep(1000);
  assert(conns[1]!.closed && !conns[2]!.closed);
  server.startAccepting();
  assert(server.accepting);
  await sleep(10);
  assertEquals([calls, listener.asked], [4, [10, 10, 10, 1060, 1060]]);
  await server.stop();
});

virtualTest("StreamServer.stop() closes a connection that is held back", async () => {
  const conn = new FakeConn();
  const listener = new FakeListener([]);
  using _ = replaceListen(listener);
  const coming = Promise.withResolvers<Deno.Conn>();
  listener.accept = () => coming.promise;
  const server = new StreamServer(1, () => {});
  await server.start();
  await sleep(1);
  server.stopAccepting();
  coming.resolve(conn);
  await sleep(1);
  assert(!conn.closed);
  await server.stop();
  assert(conn.closed);
});

virtualTest("StreamServer stops when somebody else has closed its listener", async () => {
  using reports = collectReports();
  const listener = new FakeListener([]);
  const server = new StreamServer(listener, () => {});
  await server.start();
  const serving = spawn(() => server.serveForever());
  await sleep(1);
  listener.close();
  await serving.get();
  assert(server.closed);
  assertEquals(reports.list.map(({ context, error }) => [context, (error as Error).name]), [
    [server, "BadResource"],
  ]);
});
