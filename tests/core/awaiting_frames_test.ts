import { assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { adopt, adoptingScope } from "../../core/adopt.ts";
import { joinAll } from "../../core/join.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { suspend } from "../../core/suspend.ts";
import { until } from "../../core/until.ts";
import { virtualTest } from "../helpers/virtual_test.ts";

/** Waits for an operation that somebody else has begun. */
const WAITS: Readonly<Record<string, (operation: Promise<unknown>) => Promise<unknown>>> = {
  "until()": until,
  "adopt()": (operation) => adopt(adoptingScope()!, () => operation, { name: "test" }),
  "suspend()": (operation) =>
    suspend((waiter) => void operation.catch((error) => waiter.fail(error))),
};

/** An error as the runtime makes them: nothing of the program is in its stack. */
function foreignError(): Error {
  const error = new Error("failed");
  error.stack = "Error: failed\n    at async read (ext:some/file.js:1:2)";
  return error;
}

for (const [name, wait] of Object.entries(WAITS)) {
  virtualTest(
    `${name} shows who awaits it, in the stack of an error that it fails with`,
    async () => {
      const error = foreignError();
      const inner = async (): Promise<void> => {
        await sleep(1);
        await wait(Promise.reject(error));
      };
      const outer = async (): Promise<void> => await inner();
      await spawn(() => assertRejects(outer)).get();
      const frames = /^Error: failed\n.*read.*\n {4}at async inner .*\n {4}at async outer .*/;
      assertMatch(error.stack!, frames);
    },
  );

  virtualTest(
    `${name} shows only who got it first, in the stack of an error that many get`,
    async () => {
      const error = foreignError();
      const failing = async (): Promise<void> => void await wait(Promise.reject(error));
      await joinAll([1, 2, 3].map(() => spawn(() => assertRejects(failing))));
      assertEquals([...error.stack!.matchAll(/async failing/g)].length, 1);
    },
  );

  virtualTest(
    `${name} fails with errors that cannot be changed, and with what is none`,
    async () => {
      const frozen = Object.freeze(foreignError());
      const prepared = Object.defineProperty(new Error("prepared"), "stack", { value: [] });
      for (const reason of [frozen, prepared, "a text", undefined, { stack: 5 }]) {
        let caught: unknown[] = [];
        await spawn(async () => {
          await wait(Promise.reject(reason)).then(undefined, (error) => caught = [error]);
        }).get();
        assertEquals(caught.length, 1);
        assertStrictEquals(caught[0], reason);
      }
    },
  );
}

virtualTest("A kill leaves the stack of the error alone that it raises", async () => {
  const error = foreignError();
  const { stack } = error;
  const g = spawn(() => assertRejects(() => sleep(1000)));
  await sleep();
  g.throw(error);
  assertStrictEquals(await g.get(), error);
  assertEquals(error.stack, stack);
});
