import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { joinAll } from "../../core/join.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { suspend } from "../../core/suspend.ts";
import { Timeout } from "../../core/timeout.ts";
import type { Address } from "../../net/address.ts";
import { type DatagramOptions, DatagramSocket } from "../../net/datagram_socket.ts";
import { Resolver } from "../../net/resolver.ts";
import { waitRead } from "../../net/select.ts";
import { type FakeDatagrams, fakeDatagramsTest, SENDER } from "../helpers/fake_datagrams.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { bytes, text } from "../helpers/sockets.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

const { BadResource } = Deno.errors;

fakeDatagramsTest(
  "DatagramSocket.recvFrom() gives datagrams in their order, and who has sent them",
  async (socket, network) => {
    network.deliver("one");
    network.deliver("");
    assertEquals(socket.pending, 2);
    const [data, address] = await socket.recvFrom();
    assertEquals([text(data), address], ["one", SENDER]);
    assertEquals((await socket.recv()).length, 0, "An empty datagram is one, too");
    const receiving = spawn(() => socket.recv());
    await turns();
    network.deliver("three");
    assertEquals(text(await receiving.get() as Uint8Array), "three");
  },
);

fakeDatagramsTest(
  "DatagramSocket.recvFrom() serves receivers in the order of their calls",
  async (socket, network) => {
    const got: string[] = [];
    const receivers = ["a", "b", "c"].map((name) =>
      spawn(async () => got.push(`${name} ${text(await socket.recv())}`))
    );
    await turns();
    for (const message of ["1", "2", "3"]) network.deliver(message);
    await joinAll(receivers);
    assertEquals(got, ["a 1", "b 2", "c 3"]);
  },
);

fakeDatagramsTest(
  "DatagramSocket.recvFrom() leaves a datagram to the next receiver when it is killed",
  async (socket, network) => {
    const [first, second] = [spawn(() => socket.recv()), spawn(() => socket.recv())];
    await turns();
    first.throw();
    network.deliver("kept");
    assertEquals(text(await second.get() as Uint8Array), "kept");
    await assertRejects(() => socket.recv({ timeout: 10 }), Timeout);
    network.deliver("later");
    assertEquals(text(await socket.recv()), "later");
  },
);

fakeDatagramsTest(
  "DatagramSocket drops the newest datagrams when nobody receives, and counts them",
  async (socket, network) => {
    assertEquals(["1", "2", "3"].map((message) => network.deliver(message)), [
      "room",
      "full",
      "full",
    ]);
    assertEquals([socket.pending, socket.dropped], [2, 1]);
    assertEquals(network.resumed, 0);
    assertEquals(text(await socket.recv()), "1");
    assertEquals(network.resumed, 1, "The transport was not told that there is room");
    network.deliver("4");
    assertEquals([text(await socket.recv()), text(await socket.recv())], ["2", "4"]);
  },
  { backlog: 2 },
);

fakeDatagramsTest(
  "DatagramSocket drops datagrams that are longer than maxSize, and counts them",
  async (socket, network) => {
    for (const message of ["four!", "four"]) network.deliver(message);
    assertEquals(text(await socket.recv()), "four");
    assertEquals(socket.dropped, 1);
  },
  { maxSize: 4 },
);

fakeDatagramsTest(
  "DatagramSocket.recvFrom() raises what went wrong once, and goes on",
  async (socket, network) => {
    network.fail(new Error("first"));
    await assertRejects(() => socket.recv(), Error, "first");
    const receiving = spawn(() => assertRejects(() => socket.recv(), Error, "second"));
    await turns();
    network.fail(new Error("second"));
    await receiving.get();
    network.deliver("fine");
    assertEquals(text(await socket.recv()), "fine");
  },
);

fakeDatagramsTest(
  "DatagramSocket.sendTo() sends one after the other, in the order of the calls",
  async (socket, network) => {
    const sizes = ["a", "bb", "ccc"].map((message, i) =>
      spawn(() => socket.sendTo(bytes(message), { port: i + 1, hostname: "127.0.0.1" }))
    );
    await turns();
    assertEquals(network.sent, ["a to 1"]);
    for (let i = 0; i < 3; i++) {
      network.take();
      await turns();
    }
    assertEquals(network.sent, ["a to 1", "bb to 2", "ccc to 3"]);
    assertEquals(await Promise.all(sizes.map((g) => g.get())), [1, 2, 3]);
  },
);

