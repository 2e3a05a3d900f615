import { assertEquals, assertFalse, assertRejects } from "@std/assert";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { connect, type ConnectOptions } from "../../net/connect.ts";
import type { Socket } from "../../net/socket.ts";
import {
  type StreamHandler,
  StreamServer,
  type StreamServerOptions,
} from "../../net/stream_server.ts";
import { Event } from "../../sync/event.ts";
import { Semaphore } from "../../sync/semaphore.ts";
import { AUTHORITY, CERTIFICATE, KEY } from "../helpers/certificates.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { collectReports } from "../helpers/reports.ts";
import { assertLeaksNoFile, bytes, MORE_THAN_FITS, text } from "../helpers/sockets.ts";

const TRUSTING: ConnectOptions = { tls: { caCerts: [AUTHORITY] } };

/** Sends back what comes in. */
async function echo(socket: Socket): Promise<void> {
  for (let data = await socket.recv(); data.length > 0; data = await socket.recv()) {
    await socket.sendAll(data);
  }
}

function tlsServer(handle: StreamHandler = echo, options: StreamServerOptions = {}): StreamServer {
  return new StreamServer("127.0.0.1:0", handle, { cert: CERTIFICATE, key: KEY, ...options });
}

ioTest("StreamServer speaks TLS", async () => {
  await using server = tlsServer();
  await server.start();
  using client = await connect(server.address, TRUSTING);
  const data = new Uint8Array(1_000_000).map((_, i) => i * 5);
  const sending = spawn(async () => {
    await client.sendAll(data);
    await client.shutdown("write");
  });
  assertEquals(await client.recvExactly(data.length), data);
  assertEquals((await client.recv()).length, 0);
  await sending.get();
});

ioTest("StreamServer agrees on a protocol with ALPN before it calls the handler", async () => {
  await using server = tlsServer(async (socket) => {
    await socket.sendAll(bytes(`${await socket.alpnProtocol()}\n`));
  }, { alpnProtocols: ["two", "one"] });
  await server.start();
  const tls = { caCerts: [AUTHORITY], alpnProtocols: ["one"] };
  using client = await connect(server.address, { tls });
  assertEquals(text(await client.readLine()), "one\n");
});

ioTest("StreamServer never calls the handler when the TLS handshake fails", async () => {
  using reports = collectReports();
  let called = false;
  await using server = tlsServer(() => void (called = true));
  await server.start();
  await assertLeaksNoFile(async () => {
    using plain = await connect(server.address);
    await plain.sendAll(bytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    while ((await plain.recv()).length > 0); // an alert, and the end
    using gone = await connect(server.address);
    gone.close();
    await assertRejects(() => connect(server.address, { tls: true }), Error, "verify");
  });
  await eventually(() => server.pool.size === 0);
  assertFalse(called);
  assertEquals(reports.list, []);
});

ioTest("StreamServer gives up a TLS handshake that takes too long", async () => {
  using reports = collectReports();
  let called = 0;
  await using server = tlsServer(() => void called++, { spawn: 1, handshakeTimeout: 500 });
  await server.start();
  await assertLeaksNoFile(async () => {
    using silent = await connect(server.address);
    await eventually(() => server.full);
    // The only place in the pool is free again although the client says nothing.
    using client = await connect(server.address, TRUSTING);
    assertEquals((await client.recv()).length, 0);
    assertEquals((await silent.recv()).length, 0); // its connection is closed, and does not count any more
    silent.close();
  });
  assertEquals(called, 5);
  assertEquals(reports.list, []);
});

ioTest("StreamServer accepts others while a TLS handshake takes its time", async () => {
  await using server = tlsServer();
  await server.start();
  using silent = await connect(server.address);
  using client = await connect(server.address, TRUSTING);
  await client.sendAll(bytes("hello"));
  assertEquals(text(await client.recvExactly(5)), "hello");
  silent.close();
});

ioTest("StreamServer.stop() ends a TLS handshake", async () => {
  const server = tlsServer(undefined, { stopTimeout: 1 });
  await server.start();
  using silent = await connect(server.address);
  await eventually(() => server.pool.size === 1);
  await server.stop();
  silent.close();
});

ioTest("Socket over TLS loses nothing of a read that was killed", async () => {
  const more = new Semaphore(0);
  await using server = tlsServer(async (socket) => {
    for (let n = 0; n < 50; n++) {
      await more.acquire();
      await socket.sendAll(bytes(`${n}\n`));
    }
  });
  await server.start();
  using client = await connect(server.address, TRUSTING);
  for (let n = 0; n < 50; n++) {
    const killed = spawn(() => client.recv());
    await sleep();
    await killed.kill();
    await assertRejects(() => client.recv(1, { timeout: 0 }), Timeout);
    more.release();
    assertEquals(text(await client.readLine()), `${n}\n`);
  }
});

ioTest("Socket.close() over TLS wakes a reader and a writer", async () => {
  const forever = new Event();
  await using server = tlsServer(() => forever.wait(), { stopTimeout: 1 });
  await server.start();
  using client = await connect(server.address, TRUSTING);
  const { BadResource } = Deno.errors;
  const reader = spawn(() => assertRejects(() => client.recv(), BadResource));
  const writer = spawn(() =>
    assertRejects(() => client.sendAll(new Uint8Array(MORE_THAN_FITS)), BadResource)
  );
  await eventually(() => server.pool.size === 1);
  client.close();
  await reader.get();
  await writer.get();
});
