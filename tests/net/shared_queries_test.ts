import { assertEquals, assertRejects } from "@std/assert";
import { kill, spawn } from "../../core/spawn.ts";
import { sleep } from "../../core/sleep.ts";
import { LookupSlots } from "../../net/_lookup_slots.ts";
import { type Answer, type Query, SharedQueries } from "../../net/_shared_queries.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

const KIND = { name: "asking" };

/** Questions that the test answers. */
class Questions {
  readonly asked: { answer: PromiseWithResolvers<Answer<string>>; cancelled: boolean }[] = [];
  cancellable = true;

  ask = (): Query<string> => {
    const question = { answer: Promise.withResolvers<Answer<string>>(), cancelled: false };
    this.asked.push(question);
    return {
      answer: question.answer.promise,
      cancel: () => question.cancelled = this.cancellable,
    };
  };

  async answer(number: number, value: string, ttl = 0): Promise<void> {
    this.asked[number]!.answer.resolve({ value, ttl });
    await turns();
  }
}

function queriesTest(
  name: string,
  fn: (queries: SharedQueries<string>, questions: Questions) => Promise<void>,
): void {
  virtualTest(name, () => fn(new SharedQueries<string>(2), new Questions()));
}

queriesTest(
  "SharedQueries.get() gives the kept answer for as long as it is good",
  async (queries, questions) => {
    const get = () => queries.get("key", questions.ask, undefined, KIND);
    const first = spawn(get);
    await sleep(5);
    await questions.answer(0, "one", 10);
    assertEquals(await first.get(), "one");
    assertEquals(await get(), "one");
    await sleep(9);
    assertEquals(await get(), "one");
    assertEquals(queries.size, 1);
    await sleep(1);
    const second = spawn(get);
    await turns();
    await questions.answer(1, "two", 0);
    assertEquals(await second.get(), "two");
    assertEquals([queries.size, queries.asking], [0, 0]);
  },
);

queriesTest(
  "SharedQueries.get() drops the answer that was used longest ago",
  async (queries, questions) => {
    const ask = (key: string) => async () => {
      const asking = spawn(() => queries.get(key, questions.ask, undefined, KIND));
      await turns();
      if (queries.asking > 0) await questions.answer(questions.asked.length - 1, key, 1000);
      return await asking.get();
    };
    const [a, b, c] = [ask("a"), ask("b"), ask("c")];
    for (const get of [a, b, a, c, a]) await get();
    assertEquals(questions.asked.length, 3);
    await b();
    assertEquals(questions.asked.length, 4, "The answer to 'b' was not dropped");
    assertEquals(queries.size, 2);
    queries.clear();
    assertEquals(queries.size, 0);
  },
);

queriesTest(
  "SharedQueries.get() makes an error for each caller out of a negative answer, while it is good",
  async (queries, questions) => {
    const get = () =>
      queries.get("key", questions.ask, undefined, KIND).catch((error) => error.message);
    const both = [spawn(get), spawn(get)];
    await turns();
    let made = 0;
    questions.asked[0]!.answer.resolve({ makeError: () => new Error(`error ${++made}`), ttl: 10 });
    assertEquals(await Promise.all(both.map((g) => g.get())), ["error 1", "error 2"]);
    assertEquals(await get(), "error 3");
    assertEquals(questions.asked.length, 1);
  },
);

queriesTest("SharedQueries.get() does not keep a failure", async (queries, questions) => {
  const get = () => queries.get("key", questions.ask, undefined, KIND);
  const failing = spawn(() => assertRejects(get, Error, "down"));
  await turns();
  questions.asked[0]!.answer.reject(new Error("down"));
  await failing.get();
  const working = spawn(get);
  await turns();
  await questions.answer(1, "up");
  assertEquals(await working.get(), "up");
});

queriesTest(
  "SharedQueries.get() cancels the question when the last who waits is killed, not before",
  async (queries, questions) => {
    const get = () => queries.get("key", questions.ask, undefined, KIND);
    const [first, second] = [spawn(get), spawn(get)];
    await turns();
    await first.kill();
    assertEquals(questions.asked[0]!.cancelled, false);
    await second.kill();
    assertEquals(questions.asked[0]!.cancelled, true);
    assertEquals(queries.asking, 0);
    const third = spawn(get);
    await turns();
    await questions.answer(0, "late", 1000);
    await questions.answer(1, "right");
    assertEquals(await third.get(), "right");
    assertEquals(queries.size, 0, "The answer to a question that was cancelled was kept");
  },
);

queriesTest(
  "SharedQueries.get() keeps the answer to a question that could not be cancelled",
  async (queries, questions) => {
    questions.cancellable = false;
    const get = () => queries.get("key", questions.ask, undefined, KIND);
    const first = spawn(get);
    await turns();
    await first.kill();
    const second = spawn(get); // joins it
    await turns();
    assertEquals(questions.asked.length, 1);
    await second.kill();
    await questions.answer(0, "late", 1000);
    assertEquals(await get(), "late");
  },
);

queriesTest(
  "SharedQueries.get() asks nobody for a greenlet that was killed before",
  async (queries, questions) => {
    const killed = spawn(async () => {
      kill(killed);
      await queries.get("key", questions.ask, undefined, KIND);
    });
    await killed.join();
    assertEquals(questions.asked.length, 0);
  },
);

Deno.test("LookupSlots.run() lets so many operations run at a time, first come, first served", async () => {
  const slots = new LookupSlots(2);
  const began: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<string>>();
  const run = (name: string) =>
    slots.run(() => {
      began.push(name);
      ends.set(name, Promise.withResolvers());
      return ends.get(name)!.promise;
    });
  const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map(run);
  assertEquals(began, ["a", "b"]);
  assertEquals([a!.leave(), d!.leave(), d!.leave()], [false, true, false]);
  ends.get("b")!.reject(new Error("failed"));
  await assertRejects(() => b!.result, Error, "failed");
  ends.get("a")!.resolve("A");
  assertEquals(await a!.result, "A");
  assertEquals(began, ["a", "b", "c", "e"]);
  ends.get("c")!.resolve("C");
  ends.get("e")!.resolve("E");
  assertEquals([await c!.result, await e!.result], ["C", "E"]);
  run("f");
  run("g");
  run("h");
  assertEquals(began.slice(4), ["f", "g"]);
});