fakeDatagramsTest("DatagramSocket.sendTo() sends a copy", async (socket, network) => {
  network.remoteAddr = SENDER;
  const data = bytes("first");
  const sending = [spawn(() => socket.send(data)), spawn(() => socket.send(data))];
  await turns();
  data.fill(0);
  network.take();
  await turns();
  network.take();
  await joinAll(sending);
  assertEquals(network.sent, ["first", "first"]);
});

fakeDatagramsTest(
  "DatagramSocket.sendTo() sends nothing when it is killed in the line, and all when it has begun",
  async (socket, network) => {
    const send = (message: string) => spawn(() => socket.sendTo(bytes(message), "127.0.0.1:1"));
    const [first, second, third] = ["first", "second", "third"].map(send);
    await turns();
    await first!.kill();
    await second!.kill();
    assertEquals(network.sending, 1, "What has begun goes on");
    network.take();
    await turns();
    network.take();
    assertEquals(await third!.get(), 5);
    assertEquals(network.sent, ["first to 1", "third to 1"]);
  },
);

fakeDatagramsTest(
  "DatagramSocket.sendTo() raises the errors of the transport, and goes on",
  async (socket, network) => {
    const failing = spawn(() =>
      assertRejects(() => socket.sendTo(bytes("x"), "127.0.0.1:1"), Error, "no")
    );
    const next = spawn(() => socket.sendTo(bytes("y"), "127.0.0.1:1"));
    await turns();
    network.refuse(new Error("no"));
    await failing.get();
    await turns();
    network.take();
    assertEquals(await next.get(), 1);
  },
);

fakeDatagramsTest(
  "DatagramSocket.close() wakes all who wait, and ends all",
  async (socket, network) => {
    const refused = (call: () => Promise<unknown>) => spawn(() => assertRejects(call, BadResource));
    const waiting = [
      refused(() => socket.recv()),
      refused(() => socket.sendTo(bytes("under way"), "127.0.0.1:1")),
      refused(() => socket.sendTo(bytes("in the line"), "127.0.0.1:1")),
    ];
    await turns();
    socket.close();
    await joinAll(waiting, { raiseError: true });
    socket.close();
    assert(socket.closed && network.closed);
    assertEquals(network.deliver("late"), "full");
    await assertRejects(() => socket.recv(), BadResource);
    await assertRejects(() => socket.sendTo(bytes("x"), "127.0.0.1:1"), BadResource);
    assertThrows(() => socket.setBroadcast(), BadResource);
    network.take();
    await turns();
    assertEquals(network.sent, ["under way to 1"]);
  },
);

fakeDatagramsTest(
  "DatagramSocket can be gone over with for await, until it is closed",
  async (socket, network) => {
    const got: string[] = [];
    const going = spawn(async () => {
      for await (const [data] of socket) got.push(text(data));
    });
    network.deliver("a");
    await turns();
    network.deliver("b");
    await turns();
    socket.close();
    await going.get();
    assertEquals(got, ["a", "b"]);
  },
);

fakeDatagramsTest(
  "DatagramSocket.timeout is for every call that is not given one",
  async (socket) => {
    socket.timeout = 10;
    await assertRejects(() => socket.recv(), Timeout, "10 ms");
    const waiting = spawn(() => socket.recv({ timeout: null }));
    await sleep(100);
    assert(!waiting.ready);
    await waiting.kill();
    for (const ms of [-1, NaN, "1"]) assertThrows(() => socket.timeout = ms as number, RangeError);
  },
);

fakeDatagramsTest("DatagramSocket refuses arguments of the wrong form", async (socket) => {
  const data = bytes("x");
  await assertRejects(
    () => socket.sendTo("x" as unknown as Uint8Array, "127.0.0.1:1"),
    TypeError,
    '"x"',
  );
  await assertRejects(() => socket.sendTo(data, "nonsense"), TypeError, "nonsense");
  await assertRejects(() => socket.sendTo(data, { path: "/tmp/x" }), TypeError, "/tmp/x");
  await assertRejects(() => socket.send(data), TypeError, "is not connected");
  assertThrows(() => socket.setTtl(1), TypeError, "no UDP socket");
  await assertRejects(() => DatagramSocket.connect({ path: "/tmp/x" }), TypeError, "/tmp/x");
  for (const options of [{ backlog: 0 }, { backlog: 1.5 }, { maxSize: 0 }, { maxSize: "1" }]) {
    const make = () => new DatagramSocket({} as FakeDatagrams, options as DatagramOptions);
    assertThrows(make, RangeError, `'${Object.keys(options)[0]}'`);
    await assertRejects(() => DatagramSocket.bind(0, options as DatagramOptions), RangeError);
    await assertRejects(() => DatagramSocket.connect(9, options as DatagramOptions), RangeError);
  }
});

