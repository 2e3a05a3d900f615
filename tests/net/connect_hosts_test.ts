import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { Timeout } from "../../core/timeout.ts";
import { spawn } from "../../core/spawn.ts";
import { sleep } from "../../core/sleep.ts";
import { connect } from "../../net/connect.ts";
import type { HostAddress } from "../../net/dns_records.ts";
import { Resolver } from "../../net/resolver.ts";
import type { Socket } from "../../net/socket.ts";
import { freePort } from "../helpers/child_server.ts";
import { ioTest } from "../helpers/io_test.ts";
import { assertLeaksNoFile } from "../helpers/sockets.ts";

/** Knows one host, with the given addresses. */
class OneHost extends Resolver {
  asked = 0;
  readonly #addresses: readonly string[];

  constructor(...addresses: string[]) {
    super();
    this.#addresses = addresses;
  }

  protected override askSystem(): Promise<readonly HostAddress[]> {
    this.asked++;
    const family = (address: string): 4 | 6 => address.includes(":") ? 6 : 4;
    return Promise.resolve(
      this.#addresses.map((address) => ({ address, family: family(address) })),
    );
  }
}

/** Fills the queue of a listener, so that connecting to it takes for ever. */
async function fill(listener: Deno.TcpListener): Promise<Disposable> {
  const { hostname, port } = listener.addr;
  const clients: Socket[] = [];
  try {
    for (;;) clients.push(await connect({ hostname, port }, { timeout: 50 }));
  } catch (error) {
    assertInstanceOf(error, Timeout);
  }
  return { [Symbol.dispose]: () => clients.forEach((client) => client.close()) };
}

ioTest("connect() tries the next address of a host when one refuses", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.2", port: 0 });
  const resolver = new OneHost("::1", "127.0.0.1", "127.0.0.2");
  const address = { hostname: "host.test", port: listener.addr.port };
  using socket = await connect(address, { resolver });
  assertEquals((socket.remoteAddr as Deno.NetAddr).hostname, "127.0.0.2");
  (await listener.accept()).close();
  using again = await connect(address, { resolver });
  assert(!again.closed);
  (await listener.accept()).close();
  assertEquals(resolver.asked, 1, "The addresses were not remembered");
});

ioTest("connect() names all addresses of a host when all refuse", async () => {
  const port = freePort();
  const resolver = new OneHost("127.0.0.1", "127.0.0.2", "::1");
  const error = await assertRejects(
    () => connect(`host.test:${port}`, { resolver }),
    Deno.errors.ConnectionRefused,
    `127.0.0.2:${port}`,
  );
  assertInstanceOf(error.cause, AggregateError);
  assert(error.cause.message.includes("host.test"), error.cause.message);
  const named = [`127.0.0.1:${port}`, `[::1]:${port}`, `127.0.0.2:${port}`];
  assertEquals(error.cause.errors.map(({ message }) => message.split(": ").at(-1)), named);
});

ioTest("connect() names the address that it was given when that refuses", async () => {
  const port = freePort();
  const refused = Deno.errors.ConnectionRefused;
  const error = await assertRejects(
    () => connect({ hostname: "127.0.0.1", port }),
    refused,
    `: 127.0.0.1:${port}`,
  );
  assertEquals(error.cause, undefined);
});

ioTest(
  "connect() tries the next address of a host when one is silent, and lets go of that",
  async () => {
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
    const { port } = silent.addr;
    using listener = Deno.listen({ hostname: "127.0.0.2", port });
    using _full = await fill(silent);
    const resolver = new OneHost("127.0.0.1", "127.0.0.2");
    await assertLeaksNoFile(async () => {
      using socket = await connect(`host.test:${port}`, { resolver, attemptDelay: 20 });
      assertEquals((socket.remoteAddr as Deno.NetAddr).hostname, "127.0.0.2");
      (await listener.accept()).close();
    });
  },
);

ioTest("connect() lets go of all addresses when it is killed", async () => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const { port } = silent.addr;
  using other = Deno.listen({ hostname: "127.0.0.2", port, tcpBacklog: 1 });
  using _full = await fill(silent);
  using _alsoFull = await fill(other);
  const resolver = new OneHost("127.0.0.1", "127.0.0.2");
  await assertLeaksNoFile(async () => {
    const connecting = spawn(() => connect(`host.test:${port}`, { resolver, attemptDelay: 1 }));
    await sleep(5);
    await connecting.kill();
  });
  await assertLeaksNoFile(() =>
    assertRejects(
      () => connect(`host.test:${port}`, { resolver, attemptDelay: 1, timeout: 5 }),
      Timeout,
    )
  );
});

ioTest("connect() throws NotFound when the host is not known", async () => {
  await assertRejects(() => connect("nobody.invalid:80"), Deno.errors.NotFound, "nobody.invalid");
});

ioTest("connect() refuses a delay that is no positive number", async () => {
  for (const attemptDelay of [0, -1, NaN, "1"]) {
    await assertRejects(() => connect(80, { attemptDelay: attemptDelay as number }), RangeError);
  }
});

ioTest("connect() needs no permission but that for the name of the host", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const module = new URL("../../net/connect.ts", import.meta.url).href;
  const program = `
    const { connect } = await import("${module}");
    using socket = await connect("localhost:${port}");
    console.log(new TextDecoder().decode(await socket.recv()));
    await connect("127.0.0.1:${port}").catch((error) => console.log(error.name));
    await connect("elsewhere.test:${port}").catch((error) => console.log(error.name));
  `;
  for (const host of ["localhost", `localhost:${port}`]) {
    const source = `data:text/javascript,${encodeURIComponent(program)}`;
    const running = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-config", "--no-prompt", `--allow-net=${host}`, source],
      env: { NO_COLOR: "1" },
    }).output();
    const conn = await listener.accept();
    await conn.write(new TextEncoder().encode("hello"));
    conn.close();
    const { stdout, stderr } = await running;
    assertEquals(new TextDecoder().decode(stderr), "");
    assertEquals(new TextDecoder().decode(stdout), "hello\nNotCapable\nNotCapable\n");
  }
});
