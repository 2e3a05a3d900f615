import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { adopt, adoptingScope, type AdoptOptions, adoptParked } from "../../core/adopt.ts";
import { GreenletExit } from "../../core/errors.ts";
import { describeBlocked } from "../../core/inspect.ts";
import { hub } from "../../core/scheduler.ts";
import { shield } from "../../core/shield.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { TaskGroup } from "../../core/task_group.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { collectUnhandled } from "../helpers/reports.ts";
import { now, parkedIn, turns, virtualTest } from "../helpers/virtual_test.ts";

/** What a patched function of the runtime does. */
function wait<T>(begin: () => PromiseLike<T>, options?: AdoptOptions<T>): PromiseLike<T> {
  const scope = adoptingScope();
  return scope === undefined ? begin() : adopt(scope, begin, { name: "test" }, options);
}

const never = (): PromiseLike<string> => wait(() => new Promise<string>(() => {}));

/** Time that passes for nobody's greenlet in particular. */
function after(ms: number): Promise<void> {
  return new Promise((resolve) => void hub.addTimer(ms, { fire: resolve }));
}

/** Ways in which code comes to await what somebody else has begun. */
const AWAITED: Record<string, () => unknown> = {
  "is awaited": async () => void await never(),
  "is returned": () => never(),
  "is awaited in nested calls": async () => {
    const inner = async (): Promise<void> => void await never();
    const outer = async (): Promise<void> => {
      await inner();
    };
    await outer();
  },
  "is returned without await by nested calls": async () => {
    const inner = async (): Promise<string> => {
      await undefined;
      return never();
    };
    // deno-lint-ignore require-await -- that is the case in point
    const outer = async (): Promise<string> => inner();
    await outer();
  },
  "is awaited with then": () => never().then((value) => value.length),
  "is awaited with finally": () => Promise.resolve(never()).finally(() => {}),
  "is one of Promise.all()": () => Promise.all([never(), sleep(1000), 5]),
  "is one of Promise.allSettled()": async () => {
    const [result] = await Promise.allSettled([never()]);
    if (result.status === "rejected") throw result.reason;
  },
  "is one of Promise.race()": () => Promise.race([never(), new Promise(() => {})]),
  "is one of Promise.any()": () =>
    Promise.any([never()]).catch((error: AggregateError) => Promise.reject(error.errors[0])),
  "settles a promise made around it": () =>
    new Promise((resolve, reject) => void never().then(resolve, reject)),
  "resolves another promise": () => new Promise((resolve) => resolve(never())),
  "is a step of an async generator": async () => {
    async function* items(): AsyncGenerator<string> {
      yield "one";
      yield await never();
    }
    async function* all(): AsyncGenerator<string> {
      yield* items();
    }
    for await (const _ of all());
  },
  "is behind a thenable": async () =>
    void await {
      then: (resolve: (value: string) => void, reject: (error: unknown) => void) =>
        void never().then(resolve, reject),
    },
};

for (const [how, body] of Object.entries(AWAITED)) {
  virtualTest(`adopt() ends a wait that ${how} when the greenlet is killed`, async () => {
    let cleanedUp = false;
    const g = spawn(async () => {
      try {
        return await body();
      } finally {
        cleanedUp = true;
      }
    });
    await turns();
    const exit = new GreenletExit();
    await g.kill(exit);
    assertStrictEquals(g.value, exit);
    assertEquals([cleanedUp, now()], [true, 0]);
  });
}

virtualTest("adopt() gives the value or the error of the operation", async () => {
  const error = new RangeError("refused");
  await spawn(async () => {
    assertEquals(await wait(() => after(5).then(() => "value")), "value");
    assertStrictEquals(
      await assertRejects(async () => await wait(() => Promise.reject(error))),
      error,
    );
    assertEquals(now(), 5);
  }).get();
});

virtualTest("adopt() leaves work alone that the greenlet does not await", async () => {
  let rounds = 0;
  let failed: unknown;
  let stop = false;
  const loop = async (): Promise<void> => {
    while (!stop) {
      await wait(() => after(10));
      rounds++;
    }
  };
  const g = spawn(async () => {
    loop().catch((error) => failed = error);
    await never();
  });
  await sleep(25);
  await g.kill();
  assertInstanceOf(g.value, GreenletExit);
  await sleep(30);
  stop = true;
  await sleep(10);
  assertEquals([rounds, failed], [6, undefined]);
});

virtualTest(
  "adopt() leaves the first wait of work alone that the greenlet has just begun",
  async () => {
    const connection = Promise.withResolvers<string>();
    let received: unknown;
    const g = spawn(async () => {
      const receive = async (): Promise<void> => {
        received = await wait(() => connection.promise);
      };
      void receive();
      await sleep(1000);
    });
    await turns();
    await g.kill();
    connection.resolve("message");
    await turns();
    assertEquals(received, "message");
  },
);

