import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { GreenletExit } from "../../core/errors.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent, kill, spawn } from "../../core/spawn.ts";
import { TaskGroup, TaskGroupCancelled } from "../../core/task_group.ts";
import { Timeout, withTimeout } from "../../core/timeout.ts";
import { Event } from "../../sync/event.ts";
import { collectReports } from "../helpers/reports.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

class Broken extends Error {}

type Body = (group: TaskGroup) => unknown;

/** The two ways to write a group. */
const FORMS: Readonly<Record<string, (body: Body) => Promise<unknown>>> = {
  "TaskGroup.run()": (body) => TaskGroup.run(body),
  "await using TaskGroup": async (body) => {
    await using group = new TaskGroup();
    const result = await body(group);
    await group.join();
    return result;
  },
};

/** Registers a test in which nothing may be reported to the hub. */
function groupTest(name: string, fn: () => unknown): void {
  virtualTest(name, async () => {
    using reports = collectReports();
    await fn();
    assertEquals(reports.list, []);
  });
}

/** The same, once for each form. */
function bothForms(
  name: string,
  fn: (run: (body: Body) => Promise<unknown>) => unknown,
): void {
  for (const [form, run] of Object.entries(FORMS)) groupTest(`${form} ${name}`, () => fn(run));
}

/**
 * What the group threw. `await using` knows no better way to tell of two errors than a `SuppressedError`: that of the
 * group, which comes last, hides the one that left the block.
 */
async function failure(promise: Promise<unknown>): Promise<{ error: unknown; left?: unknown }> {
  const error = await assertRejects(() => promise);
  return error instanceof SuppressedError
    ? { error: error.error, left: error.suppressed }
    : { error };
}

function fails(error: unknown, ms = 0): () => Promise<never> {
  return async () => {
    await sleep(ms);
    throw error;
  };
}

/** Sleeps, and notes how that ended and when the clean-up was over, which takes 10 ms. */
function sleeper(log: string[], name: string): () => Promise<void> {
  return async () => {
    try {
      await sleep(1000);
      log.push(`${name} slept`);
    } catch (error) {
      log.push(`${name} got ${(error as Error).name} at ${now()}`);
      throw error;
    } finally {
      await sleep(10);
      log.push(`${name} over at ${now()}`);
    }
  };
}

bothForms("gives the result of the body when all have ended", async (run) => {
  const order: string[] = [];
  const result = await run(async (group) => {
    group.spawn(async (ms) => {
      await sleep(ms);
      order.push("slow");
    }, 20);
    const quick = group.spawn(async () => {
      await sleep(10);
      return 1;
    });
    assertEquals(group.size, 2);
    order.push("body");
    return await quick.get() + 1;
  });
  assertEquals([result, order, now()], [2, ["body", "slow"], 20]);
});

bothForms("ends at once when there is nothing to wait for", async (run) => {
  assertEquals(await run(() => "empty"), "empty");
  assertEquals(now(), 0);
});

bothForms("interrupts siblings and the body when a greenlet fails", async (run) => {
  const log: string[] = [];
  const broken = new Broken();
  const { error, left } = await failure(run(async (group) => {
    group.spawn(sleeper(log, "sibling"));
    group.spawn(fails(broken, 5));
    await sleeper(log, "body")();
  }));
  assertStrictEquals(error, broken);
  if (left !== undefined) assertInstanceOf(left, TaskGroupCancelled);
  assertEquals(log, [
    "sibling got GreenletExit at 5",
    "body got TaskGroupCancelled at 5",
    "sibling over at 15",
    "body over at 15",
  ]);
});

bothForms("waits for the siblings when a greenlet fails after the body", async (run) => {
  const log: string[] = [];
  const broken = new Broken();
  const { error, left } = await failure(run((group) => {
    group.spawn(sleeper(log, "sibling"));
    group.spawn(fails(broken, 5));
  }));
  assertStrictEquals(error, broken);
  assertStrictEquals(left, undefined);
  assertEquals([log, now()], [["sibling got GreenletExit at 5", "sibling over at 15"], 15]);
});

bothForms("throws the error when a greenlet fails in its first turn", async (run) => {
  const broken = new Broken();
  for (const ms of [0, 5]) {
    const { error } = await failure(run(async (group) => {
      group.spawn(() => {
        throw broken;
      });
      if (ms > 0) await sleep(ms);
    }));
    assertStrictEquals(error, broken);
  }
  assertEquals(now(), 0);
});

