import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import childProcess from "node:child_process";
import dgram from "node:dgram";
import dns from "node:dns";
import dnsPromises from "node:dns/promises";
import events from "node:events";
import fs from "node:fs";
import fsPromises from "node:fs/promises";
import http from "node:http";
import module from "node:module";
import net from "node:net";
import { join } from "node:path";
import readline from "node:readline/promises";
import stream from "node:stream";
import streamPromises from "node:stream/promises";
import timers from "node:timers";
import timersPromises from "node:timers/promises";
import util from "node:util";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { patchNode } from "../../monkey/patch_node.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { assertKillable, assertLimited, assertRefused, untilIn } from "../helpers/killed.ts";
import { runScript } from "../helpers/script.ts";
import { bytes } from "../helpers/sockets.ts";
import { withFolder } from "../helpers/unix_sockets.ts";

const require = module.createRequire(import.meta.url);

ioTest("events.once() is killed without leaving a listener", async () => {
  using _patch = patchNode();
  const emitter = new events.EventEmitter();
  await assertKillable("events.once", () => events.once(emitter, "never"));
  await assertLimited(() => require("events").once(emitter, "never"));
  assertEquals(emitter.listenerCount("never"), 0);
  const g = spawn(() => events.once(emitter, "event"));
  await sleep();
  emitter.emit("event", 1, 2);
  assertEquals(await g.get(), [1, 2]);
  const error = await spawn(() =>
    assertRejects(() => events.once(emitter, "event", { signal: AbortSignal.abort() }), Error)
  ).get();
  assertEquals(error.name, "AbortError");
});

ioTest("events.on() is killed without leaving a listener", async () => {
  using _patch = patchNode();
  const emitter = new events.EventEmitter();
  const seen: unknown[] = [];
  const loop = async (): Promise<void> => {
    for await (const [value] of events.on(emitter, "event")) seen.push(value);
  };
  await assertKillable("events.on", loop, () => {
    if (seen.length === 0) emitter.emit("event", "value");
    return seen.length === 1;
  });
  assertEquals([seen, emitter.listenerCount("event")], [["value"], 0]);
});

ioTest("A promise around once() can be killed", async () => {
  using _patch = patchNode();
  const emitter = new events.EventEmitter();
  await assertKillable(
    "event ready",
    () => new Promise((resolve) => emitter.once("ready", resolve)),
  );
  assertEquals(emitter.listenerCount("ready"), 0);
  const g = spawn(() => new Promise((resolve) => emitter.once("ready", resolve)));
  await sleep();
  emitter.emit("ready", "value", "more");
  assertEquals(await g.get(), "value");
  await spawn(() => {
    const { resolve, reject } = Promise.withResolvers();
    emitter.once("ready", resolve).once("error", reject);
    assertEquals(emitter.listeners("ready").length, 1);
    emitter.off("ready", resolve).off("error", reject);
    assertEquals(emitter.listenerCount("ready") + emitter.listenerCount("error"), 0);
  }).get();
});

ioTest(
  "Promises around once() are not rejected by a kill where that may be what settles them",
  async () => {
    using _patch = patchNode();
    const emitter = new events.EventEmitter();
    for (const event of ["abort", "aborted", "close", "end", "error", "exit", "timeout"]) {
      const { promise, reject } = Promise.withResolvers();
      const g = spawn(async () => {
        emitter.once(event, reject);
        await sleep(60_000);
      });
      await untilIn(g, "sleep");
      await g.kill();
      emitter.emit(event, event);
      assertEquals(await promise.catch((reason) => [reason]), [event]);
    }
  },
);

ioTest("Promises around net and http can be killed", async () => {
  using _patch = patchNode();
  const server = net.createServer((socket) => socket.resume().on("error", () => {}));
  await spawn(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))).get();
  const { port } = server.address() as net.AddressInfo;
  const socket = await spawn(() =>
    new Promise<net.Socket>((resolve) => {
      const socket: net.Socket = net.connect(port, "127.0.0.1", () => resolve(socket));
    })
  ).get();
  await assertKillable("event data", () => new Promise((resolve) => socket.once("data", resolve)));
  socket.destroy();
  let gone = false;
  server.once("connection", (socket) => {
    socket.resume();
    socket.on("close", () => gone = true);
  });
  await assertKillable(
    "event response",
    () =>
      new Promise((resolve) =>
        http.get({ port, host: "127.0.0.1" }, resolve).on("error", () => {})
      ),
  );
  await eventually(() => gone);
  await new Promise((resolve) => server.close(resolve));
});

