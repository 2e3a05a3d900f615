import { assertEquals, assertRejects } from "@std/assert";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { patchConnect } from "../../monkey/patch_connect.ts";
import { patchTls } from "../../monkey/patch_tls.ts";
import { AUTHORITY, CERTIFICATE, KEY } from "../helpers/certificates.ts";
import { ioTest } from "../helpers/io_test.ts";
import { assertKillable, assertLimited } from "../helpers/killed.ts";
import { closeQuietly, text, write } from "../helpers/sockets.ts";

const ANY = { hostname: "127.0.0.1", port: 0 };
const TRUSTED = { caCerts: [AUTHORITY] };

/** Both ends of a connection over patched functions. */
async function pair(): Promise<{ client: Deno.TlsConn; server: Deno.TlsConn } & Disposable> {
  using listener = Deno.listenTls({ ...ANY, cert: CERTIFICATE, key: KEY });
  const { port } = listener.addr as Deno.NetAddr;
  const [client, server] = await Promise.all([
    spawn(() => Deno.connectTls({ hostname: "localhost", port, ...TRUSTED })).get(),
    spawn(() => listener.accept()).get(),
  ]);
  return {
    client,
    server,
    [Symbol.dispose](): void {
      client.close();
      server.close();
    },
  };
}

ioTest("Deno.TlsConn.read() loses no byte when it is killed", async () => {
  using _patch = patchTls();
  using ends = await pair();
  const { client, server } = ends;
  await Promise.all([client.handshake(), server.handshake()]);
  await assertKillable("Deno.Conn.read", () => client.read(new Uint8Array(10)));
  await assertLimited(() => client.read(new Uint8Array(10)));
  await spawn(() => write(server, "hello")).get();
  const buffer = new Uint8Array(10);
  assertEquals(await spawn(() => client.read(buffer)).get(), 5);
  assertEquals(text(buffer.subarray(0, 5)), "hello");
});

ioTest("Deno.TlsConn.handshake() can be killed while the other end says nothing", async () => {
  using _patch = patchTls();
  using listener = Deno.listen(ANY);
  const { port } = listener.addr;
  const [tcp, silent] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port }),
    listener.accept(),
  ]);
  const client = await spawn(() => Deno.startTls(tcp, { hostname: "localhost", ...TRUSTED })).get();
  await assertKillable("Deno.TlsConn.handshake", () => client.handshake());
  client.close();
  silent.close();
});

ioTest("Deno.startTls() makes connections that can be killed", async () => {
  using _patch = patchTls();
  using listener = Deno.listenTls({ ...ANY, cert: CERTIFICATE, key: KEY });
  const { port } = listener.addr as Deno.NetAddr;
  const [tcp, server] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port }),
    listener.accept(),
  ]);
  using client = await spawn(() => Deno.startTls(tcp, { hostname: "localhost", ...TRUSTED })).get();
  await Promise.all([client.handshake(), server.handshake()]);
  await assertKillable("Deno.Conn.read", () => client.read(new Uint8Array(10)));
  server.close();
});

ioTest(
  "Deno.startTls() refuses a connection with bytes that came in clear for a killed read",
  async () => {
    using _connect = patchConnect();
    using _patch = patchTls();
    using listener = Deno.listen(ANY);
    const { hostname, port } = listener.addr;
    const [conn, peer] = await Promise.all([Deno.connect({ hostname, port }), listener.accept()]);
    await assertKillable("Deno.Conn.read", () => conn.read(new Uint8Array(10)));
    await write(peer, "clear");
    const tls = (): Promise<Deno.TlsConn> => Deno.startTls(conn, { hostname: "localhost" });
    const buffer = new Uint8Array(1);
    await conn.read(buffer); // so that they have come
    await assertRejects(tls, Deno.errors.InvalidData, "4 bytes");
    closeQuietly(conn);
    closeQuietly(peer);
  },
);

ioTest("Deno.connectTls() closes a connection that comes too late", async () => {
  using _patch = patchTls();
  using listener = Deno.listen(ANY);
  const { port } = listener.addr;
  const g = spawn(() => Deno.connectTls({ hostname: "localhost", port, ...TRUSTED }));
  await sleep();
  await g.kill();
  using _peer = await listener.accept();
  assertEquals(g.dead, true); // that nothing is left open is for the sanitizers
});

ioTest("Deno.connectTls() reports failures as ever", async () => {
  using _patch = patchTls();
  using listener = Deno.listenTls({ ...ANY, cert: CERTIFICATE, key: KEY });
  const { port } = listener.addr as Deno.NetAddr;
  const [client, server] = await Promise.all([
    spawn(() => Deno.connectTls({ hostname: "localhost", port })).get(),
    listener.accept(),
  ]);
  await spawn(() => assertRejects(() => client.handshake(), Deno.errors.InvalidData)).get();
  await assertRejects(() => server.handshake());
  closeQuietly(client);
  closeQuietly(server);
});
