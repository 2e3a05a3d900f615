import {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertLess,
  assertRejects,
} from "@std/assert";
import { ConcurrentObjectUseError, GreenletExit } from "../../core/errors.ts";
import { idle, sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { connect } from "../../net/connect.ts";
import { Socket } from "../../net/socket.ts";
import { socketPair } from "../../net/socket_pair.ts";
import { StreamServer } from "../../net/stream_server.ts";
import { acceptTls, startTls, type TlsClientOptions } from "../../net/tls.ts";
import type { TlsEngine } from "../../net/tls_info.ts";
import { Semaphore } from "../../sync/semaphore.ts";
import {
  AUTHORITY,
  CERTIFICATE,
  CLIENT_CERTIFICATE,
  CLIENT_KEY,
  KEY,
  OTHER_AUTHORITY,
  OTHER_CERTIFICATE,
  OTHER_KEY,
} from "../helpers/certificates.ts";
import { connectionsAt } from "../helpers/connections.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { seededRandom } from "../helpers/random.ts";
import { collectReports } from "../helpers/reports.ts";
import { assertLeaksNoFile, bytes, clog, MORE_THAN_FITS, text } from "../helpers/sockets.ts";
import { CLIENT, SERVER, tlsPair } from "../helpers/tls.ts";

const { BadResource, Busy, InvalidData, UnexpectedEof } = Deno.errors;
const ENGINES: TlsEngine[] = ["node", "deno"];

/** A server's side of a protocol with STARTTLS. */
async function upgrade(plain: Socket): Promise<void> {
  assertEquals(text(await plain.readLine()), "STARTTLS\n");
  await plain.sendAll(bytes("220 go ahead\n"));
  using secure = await acceptTls(plain, SERVER);
  await secure.sendAll(await secure.readLine());
}

for (const engine of ENGINES) {
  ioTest(`startTls() and acceptTls() upgrade a connection in mid-stream (${engine})`, async () => {
    const [left, right] = await socketPair();
    left.timeout = 30_000;
    const serving = spawn(upgrade, right);
    await left.sendAll(bytes("STARTTLS\n"));
    await left.readLine();
    using secure = await startTls(left, { ...CLIENT, engine });
    await secure.sendAll(bytes("secret\n"));
    assertEquals(text(await secure.readLine()), "secret\n");
    assertEquals((await secure.recv()).length, 0);
    assertEquals(secure.timeout, 30_000);
    await serving.get();
    assert(left.closed && right.closed);
    await assertRejects(() => left.recv(), BadResource);
    await assertRejects(() => left.send(bytes("x")), BadResource);
  });

  ioTest(`startTls() refuses when bytes have come that nobody has read (${engine})`, async () => {
    const [left, right] = await socketPair();
    await right.sendAll(bytes("220 go ahead\n250 injected\n"));
    await left.readLine();
    assertGreater(left.buffered, 0);
    const refused = () => startTls(left, { ...CLIENT, engine });
    await assertRejects(refused, InvalidData, "13 bytes have come that nobody has read");
    assertEquals(text(await left.readLine()), "250 injected\n"); // it can still be used
    left.close();
    right.close();
  });

  ioTest(`startTls() never takes clear text for what came protected (${engine})`, async () => {
    const [left, right] = await socketPair();
    await right.sendAll(bytes("220 go ahead\n"));
    await left.readLine();
    await right.sendAll(bytes("250 injected\n")); // is not looked at before the handshake
    await assertRejects(() => startTls(left, { ...CLIENT, engine }), InvalidData);
    assert(left.closed);
    right.close();
  });

  ioTest(`startTls() refuses while somebody reads or writes the socket (${engine})`, async () => {
    const [left, right] = await socketPair();
    const reader = spawn(() => left.recv());
    await sleep();
    await assertRejects(() => startTls(left, { ...CLIENT, engine }), ConcurrentObjectUseError);
    assert(!left.closed);
    await right.sendAll(bytes("x"));
    await reader.get();
    const writer = spawn(() => left.sendAll(new Uint8Array(MORE_THAN_FITS)));
    await sleep();
    await assertRejects(() => startTls(left, { ...CLIENT, engine }), ConcurrentObjectUseError);
    await writer.kill();
    await clog(left);
    await assertRejects(() => startTls(left, { ...CLIENT, engine }), Busy);
    left.close();
    right.close();
  });

  ioTest(`startTls() refuses a connection that the peer has ended (${engine})`, async () => {
    const [left, right] = await socketPair();
    right.close();
    assertEquals((await left.recv()).length, 0);
    await assertRejects(() => startTls(left, { ...CLIENT, engine }), UnexpectedEof);
    left.close();
    await assertRejects(() => startTls(left, { ...CLIENT, engine }), BadResource);
  });

  ioTest(`startTls() fails when the peer closes in the handshake (${engine})`, async () => {
    const [left, right] = await socketPair();
    const closing = spawn(async () => {
      await right.recv();
      right.close();
    });
    await assertRejects(() => startTls(left, { ...CLIENT, engine }), UnexpectedEof);
    await closing.get();
  });

  ioTest(`startTls() checks the name and the authority of the server (${engine})`, async () => {
    await assertLeaksNoFile(async () => {
      const wrong: Partial<TlsClientOptions>[] = [
        { hostname: "example.com" },
        { hostname: "127.0.0.2" },
        { caCerts: [OTHER_AUTHORITY] },
      ];
      for (const options of wrong) {
        await assertRejects(() => tlsPair({ ...options, engine }), InvalidData);
      }
      for (const hostname of ["localhost", "LocalHost", "127.0.0.1"]) {
        using _ = await tlsPair({ hostname, engine });
      }
      using _ = await tlsPair({
        hostname: "example.com",
        unsafelyDisableHostnameVerification: true,
        engine,
      });
    });
  });

  ioTest(`startTls() raises a Timeout when the handshake takes too long (${engine})`, async () => {
    const [left, right] = await socketPair();
    await assertRejects(() => startTls(left, { ...CLIENT, engine, timeout: 10 }), Timeout, "10 ms");
    assert(left.closed);
    right.close();
    const [again, other] = await socketPair();
    again.timeout = 11;
    await assertRejects(() => startTls(again, { ...CLIENT, engine }), Timeout, "11 ms");
    other.close();
  });

  ioTest(`Socket over TLS can be closed in one direction (${engine})`, async () => {
    using pair = await tlsPair({ engine });
    const { client, server } = pair;
    await client.sendAll(bytes("question"));
    await client.shutdown("write");
    assertEquals(text(await server.recvExactly(8)), "question");
    assertEquals((await server.recv()).length, 0);
    await server.sendAll(bytes("answer"));
    assertEquals(text(await client.recvExactly(6)), "answer");
    server.close();
    assertEquals((await client.recv()).length, 0);
  });

  ioTest(`Socket over TLS sends and receives much at the same time (${engine})`, async () => {
    using pair = await tlsPair({ engine });
    const data = new Uint8Array(3_000_000).map((_, i) => i * 7 + (i >> 8));
    const ends = [pair.client, pair.server];
    const senders = ends.map((end) =>
      spawn(async () => {
        await end.sendAll(data);
        await end.shutdown("write");
      })
    );
    const receivers = ends.map((end) =>
      spawn(async () => {
        assertEquals(await end.recvExactly(data.length), data);
        assertEquals((await end.recv()).length, 0);
      })
    );
    for (const greenlet of [...senders, ...receivers]) await greenlet.get();
  });

  ioTest(`Socket over TLS holds a sender up whose peer does not read (${engine})`, async () => {
    using pair = await tlsPair({ engine });
    for (const end of [pair.client, pair.server]) {
      let sent = 0;
      const sender = spawn(async () => {
        for (;;) sent += await end.send(new Uint8Array(65536));
      });
      let before = -1;
      await eventually(async () => {
        const isStuck = before === sent;
        before = sent;
        await sleep(50);
        return isStuck;
      });
      assertLess(sent, MORE_THAN_FITS);
      await sender.kill();
    }
  });
}

ioTest("startTls() goes on after a read that was given up and is still under way", async () => {
  const [left, right] = await socketPair();
  const reader = spawn(() => left.recv());
  await sleep();
  await reader.kill();
  const serving = spawn(() => acceptTls(right, SERVER));
  using client = await startTls(left, CLIENT);
  using server = await serving.get();
  await client.sendAll(bytes("secret\n"));
  assertEquals(text(await server.readLine()), "secret\n");
});

ioTest("startTls() never takes clear text of a given-up read for what came protected", async () => {
  const [left, right] = await socketPair();
  const reader = spawn(() => left.recv());
  await sleep();
  await reader.kill();
  const starting = spawn(() => assertRejects(() => startTls(left, CLIENT), InvalidData));
  await right.sendAll(bytes("250 injected\n"));
  await starting.get();
  left.close();
  right.close();
});

ioTest("startTls() with engine deno is refused while a given-up read is under way", async () => {
  const [left, right] = await socketPair();
  const reader = spawn(() => left.recv());
  await sleep();
  await reader.kill();
  await assertRejects(() => startTls(left, { ...CLIENT, engine: "deno" }), Busy);
  right.close();
});

ioTest("startTls() refuses options that make no sense, and leaves the socket alone", async () => {
  const [left, right] = await socketPair();
  const refused = async (options: TlsClientOptions, message: string): Promise<void> => {
    await assertRejects(() => startTls(left, options), TypeError, message);
    assert(!left.closed);
  };
  await refused({}, "'hostname'");
  for (const hostname of ["", "not a name", "a/b", "a:b", "user@host"]) {
    await refused({ hostname }, Deno.inspect(hostname));
  }
  await refused({ ...CLIENT, cert: CLIENT_CERTIFICATE }, "'key'");
  await refused(
    { ...CLIENT, cert: CLIENT_CERTIFICATE, key: KEY },
    "'key' is not the key of 'cert'",
  );
  await refused({ ...CLIENT, cert: "nonsense", key: KEY }, "must be a certificate and its key");
  await refused({ ...CLIENT, caCerts: ["nonsense"] }, "authority");
  const both = { cert: CLIENT_CERTIFICATE, key: CLIENT_KEY };
  await refused({ ...CLIENT, ...both, engine: "deno" }, "engine 'deno'");
  left.close();
  right.close();
});

ioTest("acceptTls() refuses certificates that cannot be used, and leaves the socket", async () => {
  const [left, right] = await socketPair();
  const wrong = [
    { cert: "nonsense", key: KEY },
    { cert: CERTIFICATE, key: "nonsense" },
    { cert: CERTIFICATE, key: OTHER_KEY },
    { ...SERVER, clientCaCerts: ["nonsense"] },
  ];
  for (const options of wrong) {
    await assertRejects(() => acceptTls(left, options), TypeError, "Cannot use TLS");
    assert(!left.closed);
    const server = new StreamServer("127.0.0.1:0", () => {}, options);
    await assertRejects(() => server.start(), TypeError, "127.0.0.1:0");
  }
  left.close();
  right.close();
});

ioTest("acceptTls() takes clear text for a failed handshake, and closes", async () => {
  const [left, right] = await socketPair();
  await right.sendAll(bytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  await assertRejects(() => acceptTls(left, SERVER), InvalidData);
  assert(left.closed);
  while ((await right.recv()).length > 0); // an alert, and the end
  right.close();
});

ioTest("acceptTls() fails when the peer closes in the handshake", async () => {
  const [left, right] = await socketPair();
  right.close();
  await assertRejects(() => acceptTls(left, SERVER), UnexpectedEof);
});

ioTest(
  "acceptTls() and startTls() close the file at once although the peer is silent",
  async () => {
    const silent: Socket[] = [];
    for (const begin of [startTls, acceptTls]) {
      for (const end of ["timeout", "kill"]) {
        const [left, right] = await socketPair();
        silent.push(right);
        const { port } = left.localAddr as Deno.NetAddr;
        const options = { ...CLIENT, ...SERVER };
        const timeout = end === "timeout" ? 5 : null;
        const greenlet = spawn(async () => {
          const error = await begin(left, { ...options, timeout }).catch((error) => error);
          assertInstanceOf(error, end === "timeout" ? Timeout : GreenletExit);
        });
        if (end === "kill") {
          await sleep(5);
          await greenlet.kill();
        }
        await greenlet.get();
        await eventually(() => connectionsAt(port) === 0);
      }
    }
    for (const socket of silent) socket.close();
  },
);

ioTest(
  "Socket.close() over TLS closes the file at once although the peer reads nothing",
  async () => {
    using pair = await tlsPair();
    const { port } = pair.client.localAddr as Deno.NetAddr;
    assertEquals(connectionsAt(port), 1);
    const writer = spawn(() =>
      assertRejects(() => pair.client.sendAll(new Uint8Array(MORE_THAN_FITS)), BadResource)
    );
    await sleep(5);
    pair.client.close();
    await writer.get();
    await eventually(() => connectionsAt(port) === 0);
  },
);

ioTest("Socket.close() wakes whoever waits for the handshake", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = listener.addr;
  using socket = new Socket(await Deno.connectTls({ hostname, port }));
  using silent = await listener.accept();
  const handshake = spawn(() => assertRejects(() => socket.handshake(), Deno.errors.Interrupted));
  await sleep(1);
  socket.close();
  await handshake.get();
  silent.close(); // or the runtime would hold on to the connection
});

ioTest("acceptTls() lets in clients with the right certificate only, if it is to", async () => {
  const cert = { cert: CLIENT_CERTIFICATE, key: CLIENT_KEY };
  const required = { clientCaCerts: [OTHER_AUTHORITY] };
  using pair = await tlsPair(cert, required);
  const info = await pair.server.tlsInfo();
  assertEquals(info?.peerCertificate?.subject, { CN: "A client" });
  assertEquals(info?.peerCertificate?.subjectAltName, "DNS:client.test");
  await pair.client.sendAll(bytes("hello"));
  assertEquals(text(await pair.server.recvExactly(5)), "hello");

  const noneOfTheirs = { cert: CERTIFICATE, key: KEY };
  const forServersOnly = { cert: OTHER_CERTIFICATE, key: OTHER_KEY };
  for (const wrong of [{}, noneOfTheirs, forServersOnly]) {
    const [left, right] = await socketPair();
    const serving = spawn(() =>
      assertRejects(() => acceptTls(right, { ...SERVER, ...required }), InvalidData)
    );
    // With TLS 1.3 the client is done before the server has looked at its certificate.
    const error = await (async () => {
      using client = await startTls(left, { ...CLIENT, ...wrong });
      await client.recvExactly(1);
    })().catch((error) => error);
    assertInstanceOf(error, Error);
    await serving.get();
  }
  using unasked = await tlsPair(cert);
  assertEquals((await unasked.server.tlsInfo())?.peerCertificate, null);
});

ioTest("acceptTls() shows the certificate for the name that the client asks for", async () => {
  const asked: string[] = [];
  const other = { cert: OTHER_CERTIFICATE, key: OTHER_KEY };
  const sni = (hostname: string) => {
    asked.push(hostname);
    return hostname === "other.test" ? other : undefined;
  };
  const caCerts = [AUTHORITY, OTHER_AUTHORITY];
  for (const hostname of ["other.test", "localhost"]) {
    using pair = await tlsPair({ caCerts, hostname }, { sni });
    const info = await pair.client.tlsInfo();
    assertEquals(info?.peerCertificate?.subject.CN, hostname);
    assertEquals((await pair.server.tlsInfo())?.serverName, hostname);
  }
  using byAddress = await tlsPair({ hostname: "127.0.0.1" }, { sni });
  assertEquals((await byAddress.client.tlsInfo())?.peerCertificate?.subject.CN, "localhost");
  assertEquals(asked.filter((name) => name !== ""), ["other.test", "localhost"]);
});

ioTest("acceptTls() fails when there is no certificate for a name, or a wrong one", async () => {
  using reports = collectReports();
  const failing = [
    () => {
      throw new Error("no such host");
    },
    () => ({ cert: OTHER_CERTIFICATE, key: KEY }),
  ];
  for (const sni of failing) {
    const [left, right] = await socketPair();
    const client = spawn(() => assertRejects(() => startTls(left, CLIENT)));
    await assertRejects(() => acceptTls(right, { ...SERVER, sni }), InvalidData);
    await client.get();
  }
  assertEquals(reports.list.map(({ context }) => context), Array(2).fill("TlsServerOptions.sni"));
});

ioTest("Socket.tlsInfo() tells what the handshake has come to", async () => {
  using pair = await tlsPair({ alpnProtocols: ["h2", "http/1.1"] }, {
    alpnProtocols: ["http/1.1"],
  });
  const client = await pair.client.tlsInfo();
  assert(client);
  assertEquals(client.alpnProtocol, "http/1.1");
  assertEquals(await pair.server.alpnProtocol(), "http/1.1");
  assertEquals([client.version, (await pair.server.tlsInfo())?.version], ["TLSv1.3", "TLSv1.3"]);
  assert(client.cipher?.startsWith("TLS_"), client.cipher);
  const { peerCertificate } = client;
  assert(peerCertificate);
  assertEquals(peerCertificate.subject, { CN: "localhost" });
  assertEquals(peerCertificate.issuer, { CN: "Test authority of gevent for Deno" });
  assertEquals(peerCertificate.subjectAltName, "DNS:localhost, IP Address:127.0.0.1");
  assertEquals(peerCertificate.validFrom, new Date("2000-01-01"));
  assertEquals(peerCertificate.validTo, new Date("2100-01-01"));
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(peerCertificate.raw));
  const hex = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0"));
  assertEquals(peerCertificate.fingerprint256.toLowerCase(), hex.join(":"));
  assertEquals((await pair.server.tlsInfo())?.peerCertificate, null);
});

