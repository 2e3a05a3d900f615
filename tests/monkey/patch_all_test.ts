import { assert, assertEquals, assertThrows } from "@std/assert";
import { spawn } from "../../core/spawn.ts";
import { HttpServer } from "../../http/server.ts";
import { connect } from "../../net/connect.ts";
import { StreamServer } from "../../net/stream_server.ts";
import { patchAll } from "../../monkey/patch_all.ts";
import { patchAwaits } from "../../monkey/patch_awaits.ts";
import { isPatched, unpatch } from "../../monkey/registry.ts";
import { ioTest } from "../helpers/io_test.ts";
import { assertKillable } from "../helpers/killed.ts";
import { runScript } from "../helpers/script.ts";
import { bytes, text } from "../helpers/sockets.ts";

const SURFACES = [
  "connect",
  "listen",
  "tls",
  "dns",
  "streams",
  "fetch",
  "timers",
  "webSocket",
  "serve",
  "process",
  "fs",
  "node",
];

/** Everything that is patched, as it is now. */
function describe(): unknown[] {
  const targets: object[] = [
    Deno,
    globalThis,
    ReadableStream.prototype,
    ReadableStreamDefaultReader.prototype,
    WritableStreamDefaultWriter.prototype,
    Response.prototype,
    Request.prototype,
    WebSocket.prototype,
    Deno.FsFile.prototype,
    Deno.ChildProcess.prototype,
    Object.getPrototypeOf(Deno.stdin),
  ];
  return targets.map((target) => {
    const all = Object.getOwnPropertyDescriptors(target) as PropertyDescriptorMap;
    return Reflect.ownKeys(all).map((key) => {
      const { get, set, value, ...rest } = all[key as string]!;
      return [key, get, set, typeof value === "function" ? value : undefined, rest];
    });
  });
}

Deno.test("patchAll() patches everything, and takes everything back", () => {
  const before = describe();
  {
    using patches = patchAll();
    assertEquals(SURFACES.filter((surface) => !isPatched(surface)), []);
    assertEquals(new Set(patches.names).size, patches.names.length);
    assert(patches.names.length > 100);
  }
  assertEquals(isPatched(), false);
  const after = describe();
  before.forEach((was, at) => assertEquals(after[at], was));
});

Deno.test("patchAll() leaves alone what it is told to, and patches that the next time", () => {
  using first = patchAll({ fetch: false, node: false });
  assertEquals([isPatched("fetch"), isPatched("node"), isPatched("serve")], [false, false, true]);
  {
    using second = patchAll();
    assert(isPatched("fetch") && isPatched("node"));
    assert(!second.names.includes("Deno.serve") && !first.names.includes("fetch"));
  }
  assertEquals([isPatched("fetch"), isPatched("serve")], [false, true]);
  unpatch();
});

Deno.test("patchAll() refuses options that it does not know", () => {
  assertThrows(() => patchAll({ sockets: true } as never), TypeError, "'sockets'");
  assertThrows(() => patchAll(5 as never), TypeError, "must be an object: received 5");
  assertEquals(isPatched(), false);
});

ioTest("The library's own sockets and servers work under patchAll()", async () => {
  using _patches = patchAll();
  await spawn(async () => {
    await using server = new StreamServer("127.0.0.1:0", async (socket) => {
      for (let data = await socket.recv(); data.length > 0; data = await socket.recv()) {
        await socket.sendAll(data);
      }
    });
    await server.start();
    using client = await connect(server.address);
    await client.sendAll(bytes("hello"));
    assertEquals(text(await client.recvExactly(5)), "hello");
    await assertKillable("Socket.recv", () => client.recv());
    await using web = new HttpServer("127.0.0.1:0", async (request) => await request.text(), {
      log: null,
    });
    await web.start();
    const response = await fetch(web.url, { method: "POST", body: "over HTTP" });
    assertEquals(await response.text(), "over HTTP");
  }).get();
});

ioTest("A program can be patched before it is loaded", async () => {
  const auto = new URL("../../monkey/auto.ts", import.meta.url);
  const { stdout, stderr } = await runScript(
    `
    import { sleep, spawn } from "@/mod.ts";
    import { isPatched } from "@/monkey/mod.ts";
    console.log(isPatched("fetch"), isPatched("node"));
    const g = spawn(() => new Promise((resolve) => setTimeout(resolve, 60_000)));
    await sleep(1);
    await g.kill();
    console.log(g.dead);
  `,
    `--preload=${auto}`,
  );
  assertEquals([stdout, stderr], ["true true\ntrue\n", ""]);
});

const FAILING: Readonly<Record<string, () => Promise<unknown>>> = {
  "fetch": () => fetch("http://127.0.0.1:1/"),
  "Deno.connect": () => Deno.connect({ port: 1 }),
  "Deno.readTextFile": () => Deno.readTextFile("/none/of/these"),
  "Response.json": async () => await new Response("{").json(),
};

/** The functions that are said to await, or to call, in the stack of an error that an operation fails with. */
async function awaitingIn(operation: () => Promise<unknown>): Promise<string[]> {
  const inner = async (): Promise<unknown> => await operation();
  const outer = async (): Promise<unknown> => await inner();
  const { stack } = await spawn(() => outer().catch((error) => error)).get() as Error;
  return [...stack!.matchAll(/at (?:async )?(inner|outer) /g)].map(([, name]) => name!);
}

for (const [name, operation] of Object.entries(FAILING)) {
  ioTest(`An error of ${name} shows in its stack who awaits it`, async () => {
    assertEquals(await awaitingIn(operation), ["inner", "outer"], "natively");
    using _patches = patchAll({ onWarning() {} });
    assertEquals(await awaitingIn(operation), ["inner", "outer"], "patched");
    using _deep = patchAwaits();
    assertEquals(await awaitingIn(operation), ["inner", "outer"], "with patchAwaits()");
  });
}
