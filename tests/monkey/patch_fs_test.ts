import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { join } from "node:path";
import { GreenletExit } from "../../core/errors.ts";
import { spawn } from "../../core/spawn.ts";
import { patchFs } from "../../monkey/patch_fs.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { assertKillable, assertLimited, untilIn } from "../helpers/killed.ts";
import { bytes, text } from "../helpers/sockets.ts";
import { withFolder } from "../helpers/unix_sockets.ts";

async function makePipe(folder: string): Promise<string> {
  const path = join(folder, "pipe");
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert(success);
  return path;
}

/** Kills a read of a file; some are too quick for that, and are begun again. */
async function killRead(file: Deno.FsFile, buffer: Uint8Array): Promise<void> {
  for (;;) {
    const g = spawn(() => file.read(buffer));
    spawn(() => g.throw());
    const count: unknown = await g.get();
    if (count instanceof GreenletExit) return;
    await file.seek(-(count as number), Deno.SeekMode.Current);
  }
}

ioTest("Deno.readTextFile() and its like are ended when they are killed", async () => {
  using _patch = patchFs();
  await withFolder(async (folder) => {
    const path = await makePipe(folder);
    // Opened for both, so that neither opening nor closing blocks anybody.
    using keeper = await Deno.open(path, { read: true, write: true });
    await assertKillable("Deno.readTextFile", () => Deno.readTextFile(path));
    await assertLimited(() => Deno.readFile(path));
    await keeper.write(bytes("for whoever still reads"));
  });
});

ioTest("Deno.FsFile.read() of a pipe loses no byte when it is killed", async () => {
  using _patch = patchFs();
  await withFolder(async (folder) => {
    const path = await makePipe(folder);
    using file = await Deno.open(path, { read: true, write: true });
    using writer = await Deno.open(path, { read: true, write: true });
    const buffer = new Uint8Array(10);
    await assertKillable("Deno.FsFile.prototype.read", () => file.read(buffer));
    await assertLimited(() => file.read(buffer));
    await writer.write(bytes("hello"));
    const small = new Uint8Array(2);
    assertEquals(await spawn(() => file.read(small)).get(), 2);
    assertEquals(text(small), "he");
    assertEquals([file.readSync(small), text(small)], [2, "ll"]);
    assertEquals([await file.read(small), text(small.subarray(0, 1))], [1, "o"]);
  });
});

ioTest("Deno.FsFile.read() of a file puts the position back when it is killed", async () => {
  using _patch = patchFs();
  await withFolder(async (folder) => {
    const path = join(folder, "file");
    await Deno.writeTextFile(path, "0123456789");
    for (const at of [Deno.SeekMode.Start, Deno.SeekMode.Current] as const) {
      using file = await Deno.open(path, { read: true, write: true });
      const buffer = new Uint8Array(4);
      await spawn(() => file.read(buffer)).get();
      await killRead(file, buffer);
      await file.seek(at === Deno.SeekMode.Start ? 2 : -2, at);
      assertEquals([await file.read(buffer), text(buffer)], [4, "2345"]);
      await killRead(file, buffer);
      await file.write(bytes("x"));
      assertEquals(await Deno.readTextFile(path), "012345x789");
      await Deno.writeTextFile(path, "0123456789");
    }
  });
});

ioTest("Deno.FsFile.read() refuses what is no buffer, and reads on", async () => {
  using _patch = patchFs();
  using file = await Deno.open(new URL(import.meta.url));
  await spawn(async () => {
    for (const buffer of [undefined, new ArrayBuffer(4), "text"]) {
      await assertRejects(() => file.read(buffer as never), TypeError);
    }
    assertEquals(await file.read(new Uint8Array(5)), 5);
  }).get();
});

