import { assert, assertEquals, assertRejects } from "@std/assert";
import { EchoClient } from "./echo_client.ts";

const LOAD = { connections: 5, messages: 20 };
const LIMIT = 20;

/** A server that answers each piece it reads with what `reply` makes of it, and hangs up at `null`. */
function serve(reply: (data: Uint8Array) => Uint8Array | null): Deno.TcpListener {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const talk = async (conn: Deno.TcpConn): Promise<void> => {
    const buffer = new Uint8Array(1024);
    for (;;) {
      const count = await conn.read(buffer).catch(() => null);
      const answer = count === null ? null : reply(buffer.subarray(0, count));
      if (answer === null) return conn.close();
      await conn.write(answer);
    }
  };
  void (async () => {
    for await (const conn of listener) void talk(conn);
  })();
  return listener;
}

async function withClients(run: (client: EchoClient) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const client of [await EchoClient.prepare(folder), EchoClient.forDeno()]) {
      await run(client);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: "EchoClient.run() counts all messages",
  timeout: 60_000,
  fn: () =>
    withClients(async (client) => {
      using server = serve((data) => data);
      const result = await client.run(server.addr.port, LOAD, LIMIT);
      assertEquals(result.messages, 100);
      assert(result.rate > 0 && result.p50 <= result.p99 && result.p99 <= result.max);
      assert(result.leastServed <= 10 && result.mostServed >= 10);
    }),
});

Deno.test({
  name: "EchoClient.run() throws when an echo is wrong or a connection ends early",
  timeout: 60_000,
  fn: () =>
    withClients(async (client) => {
      using liar = serve((data) => data.map((byte) => byte ^ 1));
      await assertRejects(() => client.run(liar.addr.port, LOAD, LIMIT), Error, "wrong");
      using quitter = serve(() => null);
      await assertRejects(() => client.run(quitter.addr.port, LOAD, LIMIT), Error, "broken");
    }),
});
