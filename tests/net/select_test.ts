import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { DatagramSocket } from "../../net/datagram_socket.ts";
import { Poller, type PollEvents } from "../../net/poller.ts";
import type { Readiness, Selectable } from "../../net/readiness.ts";
import { select, waitRead, waitWrite } from "../../net/select.ts";
import { Socket } from "../../net/socket.ts";
import { FakeConn } from "../helpers/fake_conn.ts";
import { FakeDatagrams } from "../helpers/fake_datagrams.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { bytes, MORE_THAN_FITS, socketPair, text, write } from "../helpers/sockets.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

const { BadResource } = Deno.errors;

/** A socket over a connection that the test plays. */
function fakeSocket(): { conn: FakeConn; socket: Socket } {
  const conn = new FakeConn();
  return { conn, socket: new Socket(conn) };
}

/** Says how often it was watched, and is ready when the test says so. */
class Stub implements Selectable {
  watchers = new Set<() => void>();
  state = { readable: false, writable: false, failed: false, closed: false };

  get readiness(): Readiness {
    return {
      ...this.state,
      watch: (_direction, changed) => {
        const own = () => changed();
        this.watchers.add(own);
        return () => this.watchers.delete(own);
      },
    };
  }

  become(state: Partial<Stub["state"]>): void {
    Object.assign(this.state, state);
    for (const changed of [...this.watchers]) changed();
  }
}

virtualTest("select() returns at once what is ready, in the order of each list", async () => {
  const [a, b, c] = [new Stub(), new Stub(), new Stub()];
  b.become({ readable: true, writable: true });
  c.become({ failed: true });
  assertEquals(await select([a, b, c], [c, b, a], [a, b, c]), [[b, c], [c, b], [c]]);
  assertEquals(await select(new Set([b])), [[b], [], []]);
  assertEquals(a.watchers.size, 0);
});

virtualTest("select() waits until something is ready, and leaves no watcher behind", async () => {
  const [a, b] = [new Stub(), new Stub()];
  const selecting = spawn(() => select([a, b], [a], [b]));
  await turns();
  assert(!selecting.ready);
  a.become({ closed: false });
  await turns();
  assert(!selecting.ready, "It woke up for nothing");
  b.become({ readable: true });
  assertEquals(await selecting.get(), [[b], [], []]);
  assertEquals([a.watchers.size, b.watchers.size], [0, 0]);
});

virtualTest("select() returns all that have become ready before its greenlet runs", async () => {
  const [a, b] = [new Stub(), new Stub()];
  const selecting = spawn(() => select([a, b]));
  await turns();
  a.become({ readable: true });
  b.become({ readable: true });
  assertEquals(await selecting.get(), [[a, b], [], []]);
});

virtualTest("select() goes on waiting when somebody else has taken what there was", async () => {
  const stub = new Stub();
  const selecting = spawn(() => select([stub], [], [], { timeout: 100 }));
  await sleep(40);
  stub.become({ readable: true });
  stub.become({ readable: false });
  assertEquals(await selecting.get(), [[], [], []]);
  assertEquals(now(), 100);
  assertEquals(stub.watchers.size, 0);
});

virtualTest(
  "select() gives empty lists when its time is over, and without objects it sleeps",
  async () => {
    const stub = new Stub();
    assertEquals(await select([stub], [], [], { timeout: 10 }), [[], [], []]);
    assertEquals(now(), 10);
    assertEquals(stub.watchers.size, 0);
    assertEquals(await select([], [], [], { timeout: 20 }), [[], [], []]);
    assertEquals(now(), 30);
    const forever = spawn(() => select([]));
    await sleep(1000);
    assert(!forever.ready);
    await forever.kill();
  },
);

virtualTest(
  "select() leaves no watcher behind when it is killed or timed out from outside",
  async () => {
    const stub = new Stub();
    const selecting = spawn(() => select([stub], [stub], [stub]));
    await turns();
    assertEquals(stub.watchers.size, 4);
    await selecting.kill();
    assertEquals(stub.watchers.size, 0);
  },
);