ioTest(
  "Socket.tlsInfo() tells only the protocol with engine deno, and nothing in clear",
  async () => {
    using pair = await tlsPair({ engine: "deno", alpnProtocols: ["x"] }, { alpnProtocols: ["x"] });
    assertEquals(await pair.client.tlsInfo(), { alpnProtocol: "x" });
    const [left, right] = await socketPair();
    assertEquals(await left.tlsInfo(), null);
    left.close();
    right.close();
  },
);

ioTest("acceptTls() fails when there is no protocol that both want", async () => {
  const [left, right] = await socketPair();
  const client = spawn(() =>
    assertRejects(() => startTls(left, { ...CLIENT, alpnProtocols: ["a"] }), UnexpectedEof)
  );
  const accepting = acceptTls(right, { ...SERVER, alpnProtocols: ["b"] });
  await assertRejects(() => accepting, InvalidData, "protocol");
  await client.get();
});

ioTest("Socket.send() over TLS takes no bytes, and all that are more than one record", async () => {
  using pair = await tlsPair();
  const { client, server } = pair;
  for (const send of [client.send, client.sendAll]) {
    assertEquals(await send.call(client, new Uint8Array()), 0);
    assertEquals(await send.call(client, new Uint8Array(), { timeout: 0 }), 0);
    assertEquals(await send.call(client, new Uint8Array(40_000).fill(7)), 40_000);
    assertEquals(await server.recvExactly(40_000), new Uint8Array(40_000).fill(7));
  }
});

