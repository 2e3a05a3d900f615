import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { ConcurrentObjectUseError } from "../../core/errors.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { Socket } from "../../net/socket.ts";
import { FakeConn } from "../helpers/fake_conn.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { bytes, MORE_THAN_FITS, readAll, socketPair, text } from "../helpers/sockets.ts";
import { tlsPair } from "../helpers/tls.ts";
import { now, virtualTest } from "../helpers/virtual_test.ts";

const { BadResource, Interrupted } = Deno.errors;

/** Runs a test with an open file that holds known bytes. */
function fileTest(
  name: string,
  size: number,
  fn: (file: Deno.FsFile, data: Uint8Array) => Promise<void>,
): void {
  ioTest(name, async () => {
    const path = await Deno.makeTempFile();
    const data = new Uint8Array(size).map((_, i) => i * 7 + (i >> 8));
    try {
      await Deno.writeFile(path, data);
      using file = await Deno.open(path);
      await fn(file, data);
    } finally {
      await Deno.remove(path);
    }
  });
}

/** Where a file stands. */
function position(file: Deno.FsFile): number {
  return file.seekSync(0, Deno.SeekMode.Current);
}

fileTest("Socket.sendFile() sends a whole file", 1_000_003, async (file, data) => {
  using pair = await socketPair();
  const reading = readAll(pair.peer);
  assertEquals(await pair.socket.sendFile(file), data.length);
  assertEquals(position(file), data.length);
  assertEquals(await pair.socket.sendFile(file), 0);
  await pair.socket.shutdown("write");
  assertEquals(await reading, data);
});

fileTest("Socket.sendFile() sends the part that is asked for", 600_000, async (file, data) => {
  using pair = await socketPair();
  const reading = readAll(pair.peer);
  const expected: Uint8Array[] = [];
  const send = async (from: number, to: number, options: { offset?: number; count?: number }) => {
    assertEquals(await pair.socket.sendFile(file, options), to - from);
    assertEquals(position(file), to);
    expected.push(data.subarray(from, to));
  };
  await send(10, 300_010, { offset: 10, count: 300_000 });
  await send(300_010, 300_020, { count: 10 }); // from where it stands
  await send(0, 1, { offset: 0, count: 1 });
  await send(599_999, 600_000, { offset: 599_999, count: 100 }); // there is no more
  await send(1_000_000, 1_000_000, { offset: 1_000_000 });
  await send(500_000, 600_000, { offset: 500_000 });
  await pair.socket.shutdown("write");
  assertEquals(await reading, await new Blob(expected as BlobPart[]).bytes());
});

fileTest("Socket.sendFile() sends over TLS", 500_000, async (file, data) => {
  using pair = await tlsPair();
  const receiving = spawn(() => pair.server.recvExactly(data.length));
  assertEquals(await pair.client.sendFile(file), data.length);
  assertEquals(await receiving.get(), data);
});

for (const ending of ["kill", "timeout", "socket timeout", "close"]) {
  fileTest(
    `Socket.sendFile() leaves the file behind what was sent (${ending})`,
    MORE_THAN_FITS,
    async (file) => {
      using pair = await socketPair();
      const { socket } = pair;
      await file.seek(5, Deno.SeekMode.Start);
      if (ending === "socket timeout") socket.timeout = 20;
      const sender = spawn(async () => {
        const options = ending === "timeout" ? { timeout: 20 } : {};
        if (ending.endsWith("timeout")) {
          await assertRejects(() => socket.sendFile(file, options), Timeout, "20 ms");
        } else if (ending === "close") {
          await assertRejects(() => socket.sendFile(file, options), BadResource);
        } else await socket.sendFile(file, options);
      });
      if (!ending.endsWith("timeout")) await eventually(() => position(file) > 300_000);
      if (ending === "kill") await sender.kill();
      if (ending === "close") socket.close();
      await sender.get();
      const sent = position(file) - 5;
      if (!ending.endsWith("timeout")) assertGreater(sent, 0);
      assertLess(sent, MORE_THAN_FITS);
      socket.close();
      // A write that was given up goes on: one at most.
      const received = (await readAll(pair.peer)).length;
      assert(received >= sent && received <= sent + 65536, `${received} of ${sent}`);
    },
  );
}

fileTest(
  "Socket.sendFile() fails when the file is closed meanwhile",
  MORE_THAN_FITS,
  async (file) => {
    using pair = await socketPair();
    const sender = spawn(() => pair.socket.sendFile(file).catch((error) => error));
    await eventually(() => position(file) > 0);
    file.close();
    const reading = readAll(pair.peer);
    const error = await sender.get();
    // The runtime cancels a read that is under way, and refuses a further one.
    assert(error instanceof BadResource || error instanceof Interrupted, String(error));
    pair.socket.close();
    await reading;
    await assertRejects(() => pair.socket.sendFile(file), BadResource);
  },
);

fileTest("Socket.sendFile() refuses what makes no sense", 10, async (file) => {
  using pair = await socketPair();
  const { socket } = pair;
  for (const offset of [-1, 0.5, NaN, Infinity]) {
    await assertRejects(() => socket.sendFile(file, { offset }), RangeError, `received ${offset}`);
  }
  for (const count of [0, -1, 0.5, NaN]) {
    await assertRejects(() => socket.sendFile(file, { count }), RangeError, `received ${count}`);
  }
  for (const wrong of [undefined, null, "name", {}]) {
    await assertRejects(() => socket.sendFile(wrong as unknown as Deno.FsFile), TypeError);
  }
});

ioTest("Socket.sendFile() refuses a pipe, which has no position", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/pipe`;
  await new Deno.Command("mkfifo", { args: [path] }).output();
  using pair = await socketPair();
  {
    using file = await Deno.open(path, { read: true, write: true });
    await assertRejects(() => pair.socket.sendFile(file), TypeError, "no position");
  }
  await Deno.remove(folder, { recursive: true });
});

/** A file without an end, all of whose bytes are an `x`. */
class EndlessFile {
  position = 0;
  readonly #pause: number;

  constructor(pause: number) {
    this.#pause = pause;
  }

  async read(buffer: Uint8Array): Promise<number> {
    await sleep(this.#pause);
    buffer.set(bytes("x"));
    this.position++;
    return 1;
  }

  seek(offset: number | bigint): Promise<number> {
    return Promise.resolve(this.position = Number(offset));
  }
}

virtualTest("Socket.sendFile() lets nobody else write while it reads", async () => {
  const conn = new FakeConn();
  using socket = new Socket(conn);
  void conn.flow();
  const sender = spawn(() => socket.sendFile(new EndlessFile(10), { count: 3 }));
  for (let at = 5; at < 30; at += 10) {
    await sleep(at - now());
    await assertRejects(() => socket.send(bytes("y")), ConcurrentObjectUseError);
    await assertRejects(() => socket.sendFile(new EndlessFile(10)), ConcurrentObjectUseError);
  }
  assertEquals(await sender.get(), 3);
  assertEquals(await socket.send(bytes("y")), 1);
  assertEquals(conn.written.map(text).join(""), "xxxy");
});

virtualTest("Socket.sendFile() counts its timeout for the whole file", async () => {
  const conn = new FakeConn();
  using socket = new Socket(conn);
  const file = new EndlessFile(0);
  const taking = spawn(async () => {
    for (;;) {
      await sleep(10);
      if (conn.writing > 0) await conn.take();
    }
  });
  await assertRejects(() => socket.sendFile(file, { timeout: 45 }), Timeout, "45 ms");
  assertEquals([now(), file.position, conn.written.map(text).join("")], [45, 4, "xxxx"]);
  await taking.kill();
});
