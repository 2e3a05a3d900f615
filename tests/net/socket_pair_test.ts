import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { socketPair } from "../../net/socket_pair.ts";
import { ioTest } from "../helpers/io_test.ts";
import { assertLeaksNoFile, bytes, closeQuietly, text } from "../helpers/sockets.ts";

ioTest("socketPair() returns two ends of one connection", async () => {
  const [left, right] = await socketPair();
  assertEquals(left.localAddr, right.remoteAddr);
  assertEquals(right.localAddr, left.remoteAddr);
  await left.sendAll(bytes("ping"));
  assertEquals(text(await right.recvExactly(4)), "ping");
  await right.sendAll(bytes("pong"));
  assertEquals(text(await left.recvExactly(4)), "pong");
  left.close();
  assertEquals((await right.recv()).length, 0);
  right.close();
});

ioTest("socketPair() does not take somebody else for the other end", async () => {
  const { listen } = Deno;
  const strangers: Deno.Conn[] = [];
  let port = 0;
  // Somebody who has watched the listener come up, and connects before the right one does.
  const { connect } = Deno;
  Deno.listen = ((options: Deno.TcpListenOptions) => {
    const listener = listen(options);
    port = listener.addr.port;
    return listener;
  }) as unknown as typeof Deno.listen;
  Deno.connect = (async (options: Deno.ConnectOptions) => {
    for (let i = 0; i < 3; i++) strangers.push(await connect({ hostname: "127.0.0.1", port }));
    return await connect(options);
  }) as typeof Deno.connect;
  try {
    const [left, right] = await socketPair();
    await left.sendAll(bytes("secret"));
    assertEquals(text(await right.recvExactly(6)), "secret");
    assertEquals(strangers.length, 3);
    for (const stranger of strangers) {
      assertEquals(await stranger.read(new Uint8Array(10)).catch(() => null), null);
      closeQuietly(stranger);
    }
    left.close();
    right.close();
  } finally {
    Object.assign(Deno, { listen, connect });
  }
});

ioTest("socketPair() leaves nothing open when it is killed or times out", async () => {
  let ended = 0;
  await assertLeaksNoFile(async () => {
    for (let turns = 0; turns < 12; turns++) {
      const making = spawn(async () => {
        for (const socket of await socketPair()) socket.close();
      });
      for (let i = 0; i < turns; i++) await sleep();
      await making.kill();
      if (making.value instanceof GreenletExit) ended++;
    }
    const signal = AbortSignal.abort(new Error("never mind"));
    await assertRejects(() => socketPair({ signal }), Error, "never mind");
    const error = await socketPair({ timeout: 0 }).catch((error) => error);
    if (error instanceof Array) error.map((socket) => socket.close());
    else assertInstanceOf(error, Timeout);
  });
  assert(ended > 0);
});
