import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { BlockingSwitchOutError, GreenletExit } from "../../core/errors.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { BaseServer } from "../../net/base_server.ts";
import { collectReports } from "../helpers/reports.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

const BOUND: Deno.NetAddr = { transport: "tcp", hostname: "127.0.0.1", port: 1 };

/** A server that needs 100 ms until it listens, or until that fails. */
class SlowServer extends BaseServer {
  /** What went on, in order. */
  readonly log: string[] = [];
  /** What goes wrong. */
  obstacle: Error | undefined;

  constructor() {
    super("127.0.0.1:0");
  }

  protected override async listen(): Promise<Deno.Addr> {
    this.log.push("listen");
    await sleep(100);
    if (this.obstacle !== undefined) throw this.obstacle;
    return BOUND;
  }

  protected override unlisten(): void {
    this.log.push("unlisten");
  }
}

virtualTest("BaseServer.start() listens once when called by several", async () => {
  const server = new SlowServer();
  const starting = [1, 2, 3].map(() => spawn(() => server.start()));
  for (const greenlet of starting) await greenlet.get();
  assert(server.started);
  assertEquals(server.log, ["listen"]);
  assertEquals(now(), 100);
});

virtualTest("BaseServer.start() is open to hub callbacks", async () => {
  const server = new SlowServer();
  spawn(() => {}).rawlink(() => server.start());
  await turns();
  await sleep(100);
  assert(server.started);
});

virtualTest("BaseServer.start() refuses to wait for others in a hub callback", async () => {
  using reports = collectReports();
  const server = new SlowServer();
  const first = spawn(() => server.start());
  await turns();
  spawn(() => {}).rawlink(() => server.start());
  await first.get();
  assertInstanceOf(reports.list[0]?.error, BlockingSwitchOutError);
});

virtualTest("BaseServer.start() of one goes on when that of another is killed", async () => {
  const server = new SlowServer();
  const [first, second] = [spawn(() => server.start()), spawn(() => server.start())];
  await sleep(50);
  await first.kill();
  await second.get();
  assert(first.value instanceof GreenletExit);
  assert(server.started);
  assertEquals(now(), 150);
});

virtualTest("BaseServer.start() can be killed while another starts it", async () => {
  const server = new SlowServer();
  const [first, second] = [spawn(() => server.start()), spawn(() => server.start())];
  await sleep(50);
  await second.kill();
  assertEquals(now(), 50);
  await first.get();
  assert(server.started);
});

virtualTest("BaseServer.start() leaves the message of what interrupts it alone", async () => {
  const server = new SlowServer();
  const error = await withTimeout(10, () => server.start()).catch((error) => error);
  assertEquals(error.message, "10 ms");
  const starting = spawn(() => server.start());
  await turns();
  using reports = collectReports();
  const reason = new Error("shutting down");
  await starting.kill(reason);
  assertEquals(starting.exception, reason);
  assertEquals(reports.list.length, 1);
  assertEquals(reason.message, "shutting down");
});

virtualTest("BaseServer.start() names the address in an error of the runtime, once", async () => {
  const server = new SlowServer();
  for (const message of ["In use", "In use: 127.0.0.1:0"]) {
    server.obstacle = new Deno.errors.AddrInUse(message);
    await assertRejects(() => server.start(), Deno.errors.AddrInUse);
    assertEquals(server.obstacle.message, "In use: 127.0.0.1:0");
  }
});

virtualTest(
  "BaseServer.start() is refused when the server is stopped before its turn",
  async () => {
    const server = new SlowServer();
    const first = spawn(() => server.start());
    await turns();
    const stopping = spawn(() => server.stop());
    await turns();
    await assertRejects(() => server.start(), TypeError, "stopped");
    await first.get();
    await stopping.get();
    assertEquals(server.log, ["listen", "unlisten"]);
  },
);

virtualTest(
  "BaseServer.stop() waits for those who are starting the server, and can be killed",
  async () => {
    const server = new SlowServer();
    const starting = spawn(() => server.start());
    await sleep(50);
    const error = await withTimeout(10, () => server.stop()).catch((error) => error);
    assertInstanceOf(error, Timeout);
    assertEquals(now(), 60);
    await starting.get();
    assertEquals(now(), 100);
    await turns();
    assert(server.closed, "Nobody stopped it");
    assertEquals(server.log, ["listen", "unlisten"]);
  },
);

virtualTest("BaseServer.stop() stops a server that could not be started", async () => {
  const server = new SlowServer();
  server.obstacle = new Error("broken");
  const starting = server.start().catch((error) => error);
  await server.stop();
  assertEquals(await starting, server.obstacle);
  assert(server.closed);
  assertEquals(server.log, ["listen"]);
});