bothForms("never runs the siblings when a greenlet fails before their first turn", async (run) => {
  const broken = new Broken();
  const { error } = await failure(run((group) => {
    group.spawn(() => {
      throw broken;
    });
    group.spawn(() => assert(false, "It ran"));
  }));
  assertStrictEquals(error, broken);
});

bothForms("kills and awaits the greenlets when the body fails", async (run) => {
  const log: string[] = [];
  const broken = new Broken();
  const { error, left } = await failure(run(async (group) => {
    group.spawn(sleeper(log, "child"));
    await sleep(5);
    throw broken;
  }));
  assertStrictEquals(error, broken);
  assertStrictEquals(left, undefined);
  assertEquals(log, ["child got GreenletExit at 5", "child over at 15"]);
});

bothForms("never runs the greenlets when the body fails before their first turn", async (run) => {
  const broken = new Broken();
  const { error } = await failure(run((group) => {
    group.spawn(() => assert(false, "It ran"));
    throw broken;
  }));
  assertStrictEquals(error, broken);
});

groupTest(
  "TaskGroup.run() throws both errors when the body fails and then a greenlet",
  async () => {
    const [ofBody, ofChild] = [new Broken("body"), new Broken("child")];
    const { error } = await failure(TaskGroup.run(async (group) => {
      group.spawn(async () => {
        await sleep(1000).catch(fails(ofChild, 10));
      });
      await sleep(5);
      throw ofBody;
    }));
    assertInstanceOf(error, AggregateError);
    assertEquals([error.errors, error.message], [
      [ofBody, ofChild],
      "A task group failed with several errors",
    ]);
  },
);

groupTest(
  "await using TaskGroup suppresses the error of the body when a greenlet fails after it",
  async () => {
    const [ofBody, ofChild] = [new Broken("body"), new Broken("child")];
    const { error, left } = await failure(FORMS["await using TaskGroup"]!(async (group) => {
      group.spawn(() => sleep(1000).catch(fails(ofChild, 10)));
      await sleep(5);
      throw ofBody;
    }));
    assertEquals([error, left], [ofChild, ofBody]);
  },
);

bothForms("throws an AggregateError when several greenlets fail", async (run) => {
  const errors = [new Broken("first"), new Broken("second"), new Broken("third")];
  const { error } = await failure(run((group) => {
    group.spawn(() => sleep(1000).catch(fails(errors[2], 10)));
    group.spawn(() => sleep(1000).catch(fails(errors[1])));
    group.spawn(fails(errors[0], 5));
  }));
  assertInstanceOf(error, AggregateError);
  assertEquals([error.errors, now()], [errors, 15]);
});

bothForms("throws the error once when the body gets it from the greenlet", async (run) => {
  const broken = new Broken();
  const { error } = await failure(run(async (group) => {
    const child = group.spawn(() => {
      throw broken;
    });
    await sleep(1).catch(() => {}); // the interrupt
    await child.get();
  }));
  assertStrictEquals(error, broken);
});

bothForms("throws the error even if the body takes the interrupt for a normal end", async (run) => {
  const broken = new Broken();
  const { error, left } = await failure(run(async (group) => {
    group.spawn(fails(broken, 5));
    await sleep(1000).catch(() => {});
    await sleep(10);
    return "went on";
  }));
  assertStrictEquals(error, broken);
  assertEquals([left, now()], [undefined, 15]);
});

bothForms("throws the error after the body when that waits for something foreign", async (run) => {
  const broken = new Broken();
  const { promise, resolve } = Promise.withResolvers<void>();
  let reached = false;
  const { error } = await failure(run(async (group) => {
    const child = group.spawn(fails(broken));
    child.rawlink(() => resolve());
    await promise;
    reached = true;
  }));
  assertStrictEquals(error, broken);
  assertEquals(reached, hub.awaits === null); // where awaits are observed, this one is interrupted
  await sleep(1); // where a cancellation that was left over would strike
});

bothForms("leaves no interrupt behind when the body never waits again", async (run) => {
  const broken = new Broken();
  const { error } = await failure(run(async (group) => {
    group.spawn(fails(broken));
    const event = new Event();
    spawn(async () => {
      while (group.size > 0) await sleep();
      event.set();
    });
    await new Promise<void>((resolve) => event.rawlink(() => resolve()));
  }));
  assertStrictEquals(error, broken);
  await sleep(1);
});