ioTest("All ways to use a file find it where it was before a killed read", async () => {
  using _patch = patchFs();
  await withFolder(async (folder) => {
    const path = join(folder, "file");
    const ways: ((file: Deno.FsFile) => unknown)[] = [
      (file) => file.seekSync(0, Deno.SeekMode.Current),
      (file) => file.readSync(new Uint8Array(8)),
      (file) => {
        file.writeSync(bytes("x"));
        return Deno.readTextFileSync(path);
      },
      (file) => new Response(file.readable).text(),
      async (file) => {
        const writer = file.writable.getWriter();
        await writer.write(bytes("x"));
        await writer.close();
        return Deno.readTextFileSync(path);
      },
    ];
    const results: unknown[] = [];
    for (const use of ways) {
      await Deno.writeTextFile(path, "0123456789");
      using file = await Deno.open(path, { read: true, write: true });
      const small = new Uint8Array(2);
      await spawn(() => file.read(small)).get();
      await killRead(file, new Uint8Array(4));
      await file.stat(); // after which the read has come
      results.push(await use(file));
    }
    assertEquals(results, [2, 4, "01x3456789", "23456789", "01x3456789"]);
  });
});

ioTest("A file that is sought in has forgotten the end that a killed read has found", async () => {
  using _patch = patchFs();
  await withFolder(async (folder) => {
    const path = join(folder, "file");
    await Deno.writeTextFile(path, "0123456789");
    const buffer = new Uint8Array(4);
    for (const name of ["seek", "seekSync"] as const) {
      using file = await Deno.open(path);
      await file.seek(0, Deno.SeekMode.End);
      await killRead(file, buffer);
      await file.stat(); // after which the read has come
      await file[name](2, Deno.SeekMode.Start);
      assertEquals([await file.read(buffer), text(buffer)], [4, "2345"]);
    }
  });
});

ioTest("A file that is sought in during a killed read stays where it then is", async () => {
  using _patch = patchFs();
  await withFolder(async (folder) => {
    const path = join(folder, "file");
    const one = new Uint8Array(1);
    for (let i = 0; i < 20; i++) {
      await Deno.writeTextFile(path, "0123456789");
      using file = await Deno.open(path, { read: true, write: true });
      await killRead(file, new Uint8Array(2));
      file.seekSync(4, Deno.SeekMode.Start);
      if (i % 2 === 0) assertEquals([file.readSync(one), text(one)], [1, "4"]);
      else assertEquals(file.writeSync(bytes("x")), 1);
      await file.stat(); // after which the read has come
      assertEquals([await file.read(one), text(one)], [1, "5"]);
      file.writeSync(bytes("y"));
      assertEquals(await Deno.readTextFile(path), i % 2 === 0 ? "012345y789" : "0123x5y789");
    }
  });
});

ioTest("Deno.FsFile.readable begins with what came for a killed read of a pipe", async () => {
  using _patch = patchFs();
  await withFolder(async (folder) => {
    const path = await makePipe(folder);
    const file = await Deno.open(path, { read: true, write: true });
    using writer = await Deno.open(path, { read: true, write: true });
    await assertKillable("Deno.FsFile.prototype.read", () => file.read(new Uint8Array(10)));
    await writer.write(bytes("hello"));
    const reader = file.readable.getReader();
    assertStrictEquals(file.readable.locked, true);
    assertEquals(text((await reader.read()).value!), "hello");
    await reader.cancel();
  });
});

ioTest("Functions for files do what they always did in greenlets", async () => {
  using _patch = patchFs();
  await withFolder(async (folder) => {
    await spawn(async () => {
      const path = join(folder, "file");
      await Deno.writeTextFile(path, "text", { append: true });
      assertEquals(await Deno.readTextFile(path), "text");
      await Deno.writeFile(path, bytes("bytes"));
      assertEquals(text(await Deno.readFile(path)), "bytes");
      assertEquals((await Deno.stat(path)).size, 5);
      await Deno.copyFile(path, `${path}2`);
      await Deno.rename(`${path}2`, `${path}3`);
      const names: string[] = [];
      for await (const { name } of Deno.readDir(folder)) names.push(name);
      assertEquals(names.sort(), ["file", "file3"]);
      {
        using file = await Deno.open(path);
        assertEquals(await new Response(file.readable).text(), "bytes");
      }
      await Deno.remove(path);
      await assertRejects(() => Deno.readTextFile(path), Deno.errors.NotFound);
      const reason = new Error("no more");
      assertStrictEquals(
        await assertRejects(() => Deno.readFile(`${path}3`, { signal: AbortSignal.abort(reason) })),
        reason,
      );
    }).get();
  });
});

