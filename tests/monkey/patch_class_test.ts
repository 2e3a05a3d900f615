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
import { hub } from "../../core/scheduler.ts";
import { idle, sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { patchClass } from "../../monkey/patch_class.ts";
import { isPatched } from "../../monkey/registry.ts";
import { collectReports, collectUnhandled } from "../helpers/reports.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

/** Time that passes for nobody's greenlet in particular. */
function after(ms: number): Promise<void> {
  return new Promise((resolve) => void hub.addTimer(ms, { fire: resolve }));
}

class Connection {
  released = 0;

  release(): void {
    this.released++;
  }
}

class BaseClient extends EventEmitter {
  #state = "idle";

  get state(): string {
    return this.#state;
  }

  async inherited(): Promise<string> {
    await after(10);
    return this.#state;
  }
}

/** A client with methods that call each other. */
class Client extends BaseClient {
  readonly connections: Connection[] = [];
  /** Work that was interrupted in the middle. */
  broken: unknown[] = [];
  done = 0;

  static async create(): Promise<Client> {
    await after(10);
    return new Client();
  }

  async connect(): Promise<Connection> {
    await after(10);
    const connection = new Connection();
    this.connections.push(connection);
    return connection;
  }

  async query(text: string): Promise<string> {
    try {
      const connection = await this.connect();
      await after(10);
      connection.release();
      this.done++;
      return text;
    } catch (error) {
      this.broken.push(error);
      throw error;
    }
  }

  sync(): number {
    return 1;
  }

  async *scan(): AsyncGenerator<number> {
    for (let n = 0;; n++) {
      await after(10);
      yield n;
    }
  }
}

virtualTest("patchClass() makes methods interruptible where the greenlet awaits them", async () => {
  const old = new Client();
  using _patch = patchClass(Client);
  for (const client of [old, new Client()]) {
    const began = now();
    const killed = spawn(() => client.query("one"));
    await sleep(15);
    await killed.kill();
    assertInstanceOf(killed.value, GreenletExit);
    assertEquals(now() - began, 15);
    await sleep(10);
    assertEquals([client.broken, client.done], [[], 1]); // the client itself has seen nothing
    await spawn(() => assertRejects(() => withTimeout(5, () => client.inherited()), Timeout)).get();
    await sleep(10);
  }
});

virtualTest("patchClass() gives back what comes too late", async () => {
  using _patch = patchClass(Client);
  const client = new Client();
  const killed = spawn(() => client.connect());
  await turns();
  await killed.kill();
  await sleep(20);
  assertEquals(client.connections.map(({ released }) => released), [1]);
});

virtualTest("patchClass() tells its options of calls that were given up", async () => {
  const told: unknown[] = [];
  using _patch = patchClass(Client, {
    interrupted: ({ target, method, args }) => void told.push(target, method, args),
    orphan: (late) => void told.push(late),
  });
  const client = new Client();
  const killed = spawn(() => client.query("one"));
  await turns();
  await killed.kill();
  assertEquals(told, [client, "query", ["one"]]);
  await sleep(30);
  assertEquals(told.at(-1), "one");
});

virtualTest("patchClass() reports when its option interrupted fails", async () => {
  using unhandled = collectUnhandled();
  using reports = collectReports();
  let left = 0;
  class Pages {
    get(): Promise<void> {
      return new Promise(() => {});
    }
    list(): AsyncIterableIterator<number> {
      return {
        next: () => new Promise(() => {}),
        return: () => Promise.resolve({ done: true, value: ++left }),
        [Symbol.asyncIterator]() {
          return this;
        },
      };
    }
  }
  const failure = new RangeError("not cancelled");
  const failing = [() => Promise.reject(failure), () => {
    throw failure;
  }];
  for (const interrupted of failing) {
    using _patch = patchClass(Pages, { interrupted });
    const pages = new Pages();
    for (const wait of [() => pages.get(), () => pages.list().next()]) {
      const killed = spawn(async () => void await wait());
      await turns();
      await killed.kill();
    }
  }
  await idle(); // lets the runtime look for unhandled rejections
  assertEquals(reports.list.map(({ error }) => error), [failure, failure, failure, failure]);
  assertEquals([unhandled.list, left], [[], 2]);
});

virtualTest("patchClass() patches static methods and async iterators", async () => {
  using patches = patchClass(Client);
  assert(patches.names.includes("Client.create"));
  const creating = spawn(() => Client.create());
  await turns();
  await creating.kill();
  assertInstanceOf(creating.value, GreenletExit);
  const seen: number[] = [];
  const scanning = spawn(async () => {
    for await (const n of new Client().scan()) seen.push(n);
  });
  await sleep(25);
  await scanning.kill();
  assertEquals([seen, scanning.dead], [[0, 1], true]);
  await sleep(10);
});

virtualTest("patchClass() leaves iterators all that they are besides", async () => {
  class Page {
    #left = 2;
    limit = 0;
    get left(): number {
      return this.#left;
    }
    next(): Promise<IteratorResult<number>> {
      return Promise.resolve({ done: this.#left === 0, value: this.#left && this.#left-- });
    }
    skip(_pages = 1): this {
      this.#left--;
      return this;
    }
    readonly Item: typeof Connection = Connection;
    [Symbol.asyncIterator](): this {
      return this;
    }
  }
  class Pages {
    list(): Page {
      return Object.defineProperty(new Page(), "fixed", { value: () => "fixed" });
    }
  }
  using _patch = patchClass(Pages);
  const pages = await spawn(() => new Pages().list()).get() as Page & { fixed(): string };
  assertInstanceOf(pages, Page);
  assertStrictEquals(pages.constructor, Page);
  assertStrictEquals(pages[Symbol.asyncIterator](), pages);
  assertStrictEquals(pages.skip(), pages);
  assertStrictEquals(pages.skip, pages.skip);
  assertEquals([pages.skip.name, pages.skip.length], ["skip", 0]);
  assertInstanceOf(new pages.Item(), Connection);
  pages.limit = 5;
  assertEquals([pages.limit, pages.left, pages.fixed(), "return" in pages], [5, 1, "fixed", false]);
  const seen: number[] = [];
  await spawn(async () => {
    for await (const n of pages as AsyncIterable<number>) seen.push(n);
  }).get();
  assertEquals([seen, pages.left], [[1], 0]);
});

virtualTest("patchClass() goes over a cursor whose next() is not that of an iterator", async () => {
  class Cursor {
    next(): Promise<string | null> {
      return after(10).then(() => null);
    }
    async *[Symbol.asyncIterator](): AsyncGenerator<string> {
      yield "a document";
      await new Promise(() => {});
    }
  }
  class Collection {
    find(): Cursor {
      return new Cursor();
    }
  }
  using _patch = patchClass(Collection);
  const seen: unknown[] = [];
  const scanning = spawn(async () => {
    const cursor = new Collection().find();
    seen.push(await cursor.next());
    for await (const item of cursor) seen.push(item);
  });
  await sleep(15);
  assertEquals(seen, [null, "a document"]);
  await scanning.kill();
  const next = spawn(() => new Collection().find().next());
  await turns();
  await next.kill();
  await sleep(10); // what comes late is no step
  assert(next.dead && scanning.dead);
});

virtualTest("patchClass() goes over an iterator whose method has two names", async () => {
  class List {
    next(): Promise<IteratorResult<number>> {
      return Promise.resolve({ done: true, value: undefined });
    }
    async *values(): AsyncGenerator<number> {
      yield 1;
      await new Promise(() => {});
    }
    declare [Symbol.asyncIterator]: () => AsyncGenerator<number>;
    static {
      List.prototype[Symbol.asyncIterator] = List.prototype.values;
    }
  }
  class Lists {
    get(): List {
      return new List();
    }
  }
  using _patch = patchClass(Lists);
  const seen: unknown[] = [];
  const going = spawn(async () => {
    const list = new Lists().get();
    seen.push(typeof list.values);
    for await (const n of list) seen.push(n);
  });
  await turns();
  await going.kill();
  assertEquals([seen, going.dead], [["function", 1], true]);
});

virtualTest("patchClass() leaves everything else as it was", async () => {
  const before = Object.getOwnPropertyDescriptors(Client.prototype);
  using patches = patchClass(Client);
  const client = new Client();
  assertEquals([client.sync(), client.state], [1, "idle"]);
  assertEquals(
    await spawn(async () => [await client.query("one"), (await client.connect()).released]).get(),
    ["one", 0],
  );
  let heard = 0;
  client.on("event", () => heard++);
  client.emit("event");
  assertEquals([heard, client.query.name, client.query.length], [1, "query", 1]);
  assertEquals(Object.keys(client), Object.keys(new Client()));
  assert(isPatched(Client) && isPatched("class Client"));
  patches.unpatch();
  assertEquals(Object.getOwnPropertyDescriptors(Client.prototype), before);
  assertEquals(isPatched(Client), false);
});

virtualTest("patchClass() leaves other subclasses of a base class alone", () => {
  const { inherited } = BaseClient.prototype;
  using patches = patchClass(Client);
  assertStrictEquals(BaseClient.prototype.inherited, inherited);
  assert(Client.prototype.inherited !== inherited);
  patches.unpatch();
  assertEquals(Object.hasOwn(Client.prototype, "inherited"), false);
});

virtualTest("patchClass() patches only the methods that it is told to", async () => {
  using patches = patchClass(Client, { methods: ["connect"] });
  assertEquals(patches.names, ["Client.prototype.connect"]);
  const g = spawn(() => new Client().inherited());
  await turns();
  g.throw();
  await g.join();
  assertEquals([g.value, now()], ["idle", 10]);
});

Deno.test("patchClass() changes nothing outside greenlets", async () => {
  class Counter {
    next(): Promise<number> {
      return this.#last = Promise.resolve(1);
    }
    #last: Promise<number> | undefined;
    get last(): Promise<number> | undefined {
      return this.#last;
    }
  }
  using _patch = patchClass(Counter);
  const counter = new Counter();
  const promise = counter.next();
  assertStrictEquals(promise, counter.last);
  assertEquals(await promise, 1);
});

Deno.test("patchClass() refuses what is no class", () => {
  for (const nonsense of [undefined, {}, () => {}]) {
    assertThrows(() => patchClass(nonsense as never), TypeError, "Cannot patch");
  }
});