bothForms("takes a greenlet that is killed for one that has ended", async (run) => {
  const log: string[] = [];
  const result = await run(async (group) => {
    const [killed, asleep] = [group.spawn(sleeper(log, "killed")), group.spawn(sleep, 20)];
    await sleep(5);
    killed.throw();
    assertEquals(await killed.get() as unknown instanceof GreenletExit, true);
    assertEquals(asleep.ready, false);
    const unstarted = group.spawn(() => assert(false, "It ran"));
    kill(unstarted);
    return "done";
  });
  assertEquals([result, log, now()], [
    "done",
    ["killed got GreenletExit at 5", "killed over at 15"],
    20,
  ]);
});

bothForms("fails when a greenlet is killed with an error", async (run) => {
  const broken = new Broken();
  for (const turnsBefore of [0, 1]) {
    const { error } = await failure(run(async (group) => {
      const child = group.spawn(sleep, 1000);
      for (let i = 0; i < turnsBefore; i++) await sleep();
      child.throw(broken);
    }));
    assertStrictEquals(error, broken);
  }
  assertEquals(now(), 0);
});

bothForms("fails when a greenlet lets its Timeout escape", async (run) => {
  const timeout = new Timeout(5);
  const { error } = await failure(run((group) => {
    group.spawn(() => withTimeout(timeout, () => sleep(1000)));
    group.spawn(sleep, 1000);
  }));
  assertEquals([error, now()], [timeout, 5]);
});

bothForms("waits for a greenlet that refuses to die", async (run) => {
  const broken = new Broken();
  const { error } = await failure(run((group) => {
    group.spawn(async () => {
      await sleep(1000).catch(() => {});
      await sleep(50);
    });
    group.spawn(fails(broken, 5));
  }));
  assertEquals([error, now()], [broken, 55]);
});

bothForms("waits for greenlets that its greenlets start in it", async (run) => {
  const order: number[] = [];
  await run((group) => {
    group.spawn(async () => {
      await sleep(5);
      group.spawn(async () => {
        await sleep(5);
        order.push(now());
        group.spawn(() => sleep(5).then(() => order.push(now())));
      });
    });
  });
  assertEquals([order, now()], [[10, 15], 15]);
});

bothForms("fails when a greenlet that was started by another one fails", async (run) => {
  const log: string[] = [];
  const broken = new Broken();
  const { error } = await failure(run((group) => {
    group.spawn(async () => {
      group.spawn(fails(broken, 5));
      await sleeper(log, "parent")();
    });
  }));
  assertStrictEquals(error, broken);
  assertEquals(log, ["parent got GreenletExit at 5", "parent over at 15"]);
});

bothForms("runs no greenlet that is started in it once it fails", async (run) => {
  const broken = new Broken();
  for (const failing of ["child", "body"]) {
    const began = now();
    const { error } = await failure(run(async (group) => {
      group.spawn(async () => {
        try {
          await sleep(1000);
        } finally {
          group.spawn(() => assert(false, "It ran"));
          await sleep(5);
          group.spawn(() => assert(false, "It ran"));
        }
      });
      if (failing === "child") group.spawn(fails(broken));
      else await fails(broken)();
    }));
    assertEquals([error, now()], [broken, began + 5], failing);
  }
});

bothForms("refuses to start a greenlet when it has ended", async (run) => {
  for (const error of [undefined, new Broken()]) {
    let kept: TaskGroup | undefined;
    await run((group) => {
      kept = group;
      if (error !== undefined) throw error;
    }).catch(() => {});
    assertThrows(() => kept!.spawn(() => {}), TypeError, "task group that has ended");
  }
});

Deno.test("TaskGroup.spawn() and TaskGroup.run() refuse what is not a function", async () => {
  await assertRejects(() => TaskGroup.run(5 as never), TypeError, "received 5");
  await using group = new TaskGroup();
  assertThrows(() => group.spawn({} as never), TypeError, "received {}");
});

// Interrupts from outside.

bothForms("kills and awaits the greenlets when its own is killed", async (run) => {
  for (const where of ["body", "end"]) {
    const log: string[] = [];
    const began = now();
    const owner = spawn(() =>
      run(async (group) => {
        group.spawn(sleeper(log, "child"));
        if (where === "body") await sleep(1000);
      })
    );
    await sleep(5);
    const exit = new GreenletExit();
    await owner.kill(exit);
    assertEquals(log, [
      `child got GreenletExit at ${began + 5}`,
      `child over at ${began + 15}`,
    ], where);
    assertStrictEquals(owner.value, exit);
  }
});