virtualTest(
  "select() leaves no watcher behind when an object fails as soon as it is watched",
  async () => {
    const stub = new Stub();
    const hasty: Selectable = {
      get readiness() {
        return {
          ...stub.state,
          watch(direction, changed) {
            stub.state.failed = true;
            changed();
            return stub.readiness.watch(direction, changed);
          },
        } satisfies Readiness;
      },
    };
    assertEquals(await select([hasty]), [[hasty], [], []]);
    assertEquals(stub.watchers.size, 0);
  },
);

virtualTest("select() gives others a turn with a timeout of 0", async () => {
  let turned = false;
  const other = spawn(() => turned = true);
  await select([new Stub()], [], [], { timeout: 0 });
  assert(turned && other.ready);
});

virtualTest("select() refuses arguments of the wrong form", async () => {
  for (const timeout of [-1, -0.5]) {
    await assertRejects(() => select([], [], [], { timeout }), RangeError, String(timeout));
  }
  for (const list of ["abc", [1], [null], [{}], [{ readiness: {} }]]) {
    await assertRejects(() => select(list as Selectable[]), TypeError, "Cannot select");
    await assertRejects(() => select([], [], list as Selectable[]), TypeError);
  }
  for (const list of [1, null, {}]) {
    await assertRejects(() => select(list as unknown as Selectable[]), TypeError, "'readers'");
    await assertRejects(() => select([], list as unknown as Selectable[]), TypeError);
  }
  await assertRejects(() => waitRead(1 as unknown as Selectable), TypeError, "received 1");
});

virtualTest(
  "select() finds a Socket readable when bytes have come, and leaves them there",
  async () => {
    const { socket, conn } = fakeSocket();
    assertEquals(await select([socket], [], [], { timeout: 1 }), [[], [], []]);
    assert(conn.reading, "The read that was begun stays");
    const selecting = spawn(() => select([socket]));
    await turns();
    await conn.feed(bytes("hello"));
    for (let i = 0; i < 2; i++) {
      assertEquals(
        await (i === 0 ? selecting.get() : select([socket])),
        [[socket], [], []],
      );
    }
    assertEquals(socket.buffered, 5);
    assertEquals(text(await socket.recv()), "hello");
    assertEquals(await select([socket], [], [], { timeout: 1 }), [[], [], []]);
    socket.close();
  },
);

virtualTest(
  "select() finds a Socket readable at the end of the stream, after an error and when it was closed",
  async () => {
    const all = [fakeSocket(), fakeSocket(), fakeSocket(), fakeSocket()] as const;
    const [ended, broken, closed, shut] = all;
    const selecting = all.map(({ socket }) => spawn(() => select([socket], [], [socket])));
    await turns();
    await ended.conn.feed(null);
    broken.conn.failRead(new Deno.errors.ConnectionReset("reset"));
    closed.socket.close();
    await shut.socket.shutdown("read");
    const results = await Promise.all(selecting.map((g) => g.get()));
    assertEquals(results, [
      [[ended.socket], [], []],
      [[broken.socket], [], [broken.socket]],
      [[closed.socket], [], [closed.socket]],
      [[shut.socket], [], []],
    ]);
    assertEquals((await ended.socket.recv()).length, 0);
    await assertRejects(() => broken.socket.recv(), Deno.errors.ConnectionReset);
    for (const { socket } of all) socket.close();
  },
);

virtualTest("select() goes on when a reader takes all that has come", async () => {
  const { socket, conn } = fakeSocket();
  const reading = spawn(() => socket.recv());
  const selecting = spawn(() => select([socket]));
  await turns();
  await conn.feed(bytes("for the reader"));
  await reading.join();
  assert(!selecting.ready);
  assert(conn.reading, "Nobody reads for those who watch");
  await conn.feed(bytes("more"));
  assertEquals(await selecting.get(), [[socket], [], []]);
  socket.close();
});

virtualTest("select() finds a Socket writable when nobody writes", async () => {
  const { socket, conn } = fakeSocket();
  assertEquals(await select([], [socket]), [[], [socket], []]);
  const sending = spawn(() => socket.sendAll(bytes("hello")));
  await turns();
  const selecting = spawn(() => select([], [socket]));
  await turns();
  await conn.take(2);
  await turns();
  assert(!selecting.ready, "A part of it is still to be sent");
  await conn.take();
  assertEquals(await selecting.get(), [[], [socket], []]);
  await sending.join();
  // One that was given up goes on.
  const killed = spawn(() => socket.sendAll(bytes("more")));
  await turns();
  await killed.kill();
  assertEquals(await select([], [socket], [], { timeout: 1 }), [[], [], []]);
  const again = spawn(() => select([], [socket]));
  await turns();
  await conn.take();
  assertEquals(await again.get(), [[], [socket], []]);
  socket.close();
});

