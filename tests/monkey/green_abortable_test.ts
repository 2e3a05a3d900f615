import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { spawn } from "../../core/spawn.ts";
import { withTimeout } from "../../core/timeout.ts";
import { greenAbortable } from "../../monkey/green_abortable.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

interface RequestOptions {
  readonly signal?: AbortSignal;
  readonly headers?: Record<string, string>;
}

/** A call that a client was given. */
interface Asked {
  readonly url: string;
  readonly options: RequestOptions | undefined;
  readonly data?: unknown;
}

/** A client whose server never answers; its calls end when their signals are aborted. */
class Client {
  readonly asked: Asked[] = [];

  get(url: string, options?: RequestOptions): Promise<string> {
    return this.#ask({ url, options });
  }

  post(url: string, data?: unknown, options?: RequestOptions): Promise<string> {
    return this.#ask({ url, options, data });
  }

  /** A promise with a method, whose promise has one as well. */
  lazy(
    url: string,
    options?: RequestOptions,
  ): Promise<string> & { json(): Promise<unknown> & { text(): Promise<string> } } {
    const text = this.#ask({ url, options });
    const json = async (): Promise<unknown> => JSON.parse(await text);
    return Object.assign(text, { json: () => Object.assign(json(), { text: () => text }) });
  }

  get aborted(): boolean[] {
    return this.asked.map(({ options }) => options?.signal?.aborted ?? false);
  }

  #ask(asked: Asked): Promise<string> {
    this.asked.push(asked);
    const signal = asked.options?.signal;
    return new Promise((_, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  }
}

const METHODS = { get: 1, post: 2, lazy: 1 };

/** Times out while it waits. */
async function giveUp(wait: () => PromiseLike<unknown>): Promise<void> {
  const value = await withTimeout(10, async () => await wait(), { timeoutValue: "too late" });
  assertEquals(value, "too late");
}

virtualTest(
  "greenAbortable() aborts the signal of a call that is killed or times out",
  async () => {
    const raw = new Client();
    const client = greenAbortable(raw, { methods: METHODS });
    await giveUp(() => client.get("/a"));
    await giveUp(() => client.post("/b", { n: 1 }));
    const [killed, other] = [spawn(() => client.get("/c")), spawn(() => client.get("/d"))];
    await turns();
    await killed.kill();
    assertEquals(raw.aborted, [true, true, true, false]);
    assertEquals(raw.asked[1]!.data, { n: 1 });
    await other.kill();
  },
);

virtualTest(
  "greenAbortable() passes options on, and a signal of the caller's own counts",
  async () => {
    const raw = new Client();
    const client = greenAbortable(raw, { methods: METHODS });
    const controller = new AbortController();
    const options = { headers: { accept: "text/html" }, signal: controller.signal };
    await giveUp(() => client.get("/a", options));
    const failing = spawn(() => client.get("/b", options).catch((error) => error));
    await giveUp(() => client.get("/c"));
    controller.abort("enough");
    assertEquals(await failing.get(), "enough");
    assertEquals(raw.asked[0]!.options!.headers, options.headers);
    assertEquals(raw.aborted, [true, true, true]);
    assertStrictEquals(options.signal, controller.signal);
  },
);

virtualTest(
  "greenAbortable() aborts when a promise with methods is waited for by one of them",
  async () => {
    const raw = new Client();
    const client = greenAbortable(raw, { methods: METHODS });
    await giveUp(() => client.lazy("/a").json());
    await giveUp(() => client.lazy("/b"));
    assertEquals(raw.aborted, [true, true]);
  },
);

virtualTest(
  "greenAbortable() adapts clients that are functions, and methods on their own",
  async () => {
    const raw = new Client();
    const callable = Object.assign(
      (url: string, options?: RequestOptions) => raw.get(url, options),
      {
        post: (url: string, data?: unknown, options?: RequestOptions) =>
          raw.post(url, data, options),
      },
    );
    const client = greenAbortable(callable, { methods: { post: 2 }, call: 1 });
    const { post } = client;
    await giveUp(() => client("/a"));
    await giveUp(() => client.post("/b"));
    await giveUp(() => post("/c"));
    assertEquals(raw.aborted, [true, true, true]);
  },
);

virtualTest(
  "greenAbortable() leaves alone what is not named, or has something else for options",
  async () => {
    const raw = new Client();
    const client = greenAbortable(raw, { methods: { get: 1 } });
    await giveUp(() => client.post("/a", undefined, {}));
    await giveUp(() => client.get("/b", "options" as never));
    const signal = new EventTarget() as AbortSignal; // some take emitters of their own
    await giveUp(() => client.get("/c", { signal }));
    assertEquals(raw.asked.map(({ options }) => options), [{}, "options" as never, { signal }]);
  },
);

virtualTest("greenAbortable() gives an answer that comes too late to orphan", async () => {
  const late: unknown[] = [];
  const { promise, resolve } = Promise.withResolvers<string>();
  const client = greenAbortable({ get: (_options?: RequestOptions) => promise }, {
    methods: { get: 0 },
    orphan: (answer, { method }) => late.push(answer, method),
  });
  await giveUp(() => client.get());
  resolve("answer");
  await promise;
  await null;
  assertEquals(late, ["answer", "get"]);
});

Deno.test("greenAbortable() passes no signal outside greenlets", () => {
  const raw = new Client();
  void greenAbortable(raw, { methods: METHODS }).get("/a");
  assertEquals(raw.asked, [{ url: "/a", options: undefined }]);
});

Deno.test("greenAbortable() refuses what it does not know", () => {
  const client = new Client();
  for (
    const [options, error, message] of [
      [{ methods: { fetch: 1 } }, TypeError, "'fetch'"],
      [{ methods: { get: -1 } }, RangeError, "-1"],
      [{ methods: { get: 1 }, call: 0.5 }, RangeError, "0.5"],
      [{ methods: "get" }, TypeError, '"get"'],
    ] as const
  ) assertThrows(() => greenAbortable(client, options as never), error, message);
  assertThrows(() => greenAbortable(null as never, { methods: {} }), TypeError, "null");
});
