import { assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { Socket } from "../../net/socket.ts";
import { FakeConn } from "../helpers/fake_conn.ts";
import { bytes, text } from "../helpers/sockets.ts";
import { now, virtualTest } from "../helpers/virtual_test.ts";

/** Registers a test in virtual time, with a peer that sends, or takes, one byte every 10 ms. */
function dribbleTest(name: string, fn: (socket: Socket) => Promise<void>): void {
  virtualTest(name, async () => {
    const conn = new FakeConn();
    using socket = new Socket(conn);
    const dribbling = spawn(async () => {
      for (;;) {
        await sleep(10);
        if (conn.reading) await conn.feed(bytes("x"));
        if (conn.writing > 0) await conn.take(1);
      }
    });
    await fn(socket);
    await dribbling.kill();
  });
}

/** Makes a call that must raise a timeout at a time, and returns that. */
async function timesOut(at: number, call: () => Promise<unknown>): Promise<Timeout> {
  const error = await call().then((value) => value, (error) => error);
  assertInstanceOf(error, Timeout);
  assertEquals(now(), at);
  return error;
}

dribbleTest("Socket.recvExactly() counts its timeout for all bytes together", async (socket) => {
  await timesOut(45, () => socket.recvExactly(10, { timeout: 45 }));
  assertEquals(socket.buffered, 4);
  assertEquals(text(await socket.recvExactly(10)), "x".repeat(10));
});

dribbleTest("Socket.readLine() counts its timeout for the whole line", async (socket) => {
  await timesOut(45, () => socket.readLine({ timeout: 45 }));
  assertEquals(socket.buffered, 4);
});

dribbleTest("Socket.sendAll() counts its timeout for all bytes together", async (socket) => {
  await timesOut(45, () => socket.sendAll(bytes("0123456789"), { timeout: 45 }));
  assertEquals(await socket.sendAll(bytes("abc")), 3);
});

dribbleTest("Socket.recv() counts its timeout anew for each call", async (socket) => {
  for (let i = 1; i <= 5; i++) {
    assertEquals(text(await socket.recv(1, { timeout: 15 })), "x");
    assertEquals(now(), i * 10);
  }
});

dribbleTest("Socket.timeout counts for all bytes of a call together", async (socket) => {
  socket.timeout = 45;
  await timesOut(45, () => socket.recvExactly(10));
  await timesOut(90, () => socket.readLine());
  await timesOut(135, () => socket.sendAll(new Uint8Array(10)));
});

dribbleTest("Socket.timeout gives way to the timeout of a call", async (socket) => {
  socket.timeout = 5;
  assertEquals(text(await socket.recv(1, { timeout: 20 })), "x");
  assertEquals(text(await socket.recv(1, { timeout: null })), "x");
  await timesOut(25, () => socket.recv(1, { timeout: undefined }));
});

dribbleTest("Socket.timeout is raised as a Timeout of its own for each call", async (socket) => {
  socket.timeout = 5;
  const first = await timesOut(5, () => socket.recvExactly(10));
  const second = await timesOut(10, () => socket.recvExactly(10));
  assertEquals([first.ms, second.ms, first === second], [5, 5, false]);
});

dribbleTest("Socket raises the Timeout of a withTimeout() around several calls", async (socket) => {
  const timeout = new Timeout(45);
  const raised = await timesOut(45, () =>
    withTimeout(timeout, async () => {
      for (;;) await socket.recv();
    }));
  assertStrictEquals(raised, timeout);
});

dribbleTest(
  "Socket.recv() and Socket.send() let no virtual time pass with a timeout of 0",
  async (socket) => {
    await timesOut(0, () => socket.recv(1, { timeout: 0 }));
    await timesOut(0, () => socket.send(bytes("x"), { timeout: 0 }));
  },
);