virtualTest(
  "select() finds a Socket writable when its writer is killed before anything was written",
  async () => {
    const { socket, conn } = fakeSocket();
    const sending = spawn(() => socket.sendAll(bytes("hello")));
    const selecting = spawn(async () => {
      assert(!socket.readiness.writable);
      return await select([], [socket]);
    });
    spawn(() => sending.throw());
    assertEquals(await selecting.get(), [[], [socket], []]);
    assertEquals(conn.writing, 0);
    socket.close();
  },
);

virtualTest(
  "select() finds a Socket writable when it is closed before a write has begun",
  async () => {
    const { socket, conn } = fakeSocket();
    spawn(() => socket.sendAll(bytes("x")).catch(() => {}));
    const selecting = spawn(() => select([], [socket]));
    spawn(() => socket.close());
    assertEquals(await selecting.get(), [[], [socket], []]);
    assertEquals(conn.writing, 0);
  },
);

virtualTest(
  "select() finds a Socket writable when it is closed in the middle of a write",
  async () => {
    const { socket } = fakeSocket();
    const sending = spawn(() => assertRejects(() => socket.sendAll(bytes("x")), BadResource));
    await turns();
    const selecting = spawn(() => select([], [socket]));
    await turns();
    assert(!selecting.ready);
    socket.close();
    assertEquals(await selecting.get(), [[], [socket], []]);
    await sending.get();
  },
);

virtualTest("select() finds a DatagramSocket readable when a datagram has come", async () => {
  const network = new FakeDatagrams();
  using socket = new DatagramSocket(network);
  const selecting = spawn(() => select([socket]));
  await turns();
  assertEquals(network.resumed, 1, "The transport was not told that somebody waits");
  network.deliver("x");
  assertEquals(await selecting.get(), [[socket], [], []]);
  assertEquals(await select([socket], [socket], [socket]), [[socket], [socket], []]);
  await socket.recv();
  assertEquals(await select([socket], [], [], { timeout: 1 }), [[], [], []]);
});

virtualTest(
  "waitRead() and waitWrite() end when it is ready, and raise when time is over or it is closed",
  async () => {
    const stub = new Stub();
    for (const [wait, state] of [[waitRead, "readable"], [waitWrite, "writable"]] as const) {
      const waiting = spawn(() => wait(stub));
      await turns();
      stub.become({ [state]: true });
      assertEquals(await waiting.get(), undefined);
      await wait(stub);
      stub.become({ [state]: false });
      await assertRejects(() => wait(stub, { timeout: 5 }), Timeout, "5 ms");
      const timeout = new Timeout(5);
      assertEquals(await wait(stub, { timeout }).catch((error) => error === timeout), true);
      const closing = spawn(() => assertRejects(() => wait(stub), BadResource));
      await turns();
      stub.become({ failed: true, closed: true });
      await closing.get();
      await assertRejects(() => wait(stub), BadResource);
      stub.become({ failed: true, closed: false });
      await wait(stub); // the error comes from reading or writing
      stub.become({ failed: false });
      assertEquals(stub.watchers.size, 0);
    }
  },
);

virtualTest("Poller.poll() tells what is ready in which way, each time", async () => {
  const [a, b] = [new Stub(), new Stub()];
  const poller = new Poller<Stub>();
  poller.register(a, { read: true });
  poller.register(b);
  const polling = spawn(() => poller.poll());
  await turns();
  a.become({ writable: true });
  await turns();
  assert(!polling.ready, "It was not asked for that");
  b.become({ writable: true });
  const result = { read: false, write: true, failed: false, closed: false };
  assertEquals(await polling.get(), [{ object: b, ...result }]);
  a.become({ readable: true });
  for (let i = 0; i < 2; i++) {
    assertEquals(await poller.poll(), [
      { object: a, read: true, write: false, failed: false, closed: false },
      { object: b, ...result },
    ]);
  }
  poller.modify(a, { write: true });
  poller.unregister(b);
  assertEquals(await poller.poll(), [{ object: a, ...result }]);
  assertEquals([poller.size, String(poller)], [1, "<Poller 1 object>"]);
});

