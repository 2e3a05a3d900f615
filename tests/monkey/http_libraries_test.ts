/** Libraries for HTTP and WebSockets from npm, unchanged, in a program that is patched first of all. */

import "../../monkey/auto.ts";
import { assert, assertEquals } from "@std/assert";
import { Hono } from "hono";
import events from "node:events";
import { createServer, type Server as NodeServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Application, Router } from "oak";
import WebSocket, { WebSocketServer } from "ws";
import { Greenlet } from "../../core/greenlet.ts";
import { local } from "../../core/local.ts";
import { Pool } from "../../core/pool.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, spawn } from "../../core/spawn.ts";
import { withTimeout } from "../../core/timeout.ts";
import { greenAbortable } from "../../monkey/green_abortable.ts";
import { isPatched } from "../../monkey/registry.ts";
import { exerciseClient } from "../helpers/client_exercise.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { seededRandom } from "../helpers/random.ts";
import { collectReports, collectUnhandled } from "../helpers/reports.ts";

// Without their types: those bring along the ones of node, which change the globals of the whole program.
const { default: axios } = await import("axios" as string);
const { Pool: UndiciPool } = await import("undici" as string);
const { default: undiciTimers } = await import("undici/lib/util/timers.js" as string);

/** How many connections the pools of clients have. */
const SIZE = 10;

/** A server that is asked for `/echo/TEXT`, and for `/wait`, which it never answers. */
class EchoServer implements AsyncDisposable {
  readonly #server: NodeServer;

  private constructor(server: NodeServer) {
    this.#server = server;
  }