bothForms("goes on waiting for its greenlets when it is killed a second time", async (run) => {
  const log: string[] = [];
  const owner = spawn(() =>
    run((group) => {
      group.spawn(sleeper(log, "child"));
    })
  );
  await sleep(5);
  owner.throw();
  await sleep(5);
  owner.throw();
  await owner.join();
  assertEquals(log, ["child got GreenletExit at 5", "child over at 15"]);
});

bothForms("awaits its greenlets when it is killed persistently", async (run) => {
  const log: string[] = [];
  const owner = spawn(() =>
    run((group) => {
      group.spawn(sleeper(log, "child"));
    })
  );
  await sleep(5);
  await owner.kill(undefined, { persistent: true });
  assertEquals(log, ["child got GreenletExit at 5", "child over at 15"]);
});

bothForms("kills and awaits the greenlets when an outer Timeout expires", async (run) => {
  for (const where of ["body", "end"]) {
    const log: string[] = [];
    const began = now();
    const value = await withTimeout(5, () =>
      run(async (group) => {
        group.spawn(sleeper(log, "child"));
        if (where === "body") await sleep(1000);
      }), { timeoutValue: "late" });
    assertEquals([value, log], ["late", [
      `child got GreenletExit at ${began + 5}`,
      `child over at ${began + 15}`,
    ]], where);
  }
});

bothForms("lets a Timeout of the body end only what it is around", async (run) => {
  const result = await run(async (group) => {
    group.spawn(sleep, 20);
    return await withTimeout(5, () => sleep(1000), { timeoutValue: "late" });
  });
  assertEquals([result, now()], ["late", 20]);
});

groupTest(
  "TaskGroup.run() throws the kill and the error when a greenlet fails while it is killed",
  async () => {
    const broken = new Broken();
    const exit = new GreenletExit();
    let thrown: unknown;
    const owner = spawn(() =>
      TaskGroup.run((group) => {
        group.spawn(() => sleep(1000).catch(fails(broken)));
      }).catch((error) => thrown = error)
    );
    await sleep(5);
    await owner.kill(exit);
    assertInstanceOf(thrown, AggregateError);
    assertEquals(thrown.errors, [exit, broken]);
  },
);

bothForms("is not failed by a greenlet that the body starts elsewhere", async (run) => {
  const broken = new Broken();
  const own = new Broken();
  using reports = collectReports();
  await run(async () => {
    const other = spawn(fails(broken));
    await other.join();
    const caught = await spawn(() => {
      throw own;
    }).get().catch((error) => error);
    assertStrictEquals(caught, own);
  });
  assertEquals(reports.list.map(({ error }) => error), [broken, own]);
});

// Groups in groups.

bothForms("fails when a group inside it fails", async (run) => {
  const log: string[] = [];
  const broken = new Broken();
  const { error } = await failure(run(async (outer) => {
    outer.spawn(sleeper(log, "outer child"));
    await TaskGroup.run((inner) => {
      inner.spawn(sleeper(log, "inner child"));
      inner.spawn(fails(broken, 5));
    });
  }));
  assertStrictEquals(error, broken);
  assertEquals(log, [
    "inner child got GreenletExit at 5",
    "inner child over at 15",
    "outer child got GreenletExit at 15",
    "outer child over at 25",
  ]);
});

bothForms("ends a group inside it when it fails", async (run) => {
  for (const where of ["body", "end"]) {
    const log: string[] = [];
    const began = now();
    const broken = new Broken();
    const { error } = await failure(run(async (outer) => {
      outer.spawn(fails(broken, 5));
      await TaskGroup.run(async (inner) => {
        inner.spawn(sleeper(log, "inner child"));
        if (where === "body") await sleep(1000);
      });
    }));
    assertStrictEquals(error, broken);
    assertEquals(log, [
      `inner child got GreenletExit at ${began + 5}`,
      `inner child over at ${began + 15}`,
    ], where);
  }
});

bothForms("ends the group of a greenlet in it when it fails", async (run) => {
  const log: string[] = [];
  const broken = new Broken();
  const { error } = await failure(run((outer) => {
    outer.spawn(() =>
      TaskGroup.run((inner) => {
        inner.spawn(sleeper(log, "grandchild"));
      })
    );
    outer.spawn(fails(broken, 5));
  }));
  assertStrictEquals(error, broken);
  assertEquals(log, ["grandchild got GreenletExit at 5", "grandchild over at 15"]);
});