virtualTest("Poller.poll() tells failures and closing without being asked", async () => {
  const [failing, closing] = [new Stub(), new Stub()];
  const poller = new Poller();
  poller.register(failing, {});
  poller.register(closing, {});
  const polling = spawn(() => poller.poll());
  await turns();
  failing.become({ failed: true });
  closing.become({ failed: true, closed: true });
  const none = { read: false, write: false };
  assertEquals(await polling.get(), [
    { object: failing, ...none, failed: true, closed: false },
    { object: closing, ...none, failed: false, closed: true },
  ]);
  poller.unregister(failing);
  poller.unregister(closing);
  assertEquals(await poller.poll({ timeout: 1 }), []);
});

virtualTest("Poller.poll() waits for ever with a negative timeout", async () => {
  const stub = new Stub();
  const poller = new Poller();
  poller.register(stub);
  const polling = spawn(() => poller.poll({ timeout: -1 }));
  await sleep(1000);
  assert(!polling.ready);
  await polling.kill();
  assertEquals(stub.watchers.size, 0);
});

virtualTest("Poller refuses objects that are not registered, or cannot be", () => {
  const poller = new Poller();
  const stub = new Stub();
  assertThrows(() => poller.modify(stub, {}), TypeError, "Cannot modify");
  assertThrows(() => poller.unregister(stub), TypeError, "Cannot unregister");
  assertThrows(() => poller.register({} as Stub), TypeError, "Cannot register");
  poller.register(stub, { read: true });
  poller.register(stub, { write: true } satisfies PollEvents);
  assertEquals(poller.size, 1);
});

// Real sockets.

ioTest("select() with a timeout of 0 finds what has come before", async () => {
  using pair = await socketPair();
  const { socket, peer } = pair;
  assertEquals(await select([socket], [], [], { timeout: 0 }), [[], [], []]);
  await write(peer, "hello");
  // The bytes are in the system of the same machine now, or soon if it is busy.
  await eventually(async () => {
    const [readers, ...others] = await select([socket], [socket], [], { timeout: 0 });
    assertEquals(others, [[socket], []]);
    return readers[0] === socket;
  });
  assertEquals(text(await socket.recv()), "hello");
});

ioTest("select() serves many sockets, each when its bytes come", async () => {
  const pairs = await Promise.all(Array.from({ length: 20 }, () => socketPair()));
  const peers = new Map(pairs.map(({ socket, peer }) => [socket, peer]));
  const left = new Set(peers.keys());
  const writing = spawn(async () => {
    for (const peer of peers.values()) {
      await write(peer, "x");
      await sleep(1);
    }
  });
  while (left.size > 0) {
    const [readers] = await select(left);
    for (const socket of readers) {
      assertEquals(text(await socket.recv()), "x");
      left.delete(socket);
    }
  }
  await writing.join();
  for (const pair of pairs) pair[Symbol.dispose]();
});

ioTest("select() waits until a large write is over", async () => {
  using pair = await socketPair();
  const { socket, peer } = pair;
  const sending = spawn(() => socket.sendAll(new Uint8Array(MORE_THAN_FITS)));
  const selecting = spawn(() => select([], [socket]));
  await sleep(5);
  assert(!selecting.ready);
  let rest = MORE_THAN_FITS;
  for (const buffer = new Uint8Array(1 << 20); rest > 0;) rest -= await peer.read(buffer) ?? rest;
  assertEquals(await selecting.get(), [[], [socket], []]);
  await sending.join();
});

ioTest("Poller.poll() works with sockets of different kinds", async () => {
  using pair = await socketPair();
  using datagrams = await DatagramSocket.bind("127.0.0.1:0");
  const poller = new Poller<Socket | DatagramSocket>();
  poller.register(pair.socket, { read: true });
  poller.register(datagrams, { read: true });
  assertEquals(await poller.poll({ timeout: 0 }), []);
  await datagrams.sendTo(bytes("x"), datagrams.localAddr);
  assertEquals((await poller.poll()).map(({ object }) => object), [datagrams]);
  await datagrams.recv();
  await write(pair.peer, "x");
  assertEquals((await poller.poll()).map(({ object }) => object), [pair.socket]);
});