ioTest("A loop over one of node's streams destroys it at once when it is killed", async () => {
  using _patch = patchNode();
  for (const iterate of [(s: stream.Readable) => s, (s: stream.Readable) => s.iterator()]) {
    const readable = new stream.Readable({ read() {} });
    readable.push("one");
    const seen: string[] = [];
    await assertKillable("node:stream.Readable", async () => {
      for await (const chunk of iterate(readable)) seen.push(String(chunk));
    }, () => seen.length === 1);
    assertEquals([seen, readable.destroyed], [["one"], true]);
  }
  const whole = stream.Readable.from(["a", "b"]);
  assertEquals(await spawn(() => Array.fromAsync(whole)).get(), ["a", "b"]);
});

ioTest(
  "A loop that must not destroy one of node's streams does not when it is killed",
  async () => {
    using _patch = patchNode();
    const readable = new stream.Readable({ read() {} });
    await assertKillable("node:stream.Readable", async () => {
      for await (const _ of readable.iterator({ destroyOnReturn: false }));
    });
    assertEquals(readable.destroyed, false);
    readable.destroy();
  },
);

ioTest("stream.promises is ended when it is killed", async () => {
  using _patch = patchNode();
  for (const promises of [streamPromises, stream.promises, require("stream").promises]) {
    const source = new stream.Readable({ read() {} });
    const target = new stream.Writable({ write: (_chunk, _encoding, done) => done() });
    await assertKillable("stream.pipeline", () => promises.pipeline(source, target));
    await eventually(() => source.destroyed && target.destroyed);
    const other = new stream.Readable({ read() {} });
    await assertLimited(() => promises.finished(other));
    assertEquals(other.destroyed, false);
    for (const options of [{ end: true }, Object.assign(Object.create(null), { end: true })]) {
      const chunks: string[] = [];
      await spawn(() =>
        promises.pipeline(
          stream.Readable.from(["a", "b"]),
          async (source: AsyncIterable<string>) => {
            for await (const chunk of source) chunks.push(chunk);
          },
          options,
        )
      ).get();
      assertEquals(chunks, ["a", "b"]);
    }
  }
});

ioTest("node:timers sleep interruptibly", async () => {
  using _patch = patchNode();
  await assertKillable(
    "setTimeout",
    () => new Promise((resolve) => timers.setTimeout(resolve, 60_000)),
  );
  for (const promises of [timersPromises, timers.promises]) {
    await assertKillable("timers.promises.setTimeout", () => promises.setTimeout(60_000));
    await assertLimited(() => promises.setTimeout(60_000, "value", { ref: true }));
    assertEquals(await spawn(() => promises.setTimeout(1, "value")).get(), "value");
    assertEquals(await spawn(() => promises.setImmediate("value")).get(), "value");
    await assertKillable("timers.promises.setInterval", async () => {
      for await (const _ of promises.setInterval(60_000));
    });
    await assertKillable("scheduler.wait", () => promises.scheduler.wait(60_000));
  }
  const ticks: string[] = [];
  await spawn(async () => {
    for await (const tick of timersPromises.setInterval(1, "tick")) {
      if (ticks.push(tick) === 2) break;
    }
  }).get();
  assertEquals(ticks, ["tick", "tick"]);
});

ioTest("node:dns/promises can be killed", async () => {
  using _patch = patchNode();
  for (const promises of [dnsPromises, dns.promises, require("dns").promises]) {
    const { address } = await spawn(() => promises.lookup("127.0.0.1")).get();
    assertEquals(address, "127.0.0.1");
    assert(promises.lookup.name === "lookup");
  }
  const silent = dgram.createSocket("udp4");
  await new Promise<void>((resolve) => silent.bind(0, "127.0.0.1", resolve));
  const resolver = new dnsPromises.Resolver();
  resolver.setServers([`127.0.0.1:${silent.address().port}`]);
  await assertKillable("dns.promises.resolve4", () => resolver.resolve4("a.test"));
  await assertLimited(() => resolver.resolve4("a.test"));
  resolver.cancel();
  silent.close();
});

