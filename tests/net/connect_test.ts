import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import type { Address } from "../../net/address.ts";
import { connect, type ConnectOptions } from "../../net/connect.ts";
import type { Socket } from "../../net/socket.ts";
import { AUTHORITY, CERTIFICATE, KEY } from "../helpers/certificates.ts";
import { ioTest } from "../helpers/io_test.ts";
import { assertLeaksNoFile, bytes, text } from "../helpers/sockets.ts";

/** A listener that accepts nothing unless it is asked to. */
function listen(
  options: Partial<Deno.ListenOptions & { tcpBacklog: number }> = {},
): Deno.TcpListener {
  return Deno.listen({ hostname: "127.0.0.1", port: 0, ...options });
}

function listenTls(alpnProtocols: string[] = []): Deno.TlsListener {
  return Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    cert: CERTIFICATE,
    key: KEY,
    alpnProtocols,
  });
}

/** Accepts one connection and says hello on it. */
async function greetOne(listener: Deno.Listener): Promise<void> {
  const conn = await listener.accept();
  try {
    await conn.write(bytes("hello"));
  } finally {
    conn.close();
  }
}

/** A listener whose queue is full, so that connecting to it takes for ever. */
async function deafListener(): Promise<{ port: number } & Disposable> {
  const listener = listen({ tcpBacklog: 1 });
  const { port } = listener.addr;
  const clients: Socket[] = [];
  try {
    for (;;) clients.push(await connect({ hostname: "127.0.0.1", port }, { timeout: 50 }));
  } catch (error) {
    assertInstanceOf(error, Timeout);
  }
  return {
    port,
    [Symbol.dispose](): void {
      for (const client of clients) client.close();
      listener.close();
    },
  };
}

const TRUSTING: ConnectOptions = { tls: { caCerts: [AUTHORITY] } };

for (
  const form of [
    (port) => port,
    (port) => `:${port}`,
    (port) => `127.0.0.1:${port}`,
    (port) => ({ port }),
    (port) => ({ hostname: "localhost", port }),
  ] satisfies ((port: number) => Address)[]
) {
  ioTest(`connect() takes an address such as ${Deno.inspect(form(80))}`, async () => {
    using listener = listen();
    const [socket] = await Promise.all([connect(form(listener.addr.port)), greetOne(listener)]);
    assertEquals(text(await socket.recvExactly(5)), "hello");
    socket.close();
  });
}

ioTest("connect() connects to a unix socket", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/socket`;
  using listener = Deno.listen({ transport: "unix", path });
  using socket = await connect({ path });
  await greetOne(listener);
  assertEquals(text(await socket.recvExactly(5)), "hello");
  assertEquals(String(socket), `<Socket (unnamed) from ${path}>`);
  socket.close();
  listener.close();
  await Deno.remove(folder, { recursive: true });
});

ioTest("connect() closes the connection when that comes too late", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/socket`;
  using listener = Deno.listen({ transport: "unix", path });
  for (let i = 0; i < 5; i++) {
    const greenlet = spawn(() => connect({ path }));
    await sleep(); // it has begun, and the runtime cannot be told to stop
    await greenlet.kill();
    using accepted = await listener.accept();
    assertEquals(await accepted.read(new Uint8Array(1)), null);
  }
  listener.close();
  await Deno.remove(folder, { recursive: true });
});

ioTest("connect() throws what the runtime throws when it is refused", async () => {
  const listener = listen();
  const { port } = listener.addr;
  listener.close();
  await assertRejects(() => connect(port), Deno.errors.ConnectionRefused);
  await assertRejects(() => connect({ path: "/nowhere/at/all" }), Deno.errors.NotFound);
});

ioTest("connect() throws a TypeError for an address it does not understand", async () => {
  await assertRejects(() => connect("nonsense"), TypeError, "nonsense");
  await assertRejects(() => connect(70_000), RangeError, "70000");
});

ioTest("connect() throws a Timeout when it takes too long", async () => {
  using deaf = await deafListener();
  await assertRejects(() => connect(deaf.port, { timeout: 10 }), Timeout, "10 ms");
  const timeout = new Timeout(10);
  assertStrictEquals(await connect(deaf.port, { timeout }).catch((error) => error), timeout);
  const around = withTimeout(10, () => connect(deaf.port), { timeoutValue: "too late" });
  assertEquals(await around, "too late");
  await assertLeaksNoFile(() => assertRejects(() => connect(deaf.port, { timeout: 10 })));
});

ioTest("connect() leaves no file open when it is killed", async () => {
  using deaf = await deafListener();
  await assertLeaksNoFile(async () => {
    const greenlet = spawn(() => connect(deaf.port));
    await sleep(1);
    await greenlet.kill();
  });
});

