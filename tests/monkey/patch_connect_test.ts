import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { patchConnect } from "../../monkey/patch_connect.ts";
import { assertKillable, assertLimited, untilIn } from "../helpers/killed.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { closeQuietly, MORE_THAN_FITS, readAll, text, write } from "../helpers/sockets.ts";
import { withFolder } from "../helpers/unix_sockets.ts";

/** A connection that was made with the patched function, and the other end of it. */
async function pair(): Promise<{ conn: Deno.TcpConn; peer: Deno.TcpConn } & Disposable> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = listener.addr;
  const [conn, peer] = await Promise.all([Deno.connect({ hostname, port }), listener.accept()]);
  return {
    conn,
    peer,
    [Symbol.dispose](): void {
      closeQuietly(conn);
      closeQuietly(peer);
    },
  };
}

ioTest("Deno.connect() takes options that are accessors of a class in a greenlet", async () => {
  using _patch = patchConnect();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  class Options {
    readonly #port = listener.addr.port;
    get hostname(): string {
      return "127.0.0.1";
    }
    get port(): number {
      return this.#port;
    }
  }
  using conn = await spawn(() => Deno.connect(new Options())).get();
  assertEquals(conn.remoteAddr.port, listener.addr.port);
  using _peer = await listener.accept();
});

ioTest("Deno.Conn.read() loses no byte when it is killed", async () => {
  using _patch = patchConnect();
  using ends = await pair();
  const { conn, peer } = ends;
  const data = crypto.getRandomValues(new Uint8Array(50_000));
  const received: number[] = [];
  const readSome = async (): Promise<void> => {
    const buffer = new Uint8Array(1 + Math.floor(Math.random() * 300));
    const count = await conn.read(buffer);
    received.push(...buffer.subarray(0, count!));
  };
  const writer = spawn(async () => {
    for (let at = 0; at < data.length; at += 250) {
      await write(peer, data.subarray(at, at + 250));
      if (at % 3000 === 0) await sleep(1);
    }
  });
  let kills = 0;
  while (received.length < data.length) {
    const reader = spawn(readSome);
    await sleep();
    if (Math.random() < 0.5) await sleep(1);
    if (!reader.dead) kills++;
    await reader.kill();
    if (Math.random() < 0.3 && received.length < data.length) await spawn(readSome).get();
  }
  await writer.get();
  assertEquals(Uint8Array.from(received), data);
  assert(kills > 0, "Nothing was killed");
});

ioTest(
  "Deno.Conn.read() gives what a killed read would have got to code outside greenlets",
  async () => {
    using _patch = patchConnect();
    using ends = await pair();
    const { conn, peer } = ends;
    await assertKillable("Deno.Conn.read", () => conn.read(new Uint8Array(10)));
    const buffer = new Uint8Array(10);
    const reading = conn.read(buffer);
    await write(peer, "hello");
    assertEquals([await reading, text(buffer.subarray(0, 5))], [5, "hello"]);
    assertEquals(await conn.read(new Uint8Array(0)), 0);
  },
);

ioTest("Deno.Conn.read() does not write into the buffer of a read that was killed", async () => {
  using _patch = patchConnect();
  using ends = await pair();
  const { conn, peer } = ends;
  const abandoned = new Uint8Array(10);
  await assertKillable("Deno.Conn.read", () => conn.read(abandoned));
  await write(peer, "hello");
  await sleep(5); // so that it comes while nobody reads, as far as the system is quick enough
  const small = new Uint8Array(2);
  const got: string[] = [];
  for (let count = 0; count < 5;) {
    const size = await spawn(() => conn.read(small)).get();
    got.push(text(small.subarray(0, size!)));
    count += size!;
  }
  assertEquals([got, abandoned], [["he", "ll", "o"], new Uint8Array(10)]);
});