  static async start(): Promise<EchoServer> {
    const server = createServer((request, response) => {
      if (request.url === "/wait") return;
      setTimeout(() => response.end(decodeURIComponent(request.url!.slice("/echo/".length))), 1);
    });
    await events.once(server.listen(0, "127.0.0.1"), "listening");
    return new EchoServer(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  connections(): Promise<number> {
    return new Promise((resolve, reject) =>
      this.#server.getConnections((error, count) => error ? reject(error) : resolve(count))
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const path = (text: string): string => `/echo/${encodeURIComponent(text)}`;

Deno.test("monkey/auto.ts has patched everything before libraries are loaded", () => {
  for (const name of ["fetch", "node", "serve", "timers", "webSocket"]) {
    assert(isPatched(name), name);
  }
});

ioTest("fetch works for greenlets that are killed and timed out at random", async () => {
  await using server = await EchoServer.start();
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: SIZE });
  const get = (path: string): Promise<Response> => fetch(server.url + path, { client });
  await exerciseClient({
    echo: async (text) => await (await get(path(text))).text(),
    block: () => get("/wait"),
    connections: () => server.connections(),
    mostConnections: SIZE,
  });
});

for (const adapter of ["http", "fetch"] as const) {
  ioTest(
    `axios made green, with its adapter '${adapter}', works for greenlets that are killed and timed out at random`,
    async () => {
      await using server = await EchoServer.start();
      const client = greenAbortable(axios.create({ baseURL: server.url, adapter }), {
        methods: { get: 1 },
      });
      await exerciseClient({
        echo: async (text) => String((await client.get(path(text))).data),
        block: () => client.get("/wait"),
        connections: () => server.connections(),
        mostConnections: 100, // it has no pool: as many as there are calls at a time
      });
    },
  );
}

ioTest(
  "undici made green works for greenlets that are killed and timed out at random",
  async () => {
    await using server = await EchoServer.start();
    const pool = new UndiciPool(server.url, { connections: SIZE });
    type Answer = Awaited<ReturnType<typeof pool.request>>;
    const client = greenAbortable(pool, { methods: { request: 0 } });
    try {
      const get = (path: string): Promise<Answer> => client.request({ path, method: "GET" });
      await exerciseClient({
        echo: async (text) => await (await get(path(text))).body.text(),
        block: () => get("/wait"),
        connections: () => server.connections(),
        mostConnections: SIZE,
      });
    } finally {
      await pool.destroy();
      // All its time limits share a timer, which ends at its next tick.
      const tick = undiciTimers.now();
      for (let i = 0; i < 100 && undiciTimers.now() === tick; i++) await sleep(10);
    }
  },
);

ioTest("ws works for greenlets that are killed and timed out at random", async () => {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await events.once(server, "listening");
  server.on("connection", (socket: WebSocket) => {
    socket.on("error", () => {}); // clients that go away
    socket.on("message", (data: unknown) => {
      if (String(data) !== "wait") socket.send(String(data));
    });
  });
  const { port } = server.address() as AddressInfo;
  const ask = async (text: string): Promise<string> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`);
    socket.on("error", () => {}); // closed before it was open
    try {
      await events.once(socket, "open");
      socket.send(text);
      const [data] = await events.once(socket, "message");
      return String(data);
    } finally {
      socket.terminate();
    }
  };
  try {
    await exerciseClient({
      echo: ask,
      block: () => ask("wait"),
      connections: () => Promise.resolve(server.clients.size),
      mostConnections: 0,
    });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

type Handler = (request: Request, info: Deno.ServeHandlerInfo) => Response | Promise<Response>;

/** What a request's greenlet keeps for itself. */
const mine = local<{ text: string }>();

/** Waits in ways that know nothing of greenlets, and answers with what the greenlet has kept. */
async function echo(text: string): Promise<string> {
  mine.text = text;
  await new Promise((resolve) => setTimeout(resolve, 1));
  const blob = await new Response(mine.text).blob();
  await Promise.all([new Promise((resolve) => setTimeout(resolve, 1)), blob.arrayBuffer()]);
  return mine.text;
}

/** Waits for ever, and notes in `ended` that it did not. */
async function wait(ended: Set<Greenlet>): Promise<string> {
  try {
    await new Promise<void>((resolve) => setTimeout(resolve, 2 ** 30));
    return "never";
  } finally {
    ended.add(getCurrent());
  }
}

function honoApp(ended: Set<Greenlet>): Handler {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    context.header("x-greenlet", String(getCurrent() instanceof Greenlet));
  });
  app.get("/echo/:text", async (context) => context.text(await echo(context.req.param("text"))));
  app.get("/wait", async (context) => context.text(await wait(ended)));
  app.onError((error) => {
    throw error; // what it does by default is to print it
  });
  return (request) => app.fetch(request);
}

function oakApp(ended: Set<Greenlet>): Handler {
  // Without types, as those of its npm build do not fit into those of the runtime.
  // deno-lint-ignore no-explicit-any
  type Context = any;
  const app = new Application({ logErrors: false });
  const router = new Router();
  router.get("/echo/:text", async (context: Context) => {
    context.response.body = await echo(context.params.text);
  });
  router.get("/wait", () => wait(ended));
  app.use(async (context: Context, next: () => Promise<unknown>) => {
    await next();
    context.response.headers.set("x-greenlet", String(getCurrent() instanceof Greenlet));
  });
  app.use(router.routes());
  return async (request, info) => {
    // Of a class of its own, in its npm build.
    const { status, headers, body }: Response = await app.handle(
      request as never,
      info.remoteAddr as never,
    ) as never;
    return new Response(body, { status, headers: [...headers] });
  };
}

for (const [name, makeApp] of [["Hono", honoApp], ["oak", oakApp]] as const) {
  ioTest(
    `${name} works on Deno.serve with clients and requests that are killed at random`,
    async () => {
      using unhandled = collectUnhandled();
      using reports = collectReports();
      const random = seededRandom(5);
      const ended = new Set<Greenlet>();
      const running = new Map<Greenlet, string>();
      const app = makeApp(ended);
      let [begun, completed] = [0, 0];
      const handler: Handler = async (request, info) => {
        begun++;
        void info.completed.catch(() => {}).then(() => completed++);
        const greenlet = getCurrent();
        running.set(greenlet, request.url);
        try {
          return await app(request, info);
        } finally {
          running.delete(greenlet);
        }
      };
      await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
      const url = `http://127.0.0.1:${server.addr.port}`;
      using client = Deno.createHttpClient({ poolMaxIdlePerHost: SIZE });
      const ask = async (path: string): Promise<[number, string]> => {
        const response = await fetch(url + path, { client });
        if (response.status === 200) assertEquals(response.headers.get("x-greenlet"), "true");
        return [response.status, await response.text()];
      };

      // Clients that go away.
      const clients = Array.from({ length: 100 }, (_, n) =>
        spawn(async () => {
          const text = `client ${n}`;
          if (n % 2 === 0) return assertEquals(await ask(path(text)), [200, text]);
          const path_ = random(2) === 0 ? "/wait" : path(text);
          return await withTimeout(random(20), () => ask(path_), { timeoutValue: undefined });
        }));
      // Requests that are killed at the server.
      const killed = Array.from({ length: 50 }, () => spawn(() => ask("/wait")));
      await eventually(() =>
        [...running.values()].filter((url) => url.endsWith("/wait")).length >= 50
      );
      while (killed.some((greenlet) => !greenlet.dead)) {
        for (const [greenlet, url] of running) {
          if (url.endsWith("/wait") && random(3) === 0) await greenlet.kill();
        }
        await sleep(1);
      }
      for (const greenlet of killed) assert((await greenlet.get())[0] >= 500);
      for (const greenlet of clients) await greenlet.get();
      assert(ended.size >= 50);

      for (const greenlet of running.keys()) await greenlet.kill();
      await eventually(() => completed === begun);
      const texts = Array.from({ length: 100 }, (_, n) => `after ${n}`);
      const answers = await new Pool(10).map((text) => ask(path(text)), texts);
      assertEquals(answers, texts.map((text): [number, string] => [200, text]));
      await eventually(() => completed === begun && running.size === 0);
      assertEquals([unhandled.list, reports.list], [[], []]);
    },
  );
}