ioTest("connect() leaves no file open whenever it is killed", async () => {
  using listener = listen();
  const accepting = (async () => {
    for await (const conn of listener) conn.close();
  })();
  let made = 0, tried = 0;
  await assertLeaksNoFile(async () => {
    for (let turns = 0; turns < 20; turns++) {
      const greenlet = spawn(async () => {
        (await connect(listener.addr.port)).close();
        made++;
      });
      for (let turn = 0; turn < turns; turn++) await sleep(turns % 3 === 0 ? 1 : 0);
      await greenlet.kill();
      tried++;
    }
  });
  assert(made > 0 && made < tried, `${made} of ${tried} were made`);
  listener.close();
  await accepting;
});

ioTest("connect() ends with the reason of its signal when that is aborted", async () => {
  using deaf = await deafListener();
  await assertLeaksNoFile(async () => {
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const connecting = connect(deaf.port, { signal: controller.signal });
    await sleep();
    controller.abort(reason);
    assertStrictEquals(await connecting.catch((error) => error), reason);
    const again = connect(deaf.port, { signal: controller.signal });
    assertStrictEquals(await again.catch((error) => error), reason);
  });
});

ioTest("connect() does not touch a running Timeout it is given", async () => {
  using listener = listen();
  using timeout = Timeout.start(60_000);
  for (let i = 0; i < 2; i++) {
    using _ = await connect(listener.addr.port, { timeout });
    assert(timeout.pending);
  }
});

ioTest("connect() can be given the same Timeout again", async () => {
  using listener = listen();
  const timeout = new Timeout(60_000);
  for (let i = 0; i < 2; i++) {
    using _ = await connect(listener.addr.port, { timeout });
    assert(!timeout.pending);
  }
});

ioTest("connect() speaks TLS", async () => {
  using listener = listenTls();
  const [socket] = await Promise.all([
    connect(`localhost:${listener.addr.port}`, TRUSTING),
    greetOne(listener),
  ]);
  assertEquals(text(await socket.recvExactly(5)), "hello");
  assertEquals((await socket.recv()).length, 0);
  socket.close();
});

ioTest("connect() agrees on a protocol with ALPN", async () => {
  using listener = listenTls(["h2", "http/1.1"]);
  const [socket] = await Promise.all([
    connect(listener.addr.port, {
      tls: { hostname: "localhost", caCerts: [AUTHORITY], alpnProtocols: ["http/1.1"] },
    }),
    greetOne(listener),
  ]);
  assertEquals(await socket.alpnProtocol(), "http/1.1");
  socket.close();
});

ioTest("connect() refuses a certificate that it does not trust", async () => {
  using listener = listenTls();
  const address = `localhost:${listener.addr.port}`;
  await assertLeaksNoFile(async () => {
    const serving = greetOne(listener).catch(() => {});
    await assertRejects(() => connect(address, { tls: true }), Error, "verify");
    await serving;
  });
});

ioTest("connect() refuses a certificate for another name", async () => {
  using listener = listenTls();
  const tls = { hostname: "example.com", caCerts: [AUTHORITY] };
  await assertLeaksNoFile(async () => {
    const serving = greetOne(listener).catch(() => {});
    await assertRejects(() => connect(listener.addr.port, { tls }), Error, "certificate");
    await serving;
  });
});

ioTest("connect() fails when the peer does not speak TLS", async () => {
  using listener = listen();
  await assertLeaksNoFile(async () => {
    const serving = greetOne(listener).catch(() => {});
    await assertRejects(() => connect(listener.addr.port, TRUSTING), Error);
    await serving;
  });
});

ioTest("connect() counts its timeout for the TLS handshake too", async () => {
  using listener = listen();
  await assertLeaksNoFile(async () => {
    const accepting = listener.accept();
    await assertRejects(() => connect(listener.addr.port, { ...TRUSTING, timeout: 20 }), Timeout);
    (await accepting).close();
  });
});

ioTest("connect() can be killed during the TLS handshake", async () => {
  using listener = listen();
  await assertLeaksNoFile(async () => {
    const accepting = listener.accept();
    const greenlet = spawn(() => connect(listener.addr.port, TRUSTING));
    using silent = await accepting;
    await silent.read(new Uint8Array(4096)); // the client's part of the handshake
    await greenlet.kill();
  });
});

ioTest("connect() closes the connection when TLS cannot be set up", async () => {
  using listener = listen();
  const tls = { hostname: "not a name" };
  await assertLeaksNoFile(async () => {
    await assertRejects(() => connect(listener.addr.port, { tls }), TypeError, "not a name");
    using accepted = await listener.accept();
    assertEquals(await accepted.read(new Uint8Array(1)), null);
  });
});
