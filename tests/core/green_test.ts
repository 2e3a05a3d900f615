import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { EventEmitter } from "node:events";
import { GreenletExit } from "../../core/errors.ts";
import { green, ungreen } from "../../core/green.ts";
import { idle, sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";
import { collectReports, collectUnhandled } from "../helpers/reports.ts";

/** A client such as there are many: private state, connections from a pool, sub-clients, events, data. */
class Connection {
  readonly #pool: Client;
  released = 0;

  constructor(pool: Client) {
    this.#pool = pool;
  }

  get pool(): Client {
    return this.#pool;
  }

  async query(text: string): Promise<{ text: string }> {
    await this.#pool.answerAfter(10);
    return { text };
  }

  release(): void {
    this.released++;
    this.#pool.free.push(this);
  }
}

class Client extends EventEmitter {
  readonly free: Connection[] = [];
  #closed = false;
  /** Work that has come to its end, whoever waited for it. */
  done = 0;
  readonly admin = new Admin();

  get closed(): boolean {
    return this.#closed;
  }

  set closed(closed: boolean) {
    this.#closed = closed;
  }

  async answerAfter(ms: number): Promise<void> {
    await sleepUnpatched(ms);
    this.done++;
  }

  async connect(): Promise<Connection> {
    await this.answerAfter(10);
    return new Connection(this);
  }

  release(connection: Connection): void {
    if (!(connection instanceof Connection) || connection !== ungreen(connection)) {
      throw new TypeError("not mine");
    }
    connection.release();
  }

  async begin<T>(work: (connection: Connection) => T | Promise<T>): Promise<T> {
    const connection = await this.connect();
    try {
      return await work(connection);
    } finally {
      connection.release();
    }
  }

  self(): this {
    return this;
  }

  async *scan(): AsyncGenerator<number> {
    try {
      for (let n = 0;; n++) {
        await this.answerAfter(10);
        yield n;
      }
    } finally {
      this.closed = true;
    }
  }

  fails(): Promise<never> {
    return Promise.reject(new RangeError("refused"));
  }
}

class Admin {
  ping(): Promise<string> {
    return new Promise(() => {});
  }
}

/** In virtual time, but not in the greenlet: what the server does goes on when nobody waits for it. */
function sleepUnpatched(ms: number): Promise<void> {
  return new Promise((resolve) => spawn(sleep, ms).rawlink(() => resolve()));
}

virtualTest(
  "green() ends the wait for a method's promise when the greenlet is killed",
  async () => {
    const client = green(new Client());
    const killed = spawn(() => client.answerAfter(50));
    await sleep(10);
    await killed.kill();
    assertEquals([now(), client.done], [10, 0]);
    await sleep(50);
    assertEquals(client.done, 1);
  },
);

virtualTest("green() ends the wait for a method's promise when the time is over", async () => {
  const client = green(new Client());
  await assertRejects(() => withTimeout(5, () => client.answerAfter(50)), Timeout);
  assertEquals(now(), 5);
  await sleep(50);
});

virtualTest("green() passes values and errors through", async () => {
  const client = green(new Client());
  const connection = await client.connect();
  assertEquals(await connection.query("select 1"), { text: "select 1" });
  await assertRejects(() => client.fails(), RangeError, "refused");
});

virtualTest("green() is transparent", () => {
  const raw = new Client();
  const client = green(raw);
  assertStrictEquals(green(raw), client);
  assertStrictEquals(green(client), client);
  assertStrictEquals(ungreen(client), raw);
  assertInstanceOf(client, Client);
  assertStrictEquals(client.constructor, Client);
  assertStrictEquals(client.connect, client.connect);
  assertEquals([client.connect.name, client.begin.length], ["connect", 1]);
  assertStrictEquals(client.admin, client.admin);
  const module = { connect: () => {} };
  assertStrictEquals(green(module.connect), green(module).connect);
  assertEquals(Object.keys(client), Object.keys(raw));
  client.closed = true;
  assertEquals([client.closed, raw.closed], [true, true]);
  assertStrictEquals(client.self(), client);
  assertEquals(Deno.inspect(client), Deno.inspect(raw));
});

virtualTest("green() makes what comes out of it green, and unwraps what goes in", async () => {
  const raw = new Client();
  const client = green(raw);
  const connection = await client.connect();
  assertInstanceOf(connection, Connection);
  assert(ungreen(connection) !== connection);
  assertStrictEquals(connection.pool, client);
  client.release(connection);
  assertEquals(raw.free, [ungreen(connection)]);
  const killed = spawn(() => client.admin.ping());
  await turns();
  await killed.kill();
  assert(killed.dead);
});

virtualTest("green() unwraps what stands in arrays and options that go in", () => {
  const seen: unknown[] = [];
  const raw = { session: { end: () => {} }, run: (...args: unknown[]) => void seen.push(...args) };
  const client = green(raw);
  const { session } = client;
  const log = (): void => {};
  const options = { session, log, limit: 1 };
  const data = { limit: 1 };
  client.run(options, [session, 1], data);
  assertEquals(seen, [{ session: raw.session, log, limit: 1 }, [raw.session, 1], data]);
  assertStrictEquals((seen[0] as typeof options).session, raw.session);
  assertStrictEquals((seen[1] as unknown[])[0], raw.session);
  assertStrictEquals(seen[2], data); // a copy only where something had to be changed
  assertStrictEquals(options.session, session);
});

virtualTest("green() takes objects of old-style classes for what they are", () => {
  // deno-lint-ignore no-explicit-any
  const Connection: any = function () {};
  Connection.prototype = { query() {} };
  const data = Object.create({ limit: 1 });
  const made = green({
    connection: new Connection(),
    created: Object.create({ query() {} }),
    data,
  });
  assert(ungreen(made.connection) !== made.connection);
  assert(ungreen(made.created) !== made.created);
  assertStrictEquals(made.data, data);
});

virtualTest("green() gives data and objects of the runtime as they are", async () => {
  const values = [
    { plain: "object" },
    ["array"],
    new Date(0),
    new Map(),
    new Uint8Array(1),
    new URL("http://a"),
    new Response("text"),
    new RangeError("an error"),
    null,
    5,
  ];
  const source = green({ get: (at: number) => Promise.resolve(values[at]), values });
  for (const [at, value] of values.entries()) assertStrictEquals(await source.get(at), value);
  assertStrictEquals(source.values, values);
});

virtualTest("green() passes green objects to functions that it is given", async () => {
  const raw = new Client();
  const seen: unknown[] = [];
  const work = async (connection: Connection): Promise<unknown> => {
    seen.push(connection);
    await connection.query("insert");
    return connection.pool;
  };
  const result = await green(raw).begin(work);
  assertEquals(seen.length, 1);
  assert(ungreen(seen[0]) !== seen[0]);
  assertEquals(raw.free, [ungreen(seen[0])]);
  assertStrictEquals(result, green(raw));
});

virtualTest("green() lets a transaction fail at once when its greenlet is killed", async () => {
  const raw = new Client();
  const ended: unknown[] = [];
  const g = spawn(() =>
    green(raw).begin(async (connection) => {
      try {
        await connection.query("1");
        await connection.query("2");
      } catch (error) {
        ended.push(error, now());
        throw error;
      }
    })
  );
  await sleep(25);
  await g.kill();
  await turns();
  assertInstanceOf(ended[0], GreenletExit);
  assertEquals([ended[1], raw.free.length], [25, 1]);
  await sleep(10);
});

virtualTest("green() leaves listeners as they are", () => {
  const raw = new Client();
  const client = green(raw);
  const heard: unknown[] = [];
  const listener = (value: unknown): void => void heard.push(value);
  client.on("data", listener);
  assertEquals(raw.listeners("data"), [listener]);
  raw.emit("data", raw);
  assertStrictEquals(heard[0], raw);
  assertStrictEquals(client.off("data", listener), client);
  assertEquals(raw.listenerCount("data"), 0);
});

virtualTest("green() gives the same function for the same callback, and itself back", () => {
  const kept: unknown[] = [];
  const registry = {
    add: (callback: unknown) => void kept.push(callback),
    first: () => kept[0],
  };
  const callback = (): void => {};
  green(registry).add(callback);
  green(registry).add(callback);
  assertStrictEquals(kept[0], kept[1]);
  assertStrictEquals(green(registry).first(), callback);
  class Model {}
  green(registry).add(Model);
  assertStrictEquals(kept[2], Model);
});

virtualTest("green() keeps queries lazy that are started by being awaited", async () => {
  let started = 0;
  class Query extends Promise<string> {
    #text = "";
    static of(text: string): Query {
      const query = new Query(() => {});
      query.#text = text;
      return query;
    }
    static override get [Symbol.species](): PromiseConstructor {
      return Promise;
    }
    upper(): this {
      this.#text = this.#text.toUpperCase();
      return this;
    }
    override then<A, B>(
      onValue?: ((value: string) => A | PromiseLike<A>) | null,
      onError?: ((error: unknown) => B | PromiseLike<B>) | null,
    ): Promise<A | B> {
      started++;
      return sleepUnpatched(10).then(() => this.#text).then(onValue, onError);
    }
  }
  const sql = green((strings: TemplateStringsArray) => Query.of(strings[0]!));
  const query = sql`select`.upper();
  assertInstanceOf(query, Query);
  assertStrictEquals(query.then, query.then);
  await turns();
  assertEquals(started, 0);
  assertEquals(await query, "SELECT");
  assertEquals(started, 1);
  assertEquals(await sql`other`.then((text) => text.length), 5);
  assertEquals(await sql`other`.finally(() => {}), "other");
  const killed = spawn(async () => await sql`slow`);
  await sleep(5);
  const before = now();
  await killed.kill();
  assertEquals(now(), before);
  await sleep(10);
});

virtualTest("green() keeps the methods that a promise has been given", async () => {
  const slow = (text: string) =>
    Object.assign(sleepUnpatched(10).then(() => text), {
      json: () => sleepUnpatched(20).then(() => JSON.parse(text)),
    });
  const client = green({ get: slow });
  const answer = client.get("[1]");
  assertInstanceOf(answer, Promise);
  assertEquals([await answer, await answer.json()], ["[1]", [1]]);
  for (const wait of [() => client.get("1"), () => client.get("1").json()]) {
    const killed = spawn(async () => await wait());
    await sleep(5);
    const before = now();
    await killed.kill();
    assertEquals(now(), before);
  }
  await sleep(20);
});

virtualTest("green() takes thenable builders that are no promises", async () => {
  class Builder {
    readonly parts: string[] = [];
    where(part: string): this {
      this.parts.push(part);
      return this;
    }
    then<A>(onValue: (value: string) => A, onError: (error: unknown) => A): Promise<A> {
      return sleepUnpatched(10).then(() => this.parts.join()).then(onValue, onError);
    }
  }
  const knex = green(() => new Builder());
  const builder = knex();
  assertStrictEquals(builder.where("a"), builder);
  assertEquals(await builder.where("b"), "a,b");
  const killed = spawn(async () => await knex());
  await sleep(5);
  await killed.kill();
  assertInstanceOf(killed.value, GreenletExit);
  await sleep(5);
});

virtualTest("green() makes a promise that is a property an interruptible wait", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const client = green({ closed: promise, close: resolve });
  const killed = spawn(async () => await client.closed);
  const kept = spawn(async () => await client.closed);
  await turns();
  await killed.kill();
  client.close("closed");
  assertEquals(await kept.get(), "closed");
});

virtualTest("green() goes over async iterables like each()", async () => {
  const raw = new Client();
  const seen: number[] = [];
  const g = spawn(async () => {
    for await (const n of green(raw).scan()) seen.push(n);
  });
  await sleep(25);
  await g.kill();
  assertEquals([seen, now(), raw.closed], [[0, 1], 25, false]);
  await sleep(10); // a generator comes to its end only when its own wait is over
  assertEquals(raw.closed, true);
});

virtualTest("green() calls return() when a loop is left", async () => {
  const raw = new Client();
  await spawn(async () => {
    for await (const n of green(raw).scan()) if (n === 1) break;
  }).get();
  assertEquals(raw.closed, true);
  raw.closed = false;
  for await (const _ of green(raw).scan()) break;
  assertEquals(raw.closed, true);
});

virtualTest("green() gives back what comes too late", async () => {
  const raw = new Client();
  const killed = spawn(() => green(raw).connect());
  await sleep(5);
  await killed.kill();
  assertEquals(raw.free, []);
  await sleep(10);
  assertEquals(raw.free.length, 1);
  const disposed: string[] = [];
  const source = {
    get: () => sleepUnpatched(5).then(() => ({ [Symbol.dispose]: () => disposed.push("late") })),
    self: () => sleepUnpatched(5).then(() => source),
    [Symbol.dispose]: () => void disposed.push("itself"),
  };
  for (const method of ["get", "self"] as const) {
    const g = spawn((): Promise<unknown> => green(source)[method]());
    await turns();
    await g.kill();
  }
  await sleep(10);
  assertEquals(disposed, ["late"]);
});

virtualTest("green() tells its options of calls that were given up", async () => {
  const raw = new Client();
  const told: unknown[] = [];
  const client = green(raw, {
    orphan: (late, { target, method, args }) => {
      told.push(["orphan", late instanceof Connection, target === raw, method, args.length]);
    },
    interrupted: ({ target, method, args }) => void told.push([target, method, args]),
  });
  const killed = spawn(() => client.connect());
  await sleep(5);
  await killed.kill();
  assertEquals(told, [[raw, "connect", []]]);
  await sleep(10);
  assertEquals(told[1], ["orphan", true, true, "connect", 0]);
  const connection = await client.connect();
  const second = spawn(() => connection.query("slow"));
  await sleep(5);
  await second.kill();
  assertEquals(told[2], [ungreen(connection), "query", ["slow"]]);
  await sleep(5);
});

virtualTest("green() tells its options of steps of iterators that were given up", async () => {
  const told: unknown[] = [];
  const source = { [Symbol.asyncIterator]: () => new Client().scan() };
  const client = green({ open: () => source }, {
    interrupted: ({ target, method }) => void told.push([target === source, method]),
  });
  const killed = spawn(async () => {
    for await (const _ of client.open());
  });
  await sleep(15);
  assertEquals(told, []);
  await killed.kill();
  assertEquals(told, [[true, "[Symbol.asyncIterator]"]]);
  await sleep(10);
});

virtualTest("green() reports when its option interrupted fails later", async () => {
  using unhandled = collectUnhandled();
  using reports = collectReports();
  const failure = new RangeError("not cancelled");
  const client = green({ get: () => new Promise(() => {}) }, {
    interrupted: () => Promise.reject(failure),
  });
  const killed = spawn(() => client.get());
  await turns();
  await killed.kill();
  await idle(); // lets the runtime look for unhandled rejections
  assertEquals([reports.list.map(({ error }) => error), unhandled.list], [[failure], []]);
});

virtualTest("green() has each call made by its option around", async () => {
  const seen: unknown[] = [];
  const raw = { double: (n: number) => Promise.resolve(2 * n), held: () => 1 };
  const client = green(raw, {
    around(call, proceed) {
      seen.push(call);
      if (call.method === "held") return sleepUnpatched(10).then(() => proceed());
      return proceed([10]);
    },
  });
  assertEquals(await client.double(1), 20);
  assertEquals(await client.held(), 1);
  assertEquals(now(), 10);
  assertEquals(seen, [
    { target: raw, method: "double", args: [1] },
    { target: raw, method: "held", args: [] },
  ]);
});

virtualTest("green() tells its options how a method is called, whatever the function is", () => {
  class Service {
    [key: string]: unknown;
    get = this.read.bind(this);
    read(): void {}
    execute = this.query;
    query(): void {}
  }
  const methods: string[] = [];
  const service = green(new Service(), {
    around: ({ method }, proceed) => (methods.push(method), proceed()),
  });
  service.get();
  service.execute();
  service.query();
  service.execute();
  assertEquals(methods, ["get", "execute", "query", "execute"]);
  const heard: unknown[] = [];
  const emitter = green({ on: (() => (listener: unknown) => heard.push(listener))() });
  const listener = (): void => {};
  emitter.on(listener);
  assertStrictEquals(heard[0], listener);
});

virtualTest("green() makes a class whose instances are green", async () => {
  const Green = green(Client);
  const client = new Green();
  assertInstanceOf(client, Client);
  assertInstanceOf(client, Green);
  const killed = spawn(() => client.answerAfter(1000));
  await turns();
  await killed.kill();
  class Derived extends Green {
    readonly #mine = 1;
    get mine(): number {
      return this.#mine;
    }
  }
  const derived = new Derived();
  assertEquals([derived.mine, ungreen(derived) === derived], [1, true]);
  await sleep(1000);
});

virtualTest("green() takes objects that cannot change", async () => {
  class Fixed {
    constructor() {
      Object.defineProperty(this, "own", { value: () => new Promise(() => {}) });
    }
    declare own: () => Promise<void>;
  }
  for (const raw of [new Fixed(), Object.freeze({ own: () => new Promise<void>(() => {}) })]) {
    const killed = spawn(() => green(raw).own());
    await turns();
    await killed.kill();
    assert(killed.dead);
    assertEquals(Reflect.ownKeys(green(raw)), Reflect.ownKeys(raw));
    assertStrictEquals(Object.getPrototypeOf(green(raw)), Object.getPrototypeOf(raw));
  }
  const raw: Record<string, unknown> = new Fixed() as never;
  const client = green(raw);
  raw["late"] = 1;
  client["later"] = 2;
  Object.defineProperty(client, "defined", { value: 3, configurable: true });
  assertEquals(Object.keys(client), ["late", "later"]);
  assertEquals(["late" in client, raw["defined"], client["defined"]], [true, 3, 3]);
  delete client["late"];
  assertEquals([raw["late"], "late" in client], [undefined, false]);
  const fn = Object.defineProperty(() => {}, "own", { value: () => 1 }) as unknown as Fixed;
  assertEquals(green(fn).own() as unknown, 1);
});

Deno.test("green() interrupts nothing outside greenlets, and changes no result", async () => {
  const client = green({
    value: () => Promise.resolve({ a: 1 }),
    fails: () => Promise.reject(new RangeError("refused")),
    async *items() {
      yield 1;
    },
  });
  assertEquals(await client.value(), { a: 1 });
  await assertRejects(() => client.fails(), RangeError, "refused");
  const items: number[] = [];
  for await (const item of client.items()) items.push(item);
  assertEquals(items, [1]);
});

Deno.test("green() leaves no unhandled rejection behind that was handled", async () => {
  using unhandled = collectUnhandled();
  const client = green({ fails: () => Promise.reject(new RangeError("refused")) });
  await client.fails().catch(() => {});
  await spawn(() => client.fails().catch(() => {})).join();
  await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals(unhandled.list, []);
});

Deno.test("green() leaves getters of options to the library", () => {
  let reads = 0;
  const given: { session: unknown; token: number }[] = [];
  const session = { end() {} };
  const client = green({ session, open: (options: typeof given[0]) => void given.push(options) });
  const optionsFor = (session: unknown): typeof given[0] => ({
    session,
    get token() {
      return ++reads;
    },
  });
  client.open(optionsFor(session));
  client.open(Object.freeze(optionsFor(client.session)));
  assertEquals(reads, 0);
  assertEquals(given.map((options) => [options.session === session, options.token]), [
    [true, 1],
    [true, 2],
  ]);
});

Deno.test("green() refuses to close its objects to new properties", () => {
  const raw: Record<string, unknown> = Object.defineProperty({}, "run", { value: () => 1 });
  const client = green(raw);
  for (const close of [Object.freeze, Object.seal, Object.preventExtensions]) {
    assertThrows(() => close(client), TypeError, "preventExtensions");
  }
  raw["later"] = 1;
  assertEquals(Reflect.ownKeys(client), ["run", "later"]);
});

Deno.test("green() refuses what is not an object", () => {
  for (const nonsense of [undefined, null, 5, "text"]) {
    assertThrows(() => green(nonsense as never), TypeError, "Cannot make green");
  }
});