virtualTest(
  "adopt() raises a kill at the next wait when work of others is all that is parked",
  async () => {
    const order: string[] = [];
    const g = spawn(async () => {
      void wait(() => after(100)).then(() => order.push("work of others"));
      await after(10);
      order.push("the greenlet");
      await wait(() => {
        order.push("must not be begun");
        return Promise.resolve();
      });
      order.push("must not come here");
    });
    await sleep(5);
    await g.kill();
    assertEquals([order, now()], [["the greenlet"], 10]);
    await sleep(100);
    assertEquals(order, ["the greenlet", "work of others"]);
  },
);

virtualTest(
  "adopt() begins work of others even if the greenlet has been killed meanwhile",
  async () => {
    const begun: string[] = [];
    const g = spawn(async () => {
      const loop = async (): Promise<void> => {
        await after(5);
        begun.push(await wait(() => Promise.resolve("work of others")));
      };
      void loop();
      await after(20);
      await sleep(1);
    });
    await sleep(1);
    g.throw();
    await g.join();
    assertEquals([begun, now()], [["work of others"], 20]);
    assertInstanceOf(g.value, GreenletExit);
  },
);

virtualTest("adopt() ends all waits of a greenlet that awaits several", async () => {
  const abandoned: unknown[] = [];
  const one = (): PromiseLike<never> =>
    wait<never>(() => new Promise(() => {}), { abandon: (error) => void abandoned.push(error) });
  const g = spawn(() => Promise.all([one(), one(), sleep(1000), one()]));
  await turns();
  const exit = new GreenletExit();
  await g.kill(exit);
  assertEquals(abandoned, [exit, exit, exit]);
});

virtualTest("adopt() ends only waits inside the withTimeout() that expires", async () => {
  const g = spawn(async () => {
    const outside = wait(() => after(20)).then(() => "outside");
    const inside = withTimeout(5, never, { timeoutValue: "too late" });
    return [await inside, now(), await outside];
  });
  assertEquals(await g.get(), ["too late", 5, "outside"]);
});

virtualTest("adopt() is limited by a Timeout that was started in the greenlet", async () => {
  const g = spawn(async () => {
    using timeout = Timeout.start(5);
    assertStrictEquals(await assertRejects(async () => void await never()), timeout);
    return now();
  });
  assertEquals(await g.get(), 5);
});

Deno.test("adopt() is limited by withTimeout() outside greenlets, too", async () => {
  assertEquals(await withTimeout(1, never, { timeoutValue: "too late" }), "too late");
});

virtualTest("adopt() does not raise a timeout that was cancelled in the same turn", async () => {
  const g = spawn(async () => {
    const timeout = Timeout.start(5);
    void after(5).then(() => timeout.cancel());
    return await wait(() => after(10).then(() => "value"));
  });
  assertEquals(await g.get(), "value");
});

virtualTest("adopt() raises a kill that comes while others are considered in vain", async () => {
  const exit = new GreenletExit();
  const g = spawn(async () => {
    const timeouts = [Timeout.start(5), Timeout.start(5)];
    void after(5).then(() => {
      for (const timeout of timeouts) timeout.cancel();
      g.throw(exit);
    });
    await never();
  });
  assertStrictEquals(await g.get(), exit);
  assertEquals(now(), 5);
});

virtualTest("adopt() ends the waits of a task group whose greenlet fails", async () => {
  const g = spawn(() =>
    TaskGroup.run(async (group) => {
      group.spawn(async () => {
        await sleep(5);
        throw new RangeError("failed");
      });
      await never();
    })
  );
  await g.join();
  assertInstanceOf(g.exception, RangeError);
  assertEquals(now(), 5);
});

virtualTest("adopt() lets a shielded wait come to its end", async () => {
  const done: string[] = [];
  const g = spawn(async () => {
    await shield(async () => void done.push(await wait(() => after(10).then(() => "shielded"))));
    await never();
  });
  await sleep(5);
  await g.kill();
  assertEquals([done, now()], [["shielded"], 10]);
});

virtualTest("adopt() raises a persistent kill at every further wait", async () => {
  const caught: number[] = [];
  const g = spawn(async () => {
    for (let i = 0; i < 3; i++) {
      try {
        await never();
      } catch {
        caught.push(now());
      }
    }
  });
  await sleep(5);
  await g.kill(undefined, { persistent: true });
  assertEquals(caught, [5, 5, 5]);
});