fakeDatagramsTest("DatagramSocket.readiness tells what would not wait", async (socket, network) => {
  const { readable, writable, failed, closed } = socket.readiness;
  assertEquals({ readable, writable, failed, closed }, {
    readable: false,
    writable: true,
    failed: false,
    closed: false,
  });
  const told: string[] = [];
  const stop = socket.readiness.watch("read", () => told.push("told"));
  network.deliver("x");
  assert(socket.readiness.readable);
  assertEquals(told.length, 1);
  const sending = spawn(() => socket.sendTo(bytes("x"), "127.0.0.1:1"));
  await turns();
  assert(!socket.readiness.writable);
  network.take();
  await sending.join();
  assert(socket.readiness.writable);
  assertEquals(told.length, 2);
  await socket.recv();
  network.fail(new Error("broken"));
  assert(socket.readiness.readable && socket.readiness.failed);
  assertEquals(told.length, 3);
  stop();
  socket.close();
  assert(socket.readiness.closed);
  assertEquals(told.length, 3);
});

fakeDatagramsTest(
  "DatagramSocket asks its transport for more as long as somebody watches for a datagram",
  async (socket, network) => {
    const receiving = spawn(() => socket.recv());
    const watching = spawn(() => waitRead(socket));
    await turns();
    assertEquals(network.deliver("for the receiver"), "waited");
    assertEquals(network.deliver("much too long to be had"), "waited");
    assertEquals(network.deliver("stays"), "room");
    await joinAll([receiving, watching]);
    assertEquals(socket.dropped, 1);
    assertEquals(text(await socket.recv()), "stays");
    assertEquals(network.deliver("nobody waits"), "room");
  },
  { maxSize: 16 },
);

fakeDatagramsTest(
  "DatagramSocket does not ask its transport for more for those who want to send",
  async (socket, network) => {
    const stop = socket.readiness.watch("write", () => {});
    assertEquals(network.deliver("much too long to be had"), "room");
    stop();
    await turns();
  },
  { maxSize: 16 },
);

virtualTest("DatagramSocket.bind() leaves the message of what interrupts it alone", async () => {
  class Silent extends Resolver {
    override lookup(): Promise<never> {
      return suspend(() => {});
    }
  }
  const options = { resolver: new Silent(), timeout: 5 };
  const error = await assertRejects(() => DatagramSocket.bind("example.com:1", options), Timeout);
  assertEquals(error.message, "5 ms");
});

// What the runtime does.

ioTest("DatagramSocket exchanges datagrams over UDP", async () => {
  for (const address of ["127.0.0.1:0", "[::1]:0", "localhost:0"]) {
    using server = await DatagramSocket.bind(address);
    using client = await DatagramSocket.connect(server.localAddr as Deno.NetAddr);
    assertEquals(client.remoteAddr, server.localAddr);
    assertEquals(await client.send(bytes("ping")), 4);
    const [data, from] = await server.recvFrom();
    assertEquals([text(data), data.buffer.byteLength], ["ping", 4]);
    assertEquals((from as Deno.NetAddr).port, (client.localAddr as Deno.NetAddr).port);
    assertEquals(await server.sendTo(new Uint8Array(0), from), 0);
    assertEquals((await client.recv()).length, 0);
  }
});

ioTest("DatagramSocket.sendTo() looks host names up, for its own family", async () => {
  using receiver = await DatagramSocket.bind("127.0.0.1:0");
  const { port } = receiver.localAddr as Deno.NetAddr;
  using sender = await DatagramSocket.bind();
  for (const address of [`localhost:${port}`, port, { hostname: "127.0.0.1", port }] as Address[]) {
    await sender.sendTo(bytes("x"), address);
    assertEquals(text(await receiver.recv()), "x");
  }
  await assertRejects(
    () => sender.sendTo(bytes("x"), `nobody.invalid:${port}`),
    Deno.errors.NotFound,
  );
});

