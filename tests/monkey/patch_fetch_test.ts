import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { patchFetch } from "../../monkey/patch_fetch.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { assertKillable, assertLimited, untilIn } from "../helpers/killed.ts";
import { collectUnhandled } from "../helpers/reports.ts";
import { text, write } from "../helpers/sockets.ts";

/** A server that notes which requests their clients have given up. */
class Server implements AsyncDisposable {
  readonly arrived: string[] = [];
  readonly gone: string[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving: Promise<void>;
  readonly #connections = new Set<Promise<void>>();

  constructor() {
    this.#serving = this.#serve();
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.#listener.addr.port}${path}`;
  }

  async #serve(): Promise<void> {
    for await (const conn of this.#listener) this.#connections.add(this.#answer(conn));
  }

  async #answer(conn: Deno.Conn): Promise<void> {
    using _closed = conn;
    let request = "";
    const buffer = new Uint8Array(65536);
    const receive = async (): Promise<boolean> => {
      const count = await conn.read(buffer).catch(() => null);
      request += text(buffer.subarray(0, count ?? 0));
      return count !== null;
    };
    while (!request.includes("\r\n\r\n")) if (!await receive()) return;
    const path = request.split(" ")[1]!;
    this.arrived.push(path);
    if (path === "/body" || path === "/silence") {
      if (path === "/body") {
        const type = "application/x-www-form-urlencoded";
        await write(
          conn,
          `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: 9\r\n\r\na=1`,
        );
      }
      while (await receive());
      this.gone.push(path);
      return;
    }
    const length = Number(/content-length: (\d+)/.exec(request)?.[1] ?? 0);
    const body = (): string => request.slice(request.indexOf("\r\n\r\n") + 4);
    while (body().length < length) await receive();
    const [type, content] = path === "/json"
      ? ["application/json", `{"hello":"world"}`]
      : path === "/form"
      ? ["application/x-www-form-urlencoded", "a=1"]
      : ["text/plain", body()];
    const head = `content-type: ${type}\r\ncontent-length: ${content.length}\r\nconnection: close`;
    await write(conn, `HTTP/1.1 200 OK\r\n${head}\r\n\r\n${content}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
    await Promise.all(this.#connections);
  }
}

ioTest("fetch() ends the request on the wire when it is killed before the answer", async () => {
  using _patch = patchFetch();
  await using server = new Server();
  await assertKillable(
    "fetch",
    () => fetch(server.url("/silence")),
    () => server.arrived.length > 0,
  );
  await eventually(() => server.gone.includes("/silence"));
});

ioTest("fetch() is limited in time", async () => {
  using _patch = patchFetch();
  await using server = new Server();
  await assertLimited(() => fetch(server.url("/silence")));
  await eventually(() => server.gone.length === server.arrived.length);
});

for (const method of ["arrayBuffer", "blob", "bytes", "formData", "json", "text"] as const) {
  ioTest(`Response.${method}() ends the request on the wire when it is killed`, async () => {
    using _patch = patchFetch();
    await using server = new Server();
    await assertKillable(`Response.${method}`, async () => {
      const response = await fetch(server.url("/body"));
      await response[method]();
    });
    await eventually(() => server.gone.includes("/body"));
  });
}

ioTest(
  "Response.text() ends the request on the wire when a kill comes right before it",
  async () => {
    using _patch = patchFetch();
    await using server = new Server();
    const g = spawn(async () => {
      const response = await fetch(server.url("/body"));
      getCurrent().throw();
      await response.text();
    });
    await g.join();
    assertInstanceOf(g.value, GreenletExit);
    await eventually(() => server.gone.includes("/body"));
  },
);

/** Puts a function below the patch in place of the runtime's own. */
function replaceFetch(fetch: typeof globalThis.fetch): Disposable {
  const original = globalThis.fetch;
  globalThis.fetch = fetch;
  return { [Symbol.dispose]: () => void (globalThis.fetch = original) };
}

ioTest("fetch() takes a response that comes after it was killed", async () => {
  const late = Promise.withResolvers<Response>();
  using _below = replaceFetch(() => late.promise);
  using _patch = patchFetch();
  using unhandled = collectUnhandled();
  const g = spawn(() => fetch("http://localhost/"));
  await sleep();
  await g.kill();
  late.resolve(new Response("late"));
  await sleep(1);
  assertInstanceOf(g.value, GreenletExit);
  assertEquals(unhandled.list, []);
});

ioTest("fetch() gives whatever a stand-in for it gives", async () => {
  using _below = replaceFetch(() => Promise.resolve(undefined as unknown as Response));
  using _patch = patchFetch();
  assertEquals(await spawn(() => fetch("/")).get(), undefined);
});

ioTest("fetch() takes a response that it had before", async () => {
  const same = new Response("the same");
  using _below = replaceFetch(() => Promise.resolve(same));
  using _patch = patchFetch();
  const [first, second] = await spawn(async () => [await fetch("/"), await fetch("/")]).get();
  assertStrictEquals(first, same);
  assertStrictEquals(second, same);
});

ioTest(
  "Response.text() that is refused twice does not take the place of the clone's reader",
  async () => {
    let signal: AbortSignal | null | undefined;
    using _below = replaceFetch((_input, init) => {
      signal = init?.signal;
      return Promise.resolve(new Response("for both"));
    });
    using _patch = patchFetch();
    const copied = Promise.withResolvers<Response>();
    const g = spawn(async () => {
      const response = await fetch("/");
      copied.resolve(response.clone());
      try {
        await sleep(60_000);
      } finally {
        for (let i = 0; i < 2; i++) await response.text().catch(() => {});
      }
    });
    const copy = await copied.promise;
    await g.kill(undefined, { persistent: true });
    assert(signal?.aborted === false);
    assertEquals(await copy.text(), "for both");
  },
);

ioTest("fetch() gives what it always did in a greenlet", async () => {
  using _patch = patchFetch();
  await using server = new Server();
  await spawn(async () => {
    const response = await fetch(server.url("/json"));
    assertInstanceOf(response, Response);
    assertEquals([response.status, await response.json()], [200, { hello: "world" }]);
    const body = "text".repeat(1000);
    assertEquals(await (await fetch(server.url("/echo"), { method: "POST", body })).text(), body);
    const request = new Request(server.url("/echo"), { method: "POST", body });
    assertEquals((await (await fetch(request)).bytes()).length, body.length);
    assertEquals(Object.fromEntries(await (await fetch(server.url("/form"))).formData()), {
      a: "1",
    });
    await assertRejects(() => fetch("http://127.0.0.1:1/"), TypeError);
    await assertRejects(() => fetch("nonsense"), TypeError);
    const used = await fetch(server.url("/json"));
    await used.text();
    await assertRejects(() => used.text(), TypeError);
  }).get();
});

ioTest("fetch() takes whatever options it always took in a greenlet", async () => {
  using _patch = patchFetch();
  await using server = new Server();
  class Upload {
    readonly method = "POST";
    get body(): string {
      return "from an accessor";
    }
  }
  await spawn(async () => {
    const url = server.url("/echo");
    const request = new Request(server.url("/other"), { method: "POST", body: "from a request" });
    assertEquals(await (await fetch(url, request)).text(), "from a request");
    assertEquals(await (await fetch(url, new Upload())).text(), "from an accessor");
    const bare = Object.assign(Object.create(null), { method: "POST", body: "from no class" });
    assertEquals(await (await fetch(url, bare)).text(), "from no class");
    for (const mistake of [{ signal: 5 }, 5]) {
      await assertRejects(() => fetch(url, mistake as RequestInit), TypeError);
    }
  }).get();
  const silent = new Request(server.url("/silence"));
  await assertKillable("fetch", () => fetch(server.url("/silence"), silent));
  await eventually(() => server.gone.length === 1);
});

ioTest("fetch() heeds the signals of its caller in a greenlet", async () => {
  using _patch = patchFetch();
  await using server = new Server();
  const reason = new Error("no more");
  for (const inRequest of [true, false]) {
    const controller = new AbortController();
    const { signal } = controller;
    const g = spawn(() =>
      assertRejects(() =>
        inRequest
          ? fetch(new Request(server.url("/silence"), { signal }))
          : fetch(server.url("/silence"), { signal })
      )
    );
    await untilIn(g, "fetch");
    controller.abort(reason);
    assertStrictEquals(await g.get(), reason);
  }
});

ioTest("Response.clone() lets the other go on when one is killed", async () => {
  using _patch = patchFetch();
  await using server = new Server();
  const response = await spawn(() => fetch(server.url("/body"))).get();
  const copy = response.clone();
  await assertKillable("Response.text", () => response.text());
  assertEquals(server.gone, []);
  await assertKillable("Response.text", () => copy.text());
  await eventually(() => server.gone.includes("/body"));
});

ioTest(
  "A request that serves others is not ended with the greenlet that it was begun in",
  async () => {
    using _patch = patchFetch();
    await using server = new Server();
    /** As batching loaders do it: what is asked for in one turn is asked for together. */
    let batch: Promise<unknown> | undefined;
    const load = (): Promise<unknown> =>
      batch ??= new Promise((resolve, reject) => {
        queueMicrotask(() => {
          fetch(server.url("/json")).then((response) => response.json()).then(resolve, reject);
        });
      });
    const first = spawn(load);
    const second = spawn(async () => void assertEquals(await load(), { hello: "world" }));
    await sleep();
    first.throw();
    await second.get();
    await first.join();
  },
);

Deno.test("patchFetch() leaves names and lengths of the functions", () => {
  const before = [fetch, Response.prototype.text, Request.prototype.json] as const;
  using _patch = patchFetch();
  const after = [fetch, Response.prototype.text, Request.prototype.json];
  assertEquals(after.map((fn) => [fn.name, fn.length]), before.map((fn) => [fn.name, fn.length]));
  assert(after.every((fn, at) => fn !== before[at]));
});