virtualTest("adopt() can be interrupted again after work of others was left alone", async () => {
  const errors: unknown[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const g = spawn(async () => {
    const work = (async () => await wait(() => after(50)))();
    work.catch(() => {});
    await promise;
    await sleep().catch((error) => errors.push(error));
    await work; // now it is the greenlet that waits there, as far as anybody can tell
  });
  await turns();
  const first = new GreenletExit("first");
  g.throw(first);
  await turns();
  assertEquals(parkedIn(g), 1);
  resolve();
  await turns();
  assertEquals(errors, [first]);
  // Two wait for `work`: the engine does not see through that.
  g.throw();
  await turns();
  assertEquals(g.dead, false);
  assertEquals(describeBlocked().some((line) => line.endsWith("waits for test")), true);
  await g.join();
  assertEquals(now(), 50);
});

virtualTest("adopt() gives back what comes too late", async () => {
  const orphans: string[] = [];
  const disposed: string[] = [];
  const begin = (): Promise<Disposable> =>
    after(10).then(() => ({ [Symbol.dispose]: () => void disposed.push("disposed") }));
  const g = spawn(() =>
    Promise.all([
      wait(begin),
      wait(() => after(10).then(() => "late"), { orphan: (late) => orphans.push(late) }),
    ])
  );
  await turns();
  await g.kill();
  await sleep(10);
  await turns();
  assertEquals([disposed, orphans], [["disposed"], ["late"]]);
});

virtualTest(
  "adopt() leaves an operation alone that fails after its wait was given up",
  async () => {
    using unhandled = collectUnhandled();
    const g = spawn(() => wait(() => after(5).then(() => Promise.reject(new Error("too late")))));
    await turns();
    await g.kill();
    await sleep(10);
    await turns();
    assertEquals(unhandled.list, []);
  },
);

virtualTest(
  "adopt() leaves no unhandled rejection when nobody awaits a wait that is interrupted",
  async () => {
    using unhandled = collectUnhandled();
    const g = spawn(async () => {
      const given = never();
      await Promise.race([given, never()]);
    });
    await turns();
    await g.kill();
    await turns();
    assertEquals(unhandled.list, []);
  },
);

virtualTest("adopt() resumes greenlets in turn", async () => {
  const order: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const greenlets = ["a", "b"].map((name) =>
    spawn(async () => {
      await wait(() => promise);
      for (let i = 0; i < 2; i++) {
        order.push(`${name}${i}`);
        await undefined;
      }
    })
  );
  await turns();
  resolve();
  for (const g of greenlets) await g.join();
  assertEquals(order, ["a0", "a1", "b0", "b1"]);
});

virtualTest("adoptingScope() gives none for what a greenlet has left behind", async () => {
  const scopes: boolean[] = [];
  for (const kill of [false, true]) {
    const g = spawn(async () => {
      void after(10).then(() => scopes.push(adoptingScope() === undefined));
      await sleep(kill ? 1000 : 0);
    });
    await sleep(1);
    await g.kill();
    await sleep(10);
  }
  assertEquals(scopes, [true, true]);
});

Deno.test("adoptingScope() gives none outside greenlets and in hub callbacks", async () => {
  assertEquals(adoptingScope(), undefined);
  let inCallback: unknown = "not called";
  const g = spawn(() => {
    assert(adoptingScope() !== undefined);
    hub.runCallback(() => inCallback = adoptingScope());
  });
  await g.get();
  assertEquals(inCallback, undefined);
});

virtualTest("adoptParked() takes back what was parked when the wait is interrupted", async () => {
  const parked = new Set<unknown>();
  const park = (): Promise<string> => {
    let parking: unknown;
    return adoptParked<string>(adoptingScope()!, {
      park: (waiter) => void parked.add(parking = waiter),
      abandon: () => void parked.delete(parking),
    }, { name: "test" });
  };
  const killed = spawn(park);
  const resumed = spawn(park);
  await turns();
  await killed.kill();
  assertEquals(parked.size, 1);
  const [waiter] = parked as Set<{ resume(value: string): boolean; settled: boolean }>;
  assertEquals([waiter!.resume("value"), waiter!.resume("other"), waiter!.settled], [
    true,
    false,
    true,
  ]);
  assertEquals(await resumed.get(), "value");
});

virtualTest(
  "adopt() lets a resumed greenlet have its value when a kill comes before its turn",
  async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    let got: unknown;
    const g = spawn(async () => {
      got = await wait(() => promise);
      await never();
    });
    await turns();
    resolve("value");
    await promise;
    await promise;
    g.throw();
    await g.join();
    assertEquals(got, "value");
    assertInstanceOf(g.value, GreenletExit);
  },
);