ioTest("DatagramSocket keeps the order of datagrams that are sent at the same time", async () => {
  using receiver = await DatagramSocket.bind("127.0.0.1:0");
  using sender = await DatagramSocket.connect(receiver.localAddr as Deno.NetAddr);
  const sending = Array.from({ length: 50 }, (_, i) => spawn(() => sender.send(bytes(String(i)))));
  await joinAll(sending, { raiseError: true });
  for (let i = 0; i < 50; i++) assertEquals(text(await receiver.recv()), String(i));
});

ioTest("DatagramSocket.connect() lets nobody else in", async () => {
  using server = await DatagramSocket.bind("127.0.0.1:0");
  using stranger = await DatagramSocket.bind("127.0.0.1:0");
  const options = { localAddress: "127.0.0.1:0" };
  using client = await DatagramSocket.connect(server.localAddr as Deno.NetAddr, options);
  await stranger.sendTo(bytes("stranger"), client.localAddr);
  await server.sendTo(bytes("server"), client.localAddr);
  assertEquals(text(await client.recv()), "server");
  assertEquals(client.pending, 0);
  assertStringIncludes(String(client), " to 127.0.0.1:");
});

ioTest(
  "DatagramSocket sends and receives the longest datagrams, and refuses longer ones",
  async () => {
    using receiver = await DatagramSocket.bind("127.0.0.1:0");
    using sender = await DatagramSocket.connect(receiver.localAddr as Deno.NetAddr);
    const longest = new Uint8Array(65507).fill(7);
    await sender.send(longest);
    assertEquals(await receiver.recv(), longest);
    const error = await assertRejects(() => sender.send(new Uint8Array(65508)), Error);
    assertEquals((error as { code?: string }).code, "EMSGSIZE");
  },
);

ioTest(
  "DatagramSocket.bind() throws the errors of the runtime, and names the address",
  async () => {
    using socket = await DatagramSocket.bind("127.0.0.1:0");
    const { port } = socket.localAddr as Deno.NetAddr;
    const error = await assertRejects(
      () => DatagramSocket.bind(`127.0.0.1:${port}`),
      Deno.errors.AddrInUse,
    );
    assertEquals(error.message.split(`127.0.0.1:${port}`).length, 2, error.message);
    await assertRejects(() => DatagramSocket.bind("192.0.2.123:0"), Deno.errors.AddrNotAvailable);
    await assertRejects(() => DatagramSocket.bind("nobody.invalid:0"), Deno.errors.NotFound);
  },
);

ioTest(
  "DatagramSocket.bind() takes sizes for the buffers of the system, and shares a port when told to",
  async () => {
    const options = { receiveBuffer: 100_000, sendBuffer: 100_000, reuseAddress: true };
    using socket = await DatagramSocket.bind("127.0.0.1:0", options);
    using same = await DatagramSocket.bind(socket.localAddr as Deno.NetAddr, options);
    assertEquals(same.localAddr, socket.localAddr);
  },
);

ioTest("DatagramSocket takes part in multicast", async () => {
  using member = await DatagramSocket.bind("0.0.0.0:0", { reuseAddress: true });
  const { port } = member.localAddr as Deno.NetAddr;
  member.joinMulticast("239.1.2.3", "127.0.0.1");
  using sender = await DatagramSocket.bind("127.0.0.1:0");
  sender.setMulticastInterface("127.0.0.1");
  sender.setMulticastLoopback();
  sender.setMulticastTtl(1);
  sender.setTtl(64);
  await sender.sendTo(bytes("all"), { hostname: "239.1.2.3", port });
  assertEquals(text(await member.recv()), "all");
  member.leaveMulticast("239.1.2.3", "127.0.0.1");
  assertThrows(() => member.joinMulticast("192.0.2.1"), Error);
  sender.setBroadcast();
});

ioTest("DatagramSocket leaves UDP datagrams in the system when nobody receives", async () => {
  using receiver = await DatagramSocket.bind("127.0.0.1:0", { backlog: 4 });
  using sender = await DatagramSocket.connect(receiver.localAddr as Deno.NetAddr);
  for (let i = 0; i < 50; i++) await sender.send(bytes(String(i)));
  await eventually(() => receiver.pending === 4);
  for (let i = 0; i < 50; i++) {
    assertEquals(text(await receiver.recv()), String(i));
    assert(receiver.pending <= 4, `${receiver.pending}`);
  }
  assertEquals(receiver.dropped, 0);
});