ioTest("Deno.Conn.read() finds the end and errors in greenlets, too", async () => {
  using _patch = patchConnect();
  using ends = await pair();
  const { conn, peer } = ends;
  await assertKillable("Deno.Conn.read", () => conn.read(new Uint8Array(10)));
  peer.close();
  await sleep(5); // so that the end comes while nobody reads
  assertEquals(await spawn(() => conn.read(new Uint8Array(10))).get(), null);
  assertEquals(await conn.read(new Uint8Array(10)), null);
  conn.close();
  await spawn(() => assertRejects(() => conn.read(new Uint8Array(10)), Deno.errors.BadResource))
    .get();
});

ioTest("Deno.Conn.read() refuses what is no buffer, and reads on", async () => {
  using _patch = patchConnect();
  using ends = await pair();
  const { conn, peer } = ends;
  await write(peer, "hello");
  await spawn(async () => {
    for (const buffer of [undefined, new ArrayBuffer(4), "text"]) {
      await assertRejects(() => conn.read(buffer as never), TypeError);
    }
    assertEquals(await conn.read(new Uint8Array(5)), 5);
  }).get();
});

ioTest("Deno.Conn.read() serves greenlets in the order in which they came", async () => {
  using _patch = patchConnect();
  using ends = await pair();
  const { conn, peer } = ends;
  const got: string[] = [];
  const readers = ["a", "b", "c"].map((name) =>
    spawn(async () => {
      const buffer = new Uint8Array(1);
      await conn.read(buffer);
      got.push(name + text(buffer));
    })
  );
  await untilIn(readers[2]!, "Deno.Conn.read");
  await readers[1]!.kill();
  await write(peer, "12");
  await readers[0]!.get();
  await readers[2]!.get();
  assertEquals(got, ["a1", "c2"]);
});

ioTest("Deno.Conn.readable begins with what a killed read would have got", async () => {
  using _patch = patchConnect();
  using ends = await pair();
  const { conn, peer } = ends;
  const untouched = conn.readable;
  assertStrictEquals(conn.readable, untouched);
  using others = await pair();
  await assertKillable("Deno.Conn.read", () => others.conn.read(new Uint8Array(10)));
  await write(others.peer, "hello");
  others.peer.close();
  assertStrictEquals(others.conn.readable, others.conn.readable);
  assertEquals(await new Response(others.conn.readable).text(), "hello");
  using more = await pair();
  await assertKillable("Deno.Conn.read", () => more.conn.read(new Uint8Array(10)));
  const reader = more.conn.readable.getReader({ mode: "byob" });
  await write(more.peer, "hello");
  const { value } = await reader.read(new Uint8Array(3));
  assertEquals(text(value!), "hel");
  more.peer.close();
  assertEquals(text((await reader.read(new Uint8Array(3))).value!), "lo");
  assertEquals((await reader.read(new Uint8Array(3))).done, true);
  peer.close();
  assertEquals(await new Response(untouched).text(), "");
});

ioTest("Deno.Conn.readable fails and is cancelled as ever when it is closed already", async () => {
  using _patch = patchConnect();
  for (const use of ["read", "cancel"] as const) {
    using ends = await pair();
    await assertKillable("Deno.Conn.read", () => ends.conn.read(new Uint8Array(10)));
    const reader = ends.conn.readable.getReader();
    ends.conn.close();
    if (use === "read") await assertRejects(() => reader.read());
    else await reader.cancel();
  }
});

ioTest("Deno.Conn.write() can be killed when the other end does not read", async () => {
  using _patch = patchConnect();
  using ends = await pair();
  const { conn } = ends;
  await assertKillable("Deno.Conn.write", () => write(conn, new Uint8Array(MORE_THAN_FITS)));
});

ioTest("Deno.Conn.write() keeps the order of what greenlets write", async () => {
  using _patch = patchConnect();
  using ends = await pair();
  const { conn, peer } = ends;
  for (const part of ["one ", "two ", "three"]) await spawn(() => write(conn, part)).get();
  await spawn(() => conn.closeWrite()).get();
  assertEquals(text(await readAll(peer)), "one two three");
});