ioTest("node:fs/promises can be killed, and does what it always did", async () => {
  using _patch = patchNode();
  await withFolder(async (folder) => {
    const pipe = join(folder, "pipe");
    assert((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
    const keeper = await fsPromises.open(pipe, "r+");
    const reader = await spawn(() => fsPromises.open(pipe, "r+")).get();
    const [lost, found] = [new Uint8Array(3), new Uint8Array(3)];
    await assertKillable("FileHandle.read", () => reader.read(lost, 0, 3, null));
    await assertKillable("FileHandle.readv", () => reader.readv([lost]));
    await keeper.write("abcdef");
    assertEquals(await reader.read(found, 1, 1), { bytesRead: 1, buffer: found });
    assertEquals(found, bytes("\0a\0"));
    const { bytesRead, buffers } = await spawn(() => reader.readv([found, lost])).get();
    assertEquals([bytesRead, buffers, found], [2, [found, lost], bytes("bc\0")]);
    assertEquals([(await reader.read({ buffer: found })).bytesRead, found], [3, bytes("def")]);
    assertEquals(lost, new Uint8Array(3));
    await reader.close();
    await keeper.close();
    await spawn(async () => {
      const path = join(folder, "file");
      await fsPromises.writeFile(path, "text");
      await fsPromises.appendFile(path, " and more");
      assertEquals(await fsPromises.readFile(path, "utf8"), "text and more");
      assertEquals(await fsPromises.readFile(path, { encoding: "utf8" }), "text and more");
      await using file = await fsPromises.open(path);
      assertEquals((await file.stat()).size, 13);
      assertEquals(await file.readFile("utf8"), "text and more");
      assertEquals(await Array.fromAsync(fsPromises.glob("fi*", { cwd: folder })), ["file"]);
      assertEquals((await fsPromises.readdir(folder)).sort(), ["file", "pipe"]);
      await assertRejects(() => fsPromises.readFile(join(folder, "none")), Error, "ENOENT");
      assert((await require("fs").promises.stat(path)).isFile());
    }).get();
  });
});

ioTest("FileHandle.read() does in a greenlet what it does elsewhere", async () => {
  using _patch = patchNode();
  await withFolder(async (folder) => {
    const path = join(folder, "file");
    await fsPromises.writeFile(path, "0123456789");
    const readAll = async (): Promise<unknown[]> => {
      await using file = await fsPromises.open(path);
      const results: unknown[] = [];
      const calls: unknown[][] = [
        [new Uint8Array(2)],
        [new Uint8Array(3), 1, 2, null],
        [new Uint8Array(3), { offset: 1, position: 7n }],
        [{ buffer: new Uint16Array(2), position: -1 }],
        [new Uint8Array(3), null, 1, 0],
        [new Uint8Array(2), 0, 0],
        [{ position: 9 }],
        [],
        [undefined, { position: 0 }],
        [new Uint8Array(3), 0, 10],
        [new Uint8Array(3), 4],
        [new DataView(new ArrayBuffer(3)), 0, 3, 0],
        [new Uint8Array(3), 0, 1, "x"],
      ];
      for (const args of calls) {
        const reading = (async () => await Reflect.apply(file.read, file, args))();
        results.push(await reading.catch((error) => error.message));
      }
      results.push(
        await file.readv([new Uint8Array(2), new Uint16Array(2)], 3),
        await file.readv([new Uint8Array(2)]),
        (await assertRejects(() => file.readv("abc" as never), TypeError)).message,
      );
      return results;
    };
    assertEquals(await spawn(readAll).get(), await readAll());
  });
});

ioTest("What a kill has refused is not begun, and what has to be begun is ended", async () => {
  using _patch = patchNode();
  await withFolder(async (folder) => {
    const path = join(folder, "file");
    await fsPromises.writeFile(path, "");
    await assertRefused(() => fsPromises.readdir(join(folder, "none")));
    await assertRefused(() => util.promisify(fs.stat)(join(folder, "none")));
    await assertRefused(() => fsPromises.open(path));
    await assertRefused(() => fsPromises.unlink(path));
    assert((await fsPromises.stat(path)).isFile());
    const closed = Promise.withResolvers<unknown>();
    await assertRefused(() => {
      const running = util.promisify(childProcess.exec)("exec sleep 10");
      running.child.on("close", (_code, signal) => closed.resolve(signal));
      return running;
    });
    assertEquals(await closed.promise, "SIGTERM");
  });
});

ioTest("A promisified exec() ends the process when it is killed", async () => {
  using _patch = patchNode();
  await withFolder(async (folder) => {
    const file = join(folder, "pid");
    const exec = util.promisify(childProcess.exec);
    const pid = (): number => {
      try {
        return Number(Deno.readTextFileSync(file));
      } catch {
        return 0;
      }
    };
    await assertKillable(
      "child_process.exec",
      () => exec(`echo $$ > ${file}; exec sleep 60`),
      () => pid() > 0,
    );
    await eventually(() => {
      try {
        Deno.kill(pid(), "SIGCONT");
        return false;
      } catch {
        return true;
      }
    });
    const running = await spawn(() => {
      const running = exec("echo out");
      assert(typeof running.child.pid === "number");
      return running;
    }).get();
    assertEquals(running.stdout, "out\n");
    const { stdout } = await spawn(() => util.promisify(childProcess.execFile)("echo", ["out"]))
      .get();
    assertEquals(stdout, "out\n");
  });
});

ioTest("What util.promisify() makes can be killed", async () => {
  using _patch = patchNode();
  const never = util.promisify(function wait(_done: () => void): void {});
  await assertKillable("wait", () => never());
  const sum = util.promisify(
    (a: number, b: number, done: (error: unknown, sum: number) => void) => done(null, a + b),
  );
  assertEquals(await spawn(() => sum(1, 2)).get(), 3);
  assertEquals(await sum(1, 2), 3);
  assertStrictEquals(util.promisify(sum as never), sum as unknown);
  const source = new stream.Readable({ read() {} });
  await assertKillable("stream.finished", () => util.promisify(stream.finished)(source));
  const target = new stream.PassThrough();
  await assertKillable("stream.pipeline", () => util.promisify(stream.pipeline)(source, target));
  await assertLimited(() => util.promisify(never as never)());
  assertEquals(await spawn(() => util.promisify(setImmediate)("value")).get(), "value");
  assertStrictEquals(util.promisify(setImmediate), timersPromises.setImmediate);
  await assertRefused(() => util.promisify(fs.exists)("/"));
  assertEquals(await spawn(() => util.promisify(fs.exists)("/")).get(), true);
});

ioTest("Questions of node:readline/promises can be killed", async () => {
  using _patch = patchNode();
  const input = new stream.PassThrough();
  const asker = readline.createInterface({ input, output: new stream.PassThrough() });
  await assertKillable("readline.question", () => asker.question("Who? "));
  const g = spawn(() => asker.question("Who? "));
  await sleep(1);
  input.write("me\n");
  assertEquals(await g.get(), "me");
  asker.close();
});

Deno.test("patchNode() can be taken back exactly", () => {
  const watched: [object, PropertyKey][] = [
    [events, "once"],
    [events.prototype, "once"],
    [stream, "promises"],
    [stream.Readable.prototype, Symbol.asyncIterator],
    [streamPromises, "pipeline"],
    [timersPromises, "setTimeout"],
    [childProcess, "exec"],
    [util, "promisify"],
    [fsPromises, "readFile"],
    [dnsPromises, "lookup"],
  ];
  const describe = (): unknown[] =>
    watched.map(([target, key]) => Object.getOwnPropertyDescriptor(target, key));
  const before = describe();
  const names = watched.map(([target, key]) => {
    const { name, length } =
      (target as Record<PropertyKey, { name: string; length: number }>)[key]!;
    return [name, length];
  });
  const warnings: string[] = [];
  const patches = patchNode({ onWarning: (message) => warnings.push(message) });
  assertEquals(
    watched.map(([target, key]) => {
      const { name, length } =
        (target as Record<PropertyKey, { name: string; length: number }>)[key]!;
      return [name, length];
    }),
    names,
  );
  patches.unpatch();
  assertEquals(describe(), before);
  assertEquals(warnings, []);
});

ioTest("patchNode() tells which packages were loaded too early", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "node_modules", "@some", "thing");
    await Deno.mkdir(path, { recursive: true });
    await Deno.writeTextFile(join(path, "index.cjs"), "exports.once = require('events').once;");
    const { stdout, stderr } = await runScript(`
      import module from "node:module";
      import { patchNode } from "@/monkey/mod.ts";
      module.createRequire("file:///")(${JSON.stringify(join(path, "index.cjs"))});
      patchNode();
      patchNode();
    `);
    assertEquals([stdout, stderr], [
      "",
      "Packages that were loaded before node's modules were patched keep the functions they took from them: @some/thing\n",
    ]);
  });
});

ioTest(
  "patchNode({ esm: true }) reaches named imports of modules that are loaded later",
  async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "user.mjs");
      await Deno.writeTextFile(
        path,
        `import { once, EventEmitter } from "node:events";
       import * as timers from "timers/promises";
       export const wait = [() => once(new EventEmitter(), "never"), () => timers.setTimeout(60000)];`,
      );
      const { stdout, stderr } = await runScript(`
      import { sleep, spawn } from "@/mod.ts";
      import { patchNode } from "@/monkey/mod.ts";
      const patches = patchNode({ esm: true });
      patchNode({ esm: true });
      const { wait } = await import("file://${path}");
      for (const one of wait) {
        const g = spawn(one);
        await sleep(1);
        await g.kill();
        console.log(g.dead);
      }
      patches.unpatch();
      const later = await import("file://${path}?later");
      const g = spawn(later.wait[0]);
      await sleep(1);
      await g.kill(undefined, { timeout: 5 });
      console.log(g.dead);
      Deno.exit();
    `);
      assertEquals([stdout, stderr], ["true\ntrue\nfalse\n", ""]);
    });
  },
);