bothForms("leaves the group around it alone when that handles the error", async (run) => {
  const broken = new Broken();
  const result = await TaskGroup.run(async (outer) => {
    const other = outer.spawn(() => sleep(20).then(() => "slept"));
    const { error } = await failure(run((inner) => {
      inner.spawn(fails(broken, 5));
    }));
    assertStrictEquals(error, broken);
    return await other.get();
  });
  assertEquals([result, now()], ["slept", 20]);
});

/** Ways to have a group inside another one whose greenlet fails once more when it is to end. */
const INNER: Readonly<Record<string, (outer: TaskGroup, inner: Body) => unknown>> = {
  "in its body": (_outer, inner) => TaskGroup.run(inner),
  "in a greenlet of it": (outer, inner) => void outer.spawn(() => TaskGroup.run(inner)),
  "in a block of its body": (_outer, inner) => FORMS["await using TaskGroup"]!(inner),
  "in a block in a greenlet of it": (outer, inner) =>
    void outer.spawn(() => FORMS["await using TaskGroup"]!(inner)),
};

for (const [where, start] of Object.entries(INNER)) {
  groupTest(
    `TaskGroup.run() does not take its own interrupt for an error when a group ${where} fails as well`,
    async () => {
      for (const count of [1, 2]) {
        const outerError = new Broken("outer");
        const innerErrors = Array.from({ length: count }, (_, n) => new Broken(`inner ${n}`));
        const { error } = await failure(TaskGroup.run(async (outer) => {
          outer.spawn(fails(outerError, 5));
          await start(outer, async (inner) => {
            for (const innerError of innerErrors) {
              inner.spawn(() => sleep(1000).catch(fails(innerError, 1)));
            }
            await sleep(1000);
          });
        }));
        assertInstanceOf(error, AggregateError);
        const [first, second] = error.errors;
        assertStrictEquals(first, outerError);
        if (count === 1) assertStrictEquals(second, innerErrors[0]);
        else assertEquals([second instanceof AggregateError, second.errors], [true, innerErrors]);
        assertEquals(error.errors.length, 2);
      }
    },
  );
}

groupTest(
  "TaskGroup.run() sees its interrupt also where several waits of the body were hit",
  async () => {
    const broken = new Broken();
    const { error } = await failure(TaskGroup.run(async (group) => {
      group.spawn(fails(broken, 5));
      await Promise.any([sleep(1000), sleep(1000)]); // throws an AggregateError of the interrupts
    }));
    assertStrictEquals(error, broken);
  },
);

groupTest(
  "TaskGroup.run() keeps an error that only looks like an interrupt of its own",
  async () => {
    const foreign = new AggregateError([new Broken(), new TaskGroupCancelled()], "foreign");
    for (const thrown of [foreign, new SuppressedError(1, 2), new AggregateError([]), undefined]) {
      const body = TaskGroup.run(() => {
        throw thrown;
      });
      assertStrictEquals(await body.catch((error) => error), thrown);
    }
  },
);

// What the body can do with the group.

bothForms("waits in TaskGroup.join() for those that have been started so far", async (run) => {
  const order: string[] = [];
  await run(async (group) => {
    group.spawn(() => sleep(5).then(() => order.push("first")));
    await group.join();
    order.push("joined");
    group.spawn(() => sleep(5).then(() => order.push("second")));
  });
  assertEquals([order, now()], [["first", "joined", "second"], 10]);
});

bothForms("throws what TaskGroup.join() threw in its body", async (run) => {
  const broken = new Broken();
  const { error, left } = await failure(run(async (group) => {
    group.spawn(fails(broken, 5));
    await group.join();
  }));
  assertEquals([error, left], [broken, undefined]);
});

bothForms("can be used again when the body has handled what join() threw", async (run) => {
  const errors = [new Broken("first"), new Broken("second"), new Broken("third")];
  const seen: unknown[] = [];
  const { error } = await failure(run(async (group) => {
    for (const broken of errors.slice(0, 2)) {
      const sibling = group.spawn(sleep, 1000);
      group.spawn(fails(broken, 5));
      await group.join().catch((error) => seen.push(error));
      assert(sibling.dead);
    }
    const later = group.spawn(() => sleep(5).then(() => "value"));
    assertEquals(await later.get(), "value");
    group.spawn(fails(errors[2], 5));
  }));
  assertEquals([seen, error, now()], [errors.slice(0, 2), errors[2], 20]);
});