ioTest("Deno.Conn can be limited in time", async () => {
  using _patch = patchConnect();
  using ends = await pair();
  await assertLimited(() => ends.conn.read(new Uint8Array(10)));
});

ioTest("Deno.connect() returns what it always did", async () => {
  const plain = await pair();
  using patched = await (async () => {
    using _patch = patchConnect();
    return await pair();
  })();
  assertEquals(patched.conn.constructor, plain.conn.constructor);
  assert(patched.conn instanceof plain.conn.constructor);
  assertEquals(Object.keys(patched.conn), Object.keys(plain.conn));
  patched.conn.setNoDelay(true);
  assertEquals((patched.conn.remoteAddr as Deno.NetAddr).hostname, "127.0.0.1");
  plain[Symbol.dispose]();
});

ioTest("Deno.connect() ends connecting on the wire when it is killed", async () => {
  using _patch = patchConnect();
  // Whoever comes when nobody is accepted and the queue is full gets no answer from the system.
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const { hostname, port } = listener.addr;
  const greenlets = Array.from({ length: 6 }, () => spawn(() => Deno.connect({ hostname, port })));
  await sleep(50);
  const waiting = greenlets.filter((g) => !g.dead);
  assert(waiting.length > 0, "All were connected");
  for (const g of waiting) {
    await untilIn(g, "Deno.connect");
    await g.kill();
  }
  for (const g of greenlets) if (!waiting.includes(g)) (await g.get()).close();
});

ioTest("Deno.connect() heeds the signal of its caller in a greenlet", async () => {
  using _patch = patchConnect();
  const reason = new Error("no more");
  const error = await spawn(() =>
    assertRejects(() =>
      Deno.connect({ hostname: "127.0.0.1", port: 9, signal: AbortSignal.abort(reason) })
    )
  ).get();
  assertStrictEquals(error, reason);
});

ioTest("Deno.connect() closes a connection that comes too late", async () => {
  using _patch = patchConnect();
  await withFolder(async (folder) => {
    const path = `${folder}/socket`;
    using listener = Deno.listen({ transport: "unix", path });
    const g = spawn(() => Deno.connect({ transport: "unix", path }));
    await sleep();
    await g.kill();
    using peer = await listener.accept();
    assertEquals(await peer.read(new Uint8Array(1)), null);
  });
});

ioTest("Deno.connect() reports failures as ever", async () => {
  using _patch = patchConnect();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await spawn(() =>
    assertRejects(
      () => Deno.connect({ hostname: "127.0.0.1", port }),
      Deno.errors.ConnectionRefused,
    )
  ).get();
});

ioTest("A reading loop that a greenlet has started for others survives the greenlet", async () => {
  using _patch = patchConnect();
  using ends = await pair();
  const { conn, peer } = ends;
  const lines: string[] = [];
  let failed: unknown;
  /** A client as there are many: connecting starts a loop that hands replies out. */
  const receive = async (): Promise<void> => {
    const buffer = new Uint8Array(100);
    for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
      lines.push(text(buffer.subarray(0, n)));
    }
  };
  const creator = spawn(async () => {
    receive().catch((error) => failed = error);
    await sleep(60_000);
  });
  await sleep(1);
  await creator.kill();
  for (const line of ["one", "two"]) {
    await write(peer, line);
    await eventually(() => lines.includes(line));
  }
  assertEquals([lines, failed], [["one", "two"], undefined]);
  peer.close();
  await sleep(1);
});

Deno.test("patchConnect() leaves the name and the length of the function", () => {
  const { connect } = Deno;
  using patches = patchConnect();
  assert(Deno.connect !== connect);
  assertEquals([Deno.connect.name, Deno.connect.length], [connect.name, connect.length]);
  assertEquals(patches.names, ["Deno.connect"]);
  patches.unpatch();
  assertStrictEquals(Deno.connect, connect);
});