ioTest("Socket over TLS loses no byte when reads are killed at random", async () => {
  using pair = await tlsPair();
  const random = seededRandom(7);
  const data = new Uint8Array(300_000).map((_, i) => i * 7 + (i >> 8));
  const round = new Semaphore(0);
  const sender = spawn(async () => {
    for (let at = 0; at < data.length;) {
      await round.acquire();
      at += await pair.server.sendAll(data.subarray(at, at + 1 + random(3000)));
    }
  });
  const received: number[] = [];
  let killed = 0;
  while (received.length < data.length) {
    const reader = spawn(async () => {
      for (;;) received.push(...await pair.client.recv(1 + random(5000)));
    });
    round.release();
    for (let turns = random(20); turns > 0; turns--) await sleep();
    await sleep(random(2));
    await reader.kill();
    killed++;
  }
  await sender.get();
  assertEquals(new Uint8Array(received), data);
  assertGreater(killed, 100);
});

ioTest("Socket over TLS still receives when sending has failed", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = listener.addr;
  const [conn, accepted] = await Promise.all([
    Deno.connect({ hostname, port }),
    listener.accept(),
  ]);
  const write = conn.write.bind(conn);
  const accepting = spawn(() => acceptTls(new Socket(accepted), SERVER));
  using client = await startTls(new Socket(conn), CLIENT);
  using server = await accepting.get();
  conn.write = () => Promise.reject(new Deno.errors.BrokenPipe("gone"));
  for (let i = 0; i < 3; i++) {
    await assertRejects(() => client.sendAll(bytes("a large body")), Deno.errors.BrokenPipe);
    await server.sendAll(bytes("413 too large\n"));
    assertEquals(text(await client.readLine()), "413 too large\n");
  }
  conn.write = write;
});