bothForms("returns when TaskGroup.cancel() has ended its greenlets", async (run) => {
  const log: string[] = [];
  const result = await run(async (group) => {
    group.spawn(sleeper(log, "child"));
    await sleep(5);
    group.cancel();
    group.cancel();
    return "cancelled";
  });
  assertEquals([result, log], ["cancelled", [
    "child got GreenletExit at 5",
    "child over at 15",
  ]]);
});

groupTest("TaskGroup.join() returns quietly when its own timeout is over", async () => {
  const log: string[] = [];
  {
    await using group = new TaskGroup();
    group.spawn(sleeper(log, "child"));
    await group.join({ timeout: 5 });
    assertEquals([group.size, now()], [1, 5]);
    const reason = new Broken();
    const error = await assertRejects(() => group.join({ signal: AbortSignal.abort(reason) }));
    assertStrictEquals(error, reason);
  }
  assertEquals(log, ["child got GreenletExit at 5", "child over at 15"]);
});

groupTest(
  "TaskGroup.join() keeps the error for later when its own timeout comes first",
  async () => {
    const broken = new Broken();
    const group = new TaskGroup();
    group.spawn(fails(broken));
    const slow = group.spawn(() => sleep(1000).catch(() => sleep(50)));
    await sleep(1000).catch((error) => assertInstanceOf(error, TaskGroupCancelled));
    await group.join({ timeout: 5 });
    assertEquals([group.size, slow.ready, now()], [1, false, 5]);
    assertStrictEquals(await assertRejects(() => group.join()), broken);
    assertEquals([slow.ready, now()], [true, 50]);
    await group.join();
  },
);

groupTest("await using TaskGroup takes an interrupt back that found no wait", async () => {
  const broken = new Broken();
  const { error } = await failure((async () => {
    await using group = new TaskGroup();
    const child = group.spawn(fails(broken));
    await new Promise<void>((resolve) => child.rawlink(() => resolve()));
  })());
  assertStrictEquals(error, broken);
  await sleep(1); // which would raise it
});

groupTest("await using TaskGroup kills what still runs when its block is left early", async () => {
  const log: string[] = [];
  {
    await using group = new TaskGroup();
    group.spawn(sleeper(log, "child"));
    await sleep(5);
  }
  assertEquals(log, ["child got GreenletExit at 5", "child over at 15"]);
});

groupTest("TaskGroup can be disposed of twice", async () => {
  const group = new TaskGroup();
  const broken = new Broken();
  group.spawn(() => sleep(1000).catch(fails(broken)));
  await turns();
  assertStrictEquals(await assertRejects(() => group[Symbol.asyncDispose]()), broken);
  await group[Symbol.asyncDispose]();
});

virtualTest("TaskGroup reports nothing of its greenlets to the hub", async () => {
  using reports = collectReports();
  await assertRejects(() =>
    TaskGroup.run((group) => {
      for (let i = 0; i < 3; i++) group.spawn(fails(new Broken()));
    }), AggregateError);
  assertEquals(reports.list, []);
});

Deno.test(
  "await using TaskGroup outside all greenlets interrupts only waits begun after it",
  async () => {
    const broken = new Broken();
    const before = new Event();
    const waiting = before.wait();
    try {
      await using group = new TaskGroup();
      group.spawn(fails(broken));
      await sleep(60_000);
      assert(false, "The body was not interrupted");
    } catch (error) {
      assertInstanceOf(error, SuppressedError);
      assertStrictEquals(error.error, broken);
      assertInstanceOf(error.suppressed, TaskGroupCancelled);
    }
    assertEquals(before.waiting, 1);
    before.set();
    assertEquals(await waiting, true);
  },
);

Deno.test("TaskGroup.run() outside all greenlets leaves the waits of others alone", async () => {
  const broken = new Broken();
  const event = new Event();
  const other = event.wait();
  const error = await assertRejects(() =>
    TaskGroup.run(async (group) => {
      group.spawn(fails(broken));
      await sleep(60_000);
    })
  );
  assertStrictEquals(error, broken);
  event.set();
  assertEquals(await other, true);
  assertEquals(getCurrent().name, "main");
});
