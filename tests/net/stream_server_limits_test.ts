import { assert, assertEquals, assertFalse, assertGreater } from "@std/assert";
import { Pool } from "../../core/pool.ts";
import { idle, sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { connect } from "../../net/connect.ts";
import type { Socket } from "../../net/socket.ts";
import { StreamServer } from "../../net/stream_server.ts";
import { Event } from "../../sync/event.ts";
import { Semaphore } from "../../sync/semaphore.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { bytes, text, write } from "../helpers/sockets.ts";

const LOCAL = "127.0.0.1:0";

ioTest(
  "StreamServer accepts no more connections than its pool has room for, then goes on",
  async () => {
    const finish = new Semaphore(0);
    let running = 0, most = 0, served = 0;
    await using server = new StreamServer(LOCAL, async (socket) => {
      most = Math.max(most, ++running);
      await finish.acquire();
      running--;
      served++;
      await socket.sendAll(bytes("served\n"));
    }, { spawn: 2 });
    await server.start();
    assertFalse(server.full);
    const clients = await Promise.all(Array.from({ length: 6 }, () => connect(server.address)));
    await eventually(() => server.full);
    for (let i = 0; i < 6; i++) {
      await idle();
      assertEquals(running, Math.min(2, 6 - i));
      finish.release();
      await eventually(() => served === i + 1);
    }
    for (const client of clients) {
      assertEquals(text(await client.readLine()), "served\n");
      client.close();
    }
    assertEquals(most, 2);
  },
);

ioTest("StreamServer shares a pool that it is given", async () => {
  const pool = new Pool(1);
  const other = await pool.spawn(sleep, 60_000);
  await using server = new StreamServer(LOCAL, (socket) => socket.sendAll(bytes("served\n")), {
    spawn: pool,
  });
  await server.start();
  assert(server.full);
  using client = await connect(server.address);
  const answer = spawn(() => client.readLine());
  await idle();
  assert(answer.started);
  await other.kill();
  assertEquals(text(await answer.get()), "served\n");
});

ioTest("StreamServer.stop() ends a server that waits for room in its pool", async () => {
  const forever = new Event();
  const server = new StreamServer(LOCAL, () => forever.wait(), { spawn: 1, stopTimeout: 1 });
  await server.start();
  using first = await connect(server.address);
  await eventually(() => server.full);
  using second = await connect(server.address);
  await server.stop();
  for (const client of [first, second]) assertEquals(await endOf(client), "");
});

/** What a socket brings until it ends or is reset. */
async function endOf(socket: Socket): Promise<string> {
  try {
    return text(await socket.recv());
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionReset) return "";
    throw error;
  }
}

ioTest("StreamServer serves 100 busy connections to the last byte", async () => {
  const [CLIENTS, MESSAGES, SIZE] = [100, 50, 64];
  await using server = new StreamServer(LOCAL, async (socket) => {
    for (let data = await socket.recv(); data.length > 0; data = await socket.recv()) {
      await socket.sendAll(data);
    }
  });
  await server.start();
  const { port } = server;
  // Ends of the runtime, so that nothing of the library evens them out.
  const echoes = await Promise.all(Array.from({ length: CLIENTS }, async (_, n) => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const message = new Uint8Array(SIZE).fill(n);
    const buffer = new Uint8Array(SIZE);
    let right = 0;
    for (let i = 0; i < MESSAGES; i++) {
      await write(conn, message);
      for (let got = 0; got < SIZE;) {
        const count = await conn.read(buffer.subarray(got));
        assert(count !== null, `Connection ${n} ended early`);
        got += count;
      }
      if (buffer.every((byte) => byte === n)) right++;
    }
    return right;
  }));
  assertEquals(echoes, Array.from({ length: CLIENTS }, () => MESSAGES));
});

ioTest("StreamServer recovers when there were too few file descriptors to accept", async () => {
  const CLIENTS = 100; // more than the files that the server may have
  const command = new Deno.Command("sh", {
    args: [
      "-c",
      'ulimit -n 64; exec "$0" run --no-check -A "$1"',
      Deno.execPath(),
      new URL("programs/few_files.ts", import.meta.url).href,
    ],
    stdout: "piped",
  });
  await using child = command.spawn();
  const lines: string[] = [];
  const reading = (async () => {
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      lines.push(...part.split("\n").filter((line) => line !== ""));
    }
  })();
  await eventually(() => lines.length > 0);
  const port = Number(lines[0]);

  const clients: Socket[] = [];
  const answers: string[] = [];
  for (let n = 0; n < CLIENTS; n++) clients.push(await connect(port));
  const asking = clients.map((client, n) =>
    spawn(async () => {
      await client.sendAll(bytes(`${n}\n`));
      answers[n] = text(await client.readLine());
    })
  );
  await eventually(() => lines.some((line) => line.startsWith("error: ")));
  const served = (): number => answers.filter((answer) => answer !== undefined).length;
  const inTime = served();
  assertGreater(CLIENTS, inTime);
  // Whoever is served makes room for the others.
  const closing = clients.map((client, n) =>
    spawn(async () => {
      await asking[n]!.get();
      client.close();
    })
  );
  for (const greenlet of closing) await greenlet.get();
  assertEquals(answers, clients.map((_, n) => `${n}\n`));
  using again = await connect(port);
  await again.sendAll(bytes("still there?\n"));
  assertEquals(text(await again.readLine()), "still there?\n");
  child.kill();
  await reading;
});
