import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { local } from "../../core/local.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { patchWebSocket } from "../../monkey/patch_web_socket.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { assertKillable, assertLimited } from "../helpers/killed.ts";

/** A server that echoes, and knows what its listeners see. */
function serve(onSocket: (socket: WebSocket) => void): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    onSocket(socket);
    return response;
  });
}

async function closed(socket: WebSocket): Promise<void> {
  if (socket.readyState === WebSocket.CLOSED) return;
  await new Promise((resolve) => {
    socket.addEventListener("close", resolve, { once: true });
    socket.close();
  });
}

const name = local<{ of?: string }>();

ioTest("Listeners run in the context in which they were added", async () => {
  using _patch = patchWebSocket();
  await using server = serve((socket) => {
    socket.onmessage = ({ data }) => socket.send(data);
  });
  const socket = new WebSocket(`ws://127.0.0.1:${server.addr.port}`);
  await new Promise((resolve) => socket.onopen = resolve);
  const seen: unknown[] = [];
  const g = spawn(async () => {
    name.of = "mine";
    socket.onmessage = () => seen.push(getCurrent() === g, name.of);
    socket.addEventListener("message", { handleEvent: () => seen.push(getCurrent() === g) });
    socket.send("hello");
    await eventually(() => seen.length === 3);
  });
  await g.get();
  assertEquals(seen, [true, "mine", true]);
  await closed(socket);
});

ioTest("Listeners of servers' sockets know their greenlet, while it lives", async () => {
  using _patch = patchWebSocket();
  const seen: boolean[] = [];
  const handlers = [1, 2].map((n) => async (socket: WebSocket): Promise<void> => {
    const self = getCurrent();
    socket.onmessage = () => seen.push(getCurrent() === self);
    if (n === 1) await eventually(() => seen.length === 1);
  });
  let next = 0;
  await using server = serve((socket) => void spawn(handlers[next++]!, socket));
  for (let n = 1; n <= 2; n++) {
    const socket = new WebSocket(`ws://127.0.0.1:${server.addr.port}`);
    await new Promise((resolve) => socket.onopen = resolve);
    await sleep(2);
    socket.send("hello");
    await eventually(() => seen.length === n);
    await closed(socket);
  }
  assertEquals(seen, [true, false]);
});

ioTest("Waiting for a WebSocket to be connected can be killed", async () => {
  using _patch = patchWebSocket();
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = new WebSocket(`ws://127.0.0.1:${silent.addr.port}`);
  await assertKillable(
    "WebSocket event open",
    () => new Promise((resolve) => socket.onopen = resolve),
  );
  await assertLimited(() => new Promise((resolve) => socket.addEventListener("open", resolve)));
  await closed(socket);
});

ioTest("Waiting for a message can be killed", async () => {
  using _patch = patchWebSocket();
  await using server = serve(() => {});
  const socket = new WebSocket(`ws://127.0.0.1:${server.addr.port}`);
  await spawn(() => new Promise((resolve) => socket.addEventListener("open", resolve))).get();
  await assertKillable(
    "WebSocket event message",
    () => new Promise((resolve) => socket.addEventListener("message", resolve, { once: true })),
  );
  await assertLimited(() => new Promise((resolve) => socket.onmessage = resolve));
  assertStrictEquals(socket.onmessage, null);
  await closed(socket);
});

ioTest("An event resolves the promise that waits for it", async () => {
  using _patch = patchWebSocket();
  await using server = serve((socket) => socket.onopen = () => socket.send("hello"));
  const g = spawn(async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.addr.port}`);
    const event = await new Promise<MessageEvent>((resolve) => socket.onmessage = resolve);
    return [event.data, socket] as const;
  });
  const [data, socket] = await g.get();
  assertEquals(data, "hello");
  await closed(socket);
});

ioTest("Listeners can be taken out, and handlers are given back", async () => {
  using _patch = patchWebSocket();
  await using server = serve((socket) => socket.onmessage = ({ data }) => socket.send(data));
  const socket = new WebSocket(`ws://127.0.0.1:${server.addr.port}`);
  await new Promise((resolve) => socket.onopen = resolve);
  const heard: string[] = [];
  await spawn(async () => {
    const listener = (): void => void heard.push("removed");
    socket.addEventListener("message", listener);
    socket.addEventListener("message", listener);
    socket.removeEventListener("message", listener);
    const handler = (): void => void heard.push("handler");
    socket.onmessage = handler;
    assertStrictEquals(socket.onmessage, handler);
    socket.send("one");
    await eventually(() => heard.length > 0);
    socket.onmessage = null;
    assertStrictEquals(socket.onmessage, null);
    socket.addEventListener("message", () => heard.push("once"), { once: true });
    socket.send("two");
    socket.send("three");
    await eventually(() => heard.length > 1);
    await sleep(5);
  }).get();
  assertEquals(heard, ["handler", "once"]);
  await closed(socket);
});

ioTest("A listener for two types of events can be taken out of both", async () => {
  using _patch = patchWebSocket();
  await using server = serve(() => {});
  const socket = new WebSocket(`ws://127.0.0.1:${server.addr.port}`);
  await spawn(() => {
    let calls = 0;
    const listener = (): void => void calls++;
    socket.addEventListener("error", listener);
    socket.addEventListener("message", listener);
    socket.dispatchEvent(new MessageEvent("message"));
    socket.removeEventListener("error", listener);
    socket.removeEventListener("message", listener);
    socket.dispatchEvent(new Event("error"));
    socket.dispatchEvent(new MessageEvent("message"));
    assertEquals(calls, 1);
  }).get();
  await closed(socket);
});

ioTest(
  "A listener that was there before runs in the context in which it was added last",
  async () => {
    using _patch = patchWebSocket();
    await using server = serve(() => {});
    const socket = new WebSocket(`ws://127.0.0.1:${server.addr.port}`);
    const seen: unknown[] = [];
    const listener = (): void => void seen.push(name.of);
    const ways = [
      () => socket.onmessage = listener,
      () => socket.addEventListener("message", listener, { once: true }),
    ];
    for (const add of ways) {
      // It lives on, as what it has added would be nobody's else.
      const first = spawn(async () => {
        name.of = "first";
        add();
        socket.dispatchEvent(new MessageEvent("message"));
        await sleep(60_000);
      });
      await eventually(() => seen.length === 1);
      await spawn(() => {
        name.of = "second";
        socket.onmessage = null;
        add();
        socket.dispatchEvent(new MessageEvent("message"));
        socket.onmessage = null;
      }).get();
      await first.kill();
      assertEquals(seen.splice(0), ["first", "second"]);
    }
    await closed(socket);
  },
);

Deno.test("patchWebSocket() can be taken back", () => {
  const { prototype } = WebSocket;
  const before = Object.getOwnPropertyDescriptors(prototype);
  const patches = patchWebSocket();
  assert(Object.hasOwn(prototype, "addEventListener"));
  assertEquals(prototype.addEventListener.length, EventTarget.prototype.addEventListener.length);
  patches.unpatch();
  assertEquals(Object.getOwnPropertyDescriptors(prototype), before);
});