ioTest("DatagramSocket ends its waits when killed, with real sockets too", async () => {
  using socket = await DatagramSocket.bind("127.0.0.1:0");
  const receiving = spawn(() => socket.recv());
  await sleep();
  await receiving.kill();
  await socket.sendTo(bytes("kept"), socket.localAddr);
  await eventually(() => socket.pending > 0);
  assertEquals(text(await socket.recv()), "kept");
});

/** Runs a program that may use datagram sockets but not everything. */
async function run(program: string, ...flags: string[]): Promise<string> {
  const module = new URL("../../net/datagram_socket.ts", import.meta.url).href;
  const source = `const { DatagramSocket } = await import("${module}");\n${program}`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-config",
      "--no-prompt",
      ...flags,
      `data:text/javascript,${encodeURIComponent(source)}`,
    ],
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals(text(stderr), "");
  return text(stdout);
}

ioTest("DatagramSocket throws NotCapable without the permission", async () => {
  const program = `
    const tell = (error) => console.log(error.name, error.message.split(",")[0]);
    await DatagramSocket.bind("127.0.0.2:0").catch(tell);
    await DatagramSocket.connect("127.0.0.2:9", { localAddress: "127.0.0.1:0" }).catch(tell);
    using socket = await DatagramSocket.bind("127.0.0.1:0");
    await socket.sendTo(new Uint8Array(1), "127.0.0.2:9").catch(tell);
    console.log(await socket.sendTo(new Uint8Array(1), socket.localAddr));
  `;
  const refused = (host: string) => `NotCapable Requires net access to "${host}"\n`;
  const expected = `${refused("127.0.0.2:0")}${refused("127.0.0.2:9")}${refused("127.0.0.2:9")}1\n`;
  assertEquals(await run(program, "--allow-net=127.0.0.1"), expected);
});

ioTest("DatagramSocket exchanges datagrams over unix sockets if the runtime has them", async () => {
  const folder = await Deno.makeTempDir();
  const program = `
    const [a, b] = ["a", "b"].map((name) => ({ path: ${JSON.stringify(folder)} + "/" + name }));
    using server = await DatagramSocket.bind(a, { backlog: 2, maxSize: 10 });
    using client = await DatagramSocket.bind(b);
    await client.sendTo(new TextEncoder().encode("ping"), a);
    const [data, address] = await server.recvFrom();
    console.log(new TextDecoder().decode(data), address.path === b.path);
    await client.sendTo(new Uint8Array(11), a);
    await client.sendTo(new Uint8Array(10), a);
    console.log((await server.recv()).length, server.dropped);
    await server.sendTo(new Uint8Array(3), address);
    console.log((await client.recv()).length);
    // Nobody receives, and nothing is dropped: the rest stays in the system.
    for (let i = 0; i < 8; i++) await client.sendTo(new Uint8Array([i]), a);
    const got = [];
    for (let i = 0; i < 8; i++) got.push((await server.recv())[0]);
    console.log(got.join(), server.dropped);
    const waiting = server.recv();
    await server.sendTo(new Uint8Array(3), address).catch((error) => console.log(error.name, error.message));
    await client.sendTo(new Uint8Array(7), a);
    console.log((await waiting).length);
    await client.sendTo(new Uint8Array(1), { path: "/nowhere" }).catch((error) => console.log(error.name));
    await DatagramSocket.bind(a).catch((error) => console.log(error.name, error.message.endsWith(a.path)));
    server.close();
    client.close();
    console.log([...Deno.readDirSync(${JSON.stringify(folder)})].length);
  `;
  const printed = await run(program, "-A", "--unstable-net");
  assertEquals(printed.split("\n"), [
    "ping true",
    "10 1",
    "3",
    "0,1,2,3,4,5,6,7 1",
    `Busy Cannot send from ${folder}/a while it waits to receive, as the runtime has no such thing: use two sockets`,
    "7",
    "NotFound",
    "AddrInUse true",
    "0",
    "",
  ]);
  await Deno.remove(folder, { recursive: true });
});

ioTest("DatagramSocket.bind() names the flag that unix sockets need", async () => {
  const error = await assertRejects(
    () => DatagramSocket.bind({ path: "/tmp/x" }),
    Deno.errors.NotSupported,
  );
  assertStringIncludes(error.message, "--unstable-net");
});
