import { assertEquals, assertGreater } from "@std/assert";
import { Interrupt } from "../../core/errors.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import type { Socket } from "../../net/socket.ts";
import { ioTest } from "../helpers/io_test.ts";
import { seededRandom } from "../helpers/random.ts";
import { socketPair, write } from "../helpers/sockets.ts";

const TOTAL = 200_000;

/** Known bytes, with a line end now and then. */
function knownBytes(random: (bound: number) => number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(TOTAL);
  for (let i = 0; i < TOTAL; i++) data[i] = random(40) === 0 ? 10 : 32 + (i * 7 + (i >> 8)) % 90;
  return data;
}

/** Sends all bytes in pieces of random sizes, with pauses. */
async function sendInPieces(
  conn: Deno.Conn,
  data: Uint8Array,
  random: (bound: number) => number,
): Promise<void> {
  for (let at = 0; at < data.length;) {
    const size = Math.min(1 + random(random(10) === 0 ? 4000 : 300), data.length - at);
    await write(conn, data.subarray(at, at + size));
    at += size;
    for (let pause = random(6); pause > 0; pause--) await sleep();
    if (random(12) === 0) await sleep(1);
  }
  await conn.closeWrite();
}

/** A way to end a read, maybe before it is satisfied; returns whether it was. */
type Ending = (read: (signal?: AbortSignal) => Promise<boolean>) => Promise<boolean>;

/** The ways to end a read, at a random moment. */
function endings(random: (bound: number) => number): Ending[] {
  const aWhile = async (): Promise<void> => {
    for (let turns = random(6); turns > 0; turns--) await sleep();
  };
  const reached = async (wait: () => Promise<boolean>): Promise<boolean> => {
    try {
      return await wait();
    } catch (error) {
      if (error instanceof Interrupt || error === ABORTED) return false;
      throw error;
    }
  };
  return [
    async function killed(read) {
      let complete = false;
      const reader = spawn(async () => {
        complete = await read();
      });
      await aWhile();
      await reader.kill();
      return complete;
    },
    (read) => reached(() => withTimeout(random(3), () => read())),
    (read) =>
      reached(async () => {
        using _ = Timeout.start(random(2));
        return await read();
      }),
    async function aborted(read) {
      const controller = new AbortController();
      const reader = spawn(() => reached(() => read(controller.signal)));
      await aWhile();
      controller.abort(ABORTED);
      return await reader.get();
    },
  ];
}

const ABORTED = new Error("aborted");

/** Reads once and appends what it got. */
type Read = (
  socket: Socket,
  append: (data: Uint8Array) => void,
  signal: AbortSignal | undefined,
  rest: number,
) => Promise<void>;

/** Registers the stress test for one way to read. */
function stressTest(name: string, seed: number, read: Read): void {
  ioTest(`Socket.${name} loses no byte when it is killed, timed out and aborted`, async () => {
    using pair = await socketPair();
    const random = seededRandom(seed);
    const data = knownBytes(random);
    const received = new Uint8Array(TOTAL);
    let got = 0;
    const append = (bytes: Uint8Array): void => {
      received.set(bytes, got);
      got += bytes.length;
    };
    const sender = spawn(() => sendInPieces(pair.peer, data, seededRandom(seed + 1)));
    const ways = endings(random);
    const interrupted = ways.map(() => 0);
    for (let round = 0; got < TOTAL; round++) {
      const complete = await ways[round % ways.length]!(async (signal) => {
        await read(pair.socket, append, signal, TOTAL - got);
        return true;
      });
      if (!complete) interrupted[round % ways.length]!++;
    }
    await sender.get();
    assertEquals(received, data);
    assertEquals((await pair.socket.recv()).length, 0);
    for (const count of interrupted) assertGreater(count, 0, String(interrupted));
    assertGreater(interrupted.reduce((sum, count) => sum + count), 200, String(interrupted));
  });
}

stressTest("recv()", 1, async (socket, append, signal) => {
  append(await socket.recv(1000, { signal }));
});

stressTest("recvInto()", 2, async (socket, append, signal) => {
  const buffer = new Uint8Array(777);
  append(buffer.subarray(0, await socket.recvInto(buffer, { signal })));
});

stressTest("recvExactly()", 3, async (socket, append, signal, rest) => {
  append(await socket.recvExactly(Math.min(rest, 900), { signal }));
});

stressTest("readLine()", 4, async (socket, append, signal) => {
  append(await socket.readLine({ signal }));
});

stressTest("recv() of one byte", 5, async (socket, append, signal) => {
  for (let i = 0; i < 400; i++) append(await socket.recv(1, { signal }));
});

ioTest("Socket.sendAll() keeps the order of bytes when writers are killed", async () => {
  using pair = await socketPair();
  const random = seededRandom(6);
  // Each message is a run of one number; a killed one is cut off, and the next begins where that ended.
  const reading = (async () => {
    const runs: [number, number][] = [];
    const buffer = new Uint8Array(65536);
    for (let count = await pair.peer.read(buffer); count !== null;) {
      for (const byte of buffer.subarray(0, count)) {
        if (runs.at(-1)?.[0] === byte) runs.at(-1)![1]++;
        else runs.push([byte, 1]);
      }
      if (random(3) === 0) await sleep(1);
      count = await pair.peer.read(buffer);
    }
    return runs;
  })();
  const sizes: number[] = [];
  const completed: boolean[] = [];
  for (let n = 0; n < 250; n++) {
    const size = 1 + random(400_000);
    const message = new Uint8Array(size).fill(n);
    let complete = false;
    const writer = spawn(async () => {
      await pair.socket.sendAll(message);
      complete = true;
    });
    if (n % 2 === 0) {
      await writer.join();
    } else {
      for (let turns = random(30); turns > 0; turns--) await sleep();
      await writer.kill();
    }
    sizes.push(size);
    completed.push(complete);
  }
  await pair.socket.shutdown("write");
  const list = await reading;
  const runs = new Map(list);
  assertEquals(list.map(([n]) => n), [...runs.keys()].sort((a, b) => a - b), "Out of order");
  for (let n = 0; n < sizes.length; n++) {
    const sent = runs.get(n) ?? 0;
    if (completed[n]) assertEquals(sent, sizes[n], `Message ${n} was not sent as a whole`);
    else assertEquals(sent <= sizes[n]!, true);
  }
  assertGreater(completed.filter((complete) => !complete).length, 20);
});