ioTest("Deno.open() closes a file that comes too late", async () => {
  using _patch = patchFs();
  await withFolder(async (folder) => {
    const path = await makePipe(folder);
    await assertKillable("Deno.open", () => Deno.open(path, { read: true })); // nobody writes
    using writer = await Deno.open(path, { write: true });
    await eventually(() => writer.write(bytes("hello")).then(() => false, () => true));
  });
});

ioTest("Deno.FsFile.lock() gives a lock back that comes too late", async () => {
  using _patch = patchFs();
  const path = await Deno.makeTempFile();
  const open = (): Promise<Deno.FsFile> => Deno.open(path, { read: true, write: true });
  using holder = await open();
  using late = await open();
  using next = await open();
  await holder.lock(true);
  await assertKillable("Deno.FsFile.lock", () => late.lock(true));
  await holder.unlock();
  await next.lock(true);
  await next.unlock();
  await late.lock(true); // not before the other one has come
  await Deno.remove(path);
});

ioTest("Watching files can be killed, and gone on with", async () => {
  using _patch = patchFs();
  await withFolder(async (folder) => {
    using watcher = Deno.watchFs(folder);
    await assertKillable("Deno.watchFs", async () => {
      for await (const _ of watcher);
    });
    const seen = spawn(async () => {
      for await (const { paths } of watcher) return paths.length;
      return 0;
    });
    await untilIn(seen, "Deno.watchFs");
    await Deno.writeTextFile(join(folder, "file"), "");
    assertEquals(await seen.get(), 1);
    assertEquals((await watcher[Symbol.asyncIterator]().next()).done, true);
  });
});

ioTest("Watching files loses no event when it is killed", async () => {
  using _patch = patchFs();
  await withFolder(async (folder) => {
    using watcher = Deno.watchFs(folder);
    const events = watcher[Symbol.asyncIterator]();
    await assertKillable("Deno.watchFs", () => events.next());
    await Deno.mkdir(join(folder, "one")); // which is one event
    const { value } = await spawn(() => events.next()).get();
    assertEquals([value.kind, value.paths.length], ["create", 1]);
    assertEquals(await events.return!(), { done: true, value: undefined });
  });
});

ioTest("Deno.stdin.read() loses no byte when it is killed", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      "--quiet",
      `
      import { sleep, spawn } from "${new URL("../../mod.ts", import.meta.url)}";
      import { patchFs } from "${new URL("../../monkey/mod.ts", import.meta.url)}";
      patchFs();
      const buffer = new Uint8Array(100);
      const g = spawn(() => Deno.stdin.read(buffer));
      await sleep(5);
      await g.kill();
      console.log("killed");
      for (;;) {
        const size = await spawn(() => Deno.stdin.read(buffer)).get();
        if (size === null) break;
        console.log(new TextDecoder().decode(buffer.subarray(0, size)));
      }
    `,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  let output = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    output += chunk;
    if (output === "killed\n") await writer.write(bytes("hello"));
    if (output.endsWith("hello\n")) await writer.close();
  }
  assertEquals(output, "killed\nhello\n");
  await child.status;
});

Deno.test("patchFs() leaves names and lengths, and can be taken back", () => {
  const before = [Deno.readFile, Deno.open, Deno.FsFile.prototype.read] as const;
  const patches = patchFs();
  const after = [Deno.readFile, Deno.open, Deno.FsFile.prototype.read];
  assertEquals(after.map((fn) => [fn.name, fn.length]), before.map((fn) => [fn.name, fn.length]));
  assert(after.every((fn, at) => fn !== before[at]));
  patches.unpatch();
  assertEquals([Deno.readFile, Deno.open, Deno.FsFile.prototype.read], [...before]);
});