ioTest("startTls() works inside of TLS", async () => {
  using outer = await tlsPair();
  const [client, server] = await Promise.all([
    startTls(outer.client, CLIENT),
    acceptTls(outer.server, SERVER),
  ]);
  const data = new Uint8Array(500_000).map((_, i) => i * 3);
  const sending = spawn(() => client.sendAll(data));
  assertEquals(await server.recvExactly(data.length), data);
  await sending.get();
  client.close();
  assertEquals((await server.recv()).length, 0);
  server.close();
});

ioTest("StreamServer speaks TLS on a unix socket", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/socket`;
  await using server = new StreamServer(
    { path },
    (socket) => socket.sendAll(bytes("hello")),
    SERVER,
  );
  await server.start();
  using client = await connect({ path }, { tls: { caCerts: [AUTHORITY] } });
  assertEquals(text(await client.recvExactly(5)), "hello");
  await assertRejects(() => connect({ path }, { tls: { engine: "deno" } }), TypeError, "unix");
  client.close();
  await server.stop();
  await Deno.remove(folder, { recursive: true });
});

ioTest("StreamServer over TLS serves 100 connections to the last byte", async () => {
  await using server = new StreamServer("127.0.0.1:0", async (socket) => {
    for (let data = await socket.recv(); data.length > 0; data = await socket.recv()) {
      await socket.sendAll(data);
    }
  }, SERVER);
  await server.start();
  const echoes = await Promise.all(Array.from({ length: 100 }, async (_, n) => {
    using client = await connect(server.address, { tls: CLIENT });
    let right = 0;
    for (let i = 0; i < 20; i++) {
      const message = new Uint8Array(1 + n * i).fill(n);
      await client.sendAll(message);
      if ((await client.recvExactly(message.length)).every((byte) => byte === n)) right++;
    }
    return right;
  }));
  assertEquals(echoes, Array.from({ length: 100 }, () => 20));
  await idle();
});
