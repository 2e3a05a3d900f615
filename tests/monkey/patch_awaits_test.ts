import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { EventEmitter, on, once } from "node:events";
import { createServer } from "node:http";
import { Socket as NodeSocket } from "node:net";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setInterval as every, setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import v8 from "node:v8";
import {
  formatRunInfo,
  GreenletExit,
  shield,
  sleep,
  spawn,
  TaskGroup,
  Timeout,
  until,
  withTimeout,
} from "../../core/mod.ts";
import { adopt, adoptingScope } from "../../core/adopt.ts";
import { Event } from "../../sync/event.ts";
import { Queue } from "../../sync/queue.ts";
import { patchAwaits } from "../../monkey/patch_awaits.ts";
import { patchTimers } from "../../monkey/patch_timers.ts";

const never = (): Promise<never> => new Promise(() => {});

/** Lets everything that is ready run, promises from elsewhere included. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await sleep(1); // the hub has come to the end of its queue, whatever it had to let in first
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Something to wait for that does not come by itself; what is given to `atEnd` is called after the test. */
type Leaf = (atEnd: (cleanUp: () => unknown) => void) => unknown;

const LEAVES: Record<string, Leaf> = {
  "new Promise": never,
  "Promise.withResolvers": () => Promise.withResolvers().promise,
  "then": () => never().then(() => 1),
  "finally": () => never().finally(() => {}),
  "catch": () => never().catch(() => {}),
  "Promise.all": () => Promise.all([never(), 1, Promise.resolve()]),
  "Promise.race": () => Promise.race([never(), never()]),
  "Promise.any": () => Promise.any([never(), Promise.reject(new Error("one of them"))]),
  "Promise.allSettled": () => Promise.allSettled([never()]),
  "resolve and reject passed on": () =>
    new Promise((resolve, reject) => never().then(resolve, reject)),
  "a promise resolved with a promise": () => new Promise((resolve) => resolve(never())),
  "a subclass of Promise": () => new (class Special extends Promise<void> {})(() => {}),
  "an async function": async () => await never(),
  "an async function that returns a promise": async () => {
    // deno-lint-ignore require-await -- that is the case
    await (async () => never())();
  },
  "an async generator": async () => {
    async function* items(): AsyncGenerator<number> {
      yield 1;
      await never();
    }
    for await (const _ of items()) { /* the second never comes */ }
  },
  "for await of promises": async () => {
    for await (const _ of [Promise.resolve(), never()]) { /* the second never comes */ }
  },
  "Array.fromAsync": () => Array.fromAsync([never()]),
  "for await of a ReadableStream": async () => {
    for await (const _ of new ReadableStream()) { /* nothing comes */ }
  },
  "reader.read": () => new ReadableStream().getReader().read(),
  "writer.ready": async () => {
    const writer = new WritableStream({ write: never }).getWriter();
    void writer.write(1).catch(() => {});
    await writer.ready;
  },
  "response.text": () => new Response(new ReadableStream()).text(),
  "events.once": () => once(new EventEmitter(), "nothing"),
  "events.on": async () => {
    for await (const _ of on(new EventEmitter(), "nothing")) { /* nothing comes */ }
  },
  "util.promisify": () => promisify((_callback: () => void) => {})(),
  "timers/promises setTimeout": (atEnd) => {
    const controller = new AbortController();
    atEnd(() => controller.abort());
    return delay(60_000, undefined, { signal: controller.signal });
  },
  "timers/promises setInterval": async (atEnd) => {
    const controller = new AbortController();
    atEnd(() => controller.abort());
    const { signal } = controller;
    for await (const _ of every(60_000, undefined, { signal })) { /* nothing comes */ }
  },
  "a node Readable": async () => {
    for await (const _ of new PassThrough()) { /* nothing comes */ }
  },
  "stream pipeline": () => pipeline(new PassThrough(), new PassThrough()),
  "a socket of node:net": () => once(new NodeSocket(), "data"),
  "listener.accept": (atEnd) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepting = listener.accept();
    atEnd(async () => {
      listener.close();
      await accepting.catch(() => {});
    });
    return accepting;
  },
  "conn.read": async (atEnd) => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
    const peer = await listener.accept();
    const reading = conn.read(new Uint8Array(1));
    atEnd(async () => {
      conn.close();
      peer.close();
      await reading.catch(() => {});
    });
    await reading;
  },
  "fetch": async (atEnd) => {
    const server = createServer(() => {}); // never answers
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as { port: number };
    const controller = new AbortController();
    const fetching = fetch(`http://127.0.0.1:${port}/`, { signal: controller.signal });
    atEnd(async () => {
      controller.abort();
      await fetching.catch(() => {});
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    await fetching;
  },
  "child.status": (atEnd) => {
    const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
    atEnd(async () => {
      child.kill();
      await child.status;
    });
    return child.status;
  },
  "Atomics.waitAsync": (atEnd) => {
    const cell = new Int32Array(new SharedArrayBuffer(4));
    const { value } = Atomics.waitAsync(cell, 0, 0);
    atEnd(() => Atomics.notify(cell, 0));
    return value;
  },
  "Event.wait": () => new Event().wait(),
  "until": () => until(never()),
};

for (const [name, leaf] of Object.entries(LEAVES)) {
  Deno.test({
    name: `patchAwaits() lets a kill end a greenlet that awaits ${name}, from the inside out`,
    ignore: name === "child.status" && Deno.build.os === "windows",
    async fn() {
      const cleanUps: (() => unknown)[] = [];
      using _deep = patchAwaits();
      const log: string[] = [];
      const inner = async (): Promise<void> => {
        try {
          await leaf((cleanUp) => cleanUps.push(cleanUp));
          log.push("came back");
        } catch (error) {
          log.push(`inner: ${(error as Error).name}`);
          throw error;
        } finally {
          await sleep(1);
          log.push("inner cleaned up");
        }
      };
      const g = spawn(async () => {
        try {
          await inner();
        } finally {
          log.push("outer cleaned up");
        }
      });
      while (g.value === undefined && cleanUps.length === 0 && log.length === 0) {
        await settle();
        if (name !== "fetch") break;
      }
      await settle();
      await g.kill();
      for (const cleanUp of cleanUps) await cleanUp();
      assertEquals(log, ["inner: GreenletExit", "inner cleaned up", "outer cleaned up"]);
      assertInstanceOf(g.value, GreenletExit);
    },
  });
}

Deno.test("patchAwaits() ends what awaits a frame that awaits a thenable, whose wait nobody can see", async () => {
  using _deep = patchAwaits();
  const log: string[] = [];
  const inner = async (): Promise<void> => {
    try {
      // deno-lint-ignore no-explicit-any -- no type has a `then` like this
      await ({ then(): void {} } as any);
    } finally {
      log.push("inner cleaned up");
    }
  };
  const g = spawn(async () => {
    try {
      await inner();
    } finally {
      log.push("outer cleaned up");
    }
  });
  await settle();
  await g.kill();
  assertEquals(log, ["outer cleaned up"]);
});

Deno.test("patchAwaits() ends a function that returns a promise nobody settles", async () => {
  using _deep = patchAwaits();
  const g = spawn(() => never());
  await settle();
  await g.kill();
  assert(g.dead);
  assertEquals(await withTimeout(1, () => never(), { timeoutValue: "too late" }), "too late");
});

Deno.test("patchAwaits() interrupts all branches that a greenlet awaits side by side", async () => {
  using _deep = patchAwaits();
  const ended: string[] = [];
  const branch = async (name: string): Promise<void> => {
    try {
      await never();
    } finally {
      ended.push(name);
    }
  };
  const g = spawn(() => Promise.all([branch("a"), (async () => await branch("b"))()]));
  await settle();
  await g.kill();
  assertEquals(ended, ["a", "b"]);
});

Deno.test("patchAwaits() leaves alone what a greenlet has started and does not await", async () => {
  using _deep = patchAwaits();
  const { promise, resolve } = Promise.withResolvers<string>();
  const heard: string[] = [];
  const g = spawn(async () => {
    void (async () => heard.push(await promise))();
    await never();
  });
  await settle();
  await g.kill();
  resolve("still there");
  await settle();
  assertEquals(heard, ["still there"]);
});

Deno.test("patchAwaits() leaves alone what another greenlet runs and this one only waits for", async () => {
  using _deep = patchAwaits();
  const { promise, resolve } = Promise.withResolvers<number>();
  let work: Promise<number> | undefined;
  const worker = spawn(async () => await (work = (async () => await promise)()));
  await settle();
  const g = spawn(async () => await work);
  await settle();
  await g.kill();
  resolve(7);
  assertEquals(await worker.get(), 7);
  assertInstanceOf(g.value, GreenletExit);
});

Deno.test("patchAwaits() lets withTimeout() end only what its function awaits", async () => {
  using _deep = patchAwaits();
  const log: string[] = [];
  const g = spawn(async () => {
    const other = (async () => {
      await never();
    })();
    await assertRejects(() =>
      withTimeout(1, async () => {
        try {
          await never();
        } finally {
          log.push("inside");
        }
      }), Timeout);
    await other;
  });
  while (log.length === 0) await sleep(1);
  await settle();
  assert(!g.dead);
  await g.kill();
});

Deno.test("patchAwaits() raises an error once: cleaning up may await", async () => {
  using _deep = patchAwaits();
  const log: string[] = [];
  const g = spawn(async () => {
    try {
      await never();
    } finally {
      await new Promise((resolve) => setImmediate(resolve));
      log.push("cleaned up");
    }
  });
  await settle();
  await g.kill();
  assertEquals(log, ["cleaned up"]);
});

Deno.test("patchAwaits() raises a persistent kill at every further await", async () => {
  using _deep = patchAwaits();
  let caught = 0;
  const g = spawn(async () => {
    while (caught < 3) {
      try {
        await never();
      } catch {
        caught++;
      }
    }
  });
  await settle();
  await g.kill(undefined, { persistent: true });
  assertEquals(caught, 3);
});

Deno.test("patchAwaits() waits for a shield, then raises at the next await", async () => {
  using _deep = patchAwaits();
  const { promise, resolve } = Promise.withResolvers<void>();
  const log: string[] = [];
  const g = spawn(async () => {
    await shield(async () => {
      await promise;
      log.push("shielded part is done");
    });
    log.push("after it");
    await never();
  });
  await settle();
  await g.kill(undefined, { block: false });
  await settle();
  assertEquals(log, []);
  resolve();
  await g.join();
  assertEquals(log, ["shielded part is done", "after it"]);
});

Deno.test("patchAwaits() loses no value that has come when the kill comes", async () => {
  using _deep = patchAwaits();
  const { promise, resolve } = Promise.withResolvers<string>();
  const got: string[] = [];
  const g = spawn(async () => {
    got.push(await promise);
    await never();
  });
  await settle();
  resolve("value");
  await g.kill();
  assertEquals(got, ["value"]);
});

Deno.test("patchAwaits() raises a kill that found a greenlet running at its next await", async () => {
  using _deep = patchAwaits();
  const log: string[] = [];
  const g = spawn(async () => {
    g.throw(new RangeError("stop"));
    log.push("goes on");
    await never();
  });
  await g.join();
  assertEquals(log, ["goes on"]);
  assertInstanceOf(g.exception, RangeError);
});

Deno.test("patchAwaits() lets a task group end children that await anything", async () => {
  using _deep = patchAwaits();
  const ended: string[] = [];
  await assertRejects(
    () =>
      TaskGroup.run(async (group) => {
        group.spawn(async () => {
          try {
            await never();
          } finally {
            ended.push("child");
          }
        });
        group.spawn(async () => {
          await sleep(1);
          throw new RangeError("fails");
        });
        try {
          await never();
        } finally {
          ended.push("body");
        }
      }),
    RangeError,
  );
  assertEquals(ended.sort(), ["body", "child"]);
});

Deno.test("patchAwaits() leaves items of the library where they are", async () => {
  using _deep = patchAwaits();
  const queue = new Queue<number>();
  const g = spawn(async () => await (async () => await queue.get())());
  await settle();
  await g.kill();
  await queue.put(1);
  assertEquals(queue.qsize, 1);
});

Deno.test("patchAwaits() has printRunInfo() show where each greenlet awaits, from the outside in", async () => {
  using _deep = patchAwaits({ sites: true });
  async function innermost(): Promise<void> {
    await Promise.all([never(), Promise.resolve()]);
  }
  const g = spawn(async function outermost() {
    await innermost();
  });
  await settle();
  const info = formatRunInfo();
  await g.kill();
  assertMatch(
    info,
    /elsewhere\n.*awaits at \S*outermost .*\n.*awaits at innermost .*\n.*awaits 1 of 2 promises/,
  );
});

Deno.test("patchAwaits() has printRunInfo() show how deep each greenlet awaits", async () => {
  using _deep = patchAwaits();
  const awaiting = async (depth: number): Promise<void> =>
    await (depth === 0 ? never() : awaiting(depth - 1));
  for (const [depth, text] of ["1 function", "2 functions", "3 functions"].entries()) {
    const g = spawn(() => awaiting(depth));
    await settle();
    const info = formatRunInfo();
    await g.kill();
    assertMatch(info, new RegExp(`elsewhere\n.*awaits ${text} deep`));
  }
});

Deno.test("patchAwaits() names no place for an await of which it cannot tell", async () => {
  using _deep = patchAwaits({ sites: true });
  class Other extends Promise<void> {}
  const g = spawn(async () => {
    await Promise.resolve();
    await new Other(() => {});
  });
  await settle();
  const info = formatRunInfo();
  await g.kill();
  assertMatch(info, /elsewhere\n.*awaits at a place that is not known/);
});

Deno.test("patchAwaits() puts everything back", () => {
  const descriptors = () => [
    Object.getOwnPropertyDescriptor(globalThis, "Promise"),
    Object.getOwnPropertyDescriptor(Promise.prototype, "then"),
    Object.getOwnPropertyDescriptor(Promise.prototype, "constructor"),
  ];
  const before = descriptors();
  const deep = patchAwaits();
  patchAwaits()[Symbol.dispose](); // does nothing: it is in force
  assert(descriptors().every((descriptor, i) => descriptor?.value !== before[i]?.value));
  deep[Symbol.dispose]();
  deep[Symbol.dispose]();
  assertEquals(descriptors(), before);
});

Deno.test("patchAwaits() refuses to start where the engine does not tell who awaits what", () => {
  const { onInit } = v8.promiseHooks;
  v8.promiseHooks.onInit = () => () => {};
  const { then } = Promise.prototype;
  try {
    const error = assertThrows(() => patchAwaits(), Deno.errors.NotSupported);
    assert(error.message.includes(Deno.version.deno));
    assertEquals(Promise.prototype.then, then);
  } finally {
    v8.promiseHooks.onInit = onInit;
  }
});

Deno.test("patchAwaits() leaves waits of patched functions alone that serve others", async () => {
  using _deep = patchAwaits();
  const { promise, resolve } = Promise.withResolvers<string>();
  const heard: unknown[] = [];
  const adopted = (): PromiseLike<string> =>
    adopt(adoptingScope()!, () => promise, { name: "message" });
  const g = spawn(async () => {
    const receive = async (): Promise<void> => void heard.push(await adopted());
    void receive();
    await never();
  });
  await settle();
  await g.kill();
  assertInstanceOf(g.value, GreenletExit);
  resolve("still there");
  await settle();
  assertEquals(heard, ["still there"]);
});

Deno.test("patchAwaits() lets waits of patched functions be abandoned that a greenlet awaits", async () => {
  using _deep = patchAwaits();
  const abandoned: unknown[] = [];
  const abandon = (error: unknown): void => void abandoned.push(error);
  const adopted = (): PromiseLike<never> =>
    adopt(adoptingScope()!, never, { name: "answer" }, { abandon });
  const g = spawn(async () => await (async () => await Promise.all([adopted(), never()]))());
  await settle();
  const exit = new GreenletExit();
  await g.kill(exit);
  assertEquals(abandoned, [exit]);
});

Deno.test("patchAwaits() has patchTimers() clear the timers that greenlets await", async () => {
  using _timers = patchTimers({ onWarning() {} });
  using _deep = patchAwaits();
  let fired = false;
  const g = spawn(async () => {
    await new Promise<void>((resolve) => setTimeout(resolve, 60_000));
    fired = true;
  });
  await settle();
  await g.kill(); // the sanitizer sees a timer that goes on
  assertInstanceOf(g.value, GreenletExit);
  assert(!fired);
});

Deno.test("patchAwaits() bears promises of which one is a Proxy", async () => {
  using _deep = patchAwaits();
  const g = spawn(async () => {
    for (let i = 0; i < 20; i++) {
      await assertRejects(async () => await new Proxy(Promise.resolve(1), {}), TypeError);
    }
    await never();
  });
  await settle();
  await g.kill();
  assert(g.dead);
});
