import { green } from "../../core/green.ts";
import { joinAll } from "../../core/join.ts";
import { spawn } from "../../core/spawn.ts";
import { until } from "../../core/until.ts";
import { patchConnect } from "../../monkey/patch_connect.ts";
import { patchFetch } from "../../monkey/patch_fetch.ts";
import { patchServe } from "../../monkey/patch_serve.ts";
import { patchTimers } from "../../monkey/patch_timers.ts";
import type { Patches } from "../../monkey/registry.ts";

/** What is done over and over in a greenlet, after some preparation that does not count. */
type Work = () => Promise<void>;

/** Registers a bench of some work, `operations` times in one iteration, bare and with a patch. */
function compare(
  group: string,
  operations: number,
  prepare: () => Promise<{ work: Work } & Partial<AsyncDisposable>>,
  patch: () => Patches,
): void {
  for (const patched of [false, true]) {
    Deno.bench({
      name: `${group}: ${patched ? "patched" : "as it is"}`,
      group: `${group} x ${operations}`,
      baseline: !patched,
      fn: async (bench) => {
        using _patches = patched ? patch() : undefined;
        const { work, ...rest } = await prepare();
        await spawn(async () => {
          bench.start();
          for (let i = 0; i < operations; i++) await work();
          bench.end();
        }).get();
        await rest[Symbol.asyncDispose]?.();
      },
    });
  }
}

const ANY = { hostname: "127.0.0.1", port: 0, onListen(): void {} };

compare("Conn.write and read of 64 bytes", 200, async () => {
  const listener = Deno.listen(ANY);
  const { hostname, port } = listener.addr;
  const [conn, peer] = await Promise.all([Deno.connect({ hostname, port }), listener.accept()]);
  listener.close();
  const echoing = peer.readable.pipeTo(peer.writable).catch(() => {});
  const message = new Uint8Array(64);
  const buffer = new Uint8Array(1024);
  return {
    async work() {
      await conn.write(message);
      await conn.read(buffer);
    },
    async [Symbol.asyncDispose]() {
      conn.close();
      await echoing;
    },
  };
}, patchConnect);

compare("fetch", 100, async () => {
  const server = await Promise.resolve(Deno.serve(ANY, () => new Response("hello")));
  const url = `http://127.0.0.1:${server.addr.port}/`;
  return {
    work: async () => void await (await fetch(url)).text(),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}, patchFetch);

compare("requests to Deno.serve", 100, async () => {
  const server = await Promise.resolve(
    Deno.serve(ANY, async () => await Promise.resolve(new Response("hello"))),
  );
  const url = `http://127.0.0.1:${server.addr.port}/`;
  return {
    work: async () => void await (await fetch(url)).text(),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}, patchServe);

compare("a thousand sleeps at a time", 5, () =>
  Promise.resolve({
    async work() {
      await joinAll(
        Array.from({ length: 1000 }, () =>
          spawn(() => new Promise((resolve) => setTimeout(resolve, 1)))),
      );
    },
  }), patchTimers);

compare("setTimeout and clearTimeout", 10_000, () =>
  Promise.resolve({
    // deno-lint-ignore require-await -- all work is asynchronous
    async work() {
      clearTimeout(setTimeout(() => {}, 1000));
    },
  }), patchTimers);

const client = { get: (): Promise<number> => Promise.resolve(1) };
const greenClient = green(client);

for (
  const [name, wait] of Object.entries({
    "await": () => client.get(),
    "until()": () => until(client.get()),
    "green()": () => greenClient.get(),
  })
) {
  Deno.bench({
    name,
    group: "waits for a promise x 10000",
    baseline: name === "await",
    fn: async (bench) => {
      await spawn(async () => {
        bench.start();
        for (let i = 0; i < 10_000; i++) await wait();
        bench.end();
      }).get();
    },
  });
}
