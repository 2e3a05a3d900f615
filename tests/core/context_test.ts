import { assertEquals, assertInstanceOf } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import { type ContextCarrier, makeCarrier, runtimeInternals } from "../../core/context.ts";
import { Scope } from "../../core/scope.ts";

interface Value {
  readonly name: string;
}

// A scope, like everything that is carried under the same key in this process.
const value = (name: string): Value => Object.assign(new Scope(null), { name });

/** Both ways to carry a value have to do the same. */
function carriers(): Record<string, ContextCarrier<Value>> {
  return {
    "of this runtime": makeCarrier<Value>(runtimeInternals()),
    "by AsyncLocalStorage": makeCarrier<Value>(undefined),
  };
}

for (const [which, carrier] of Object.entries(carriers())) {
  const name = (): string | undefined => carrier.getStore()?.name;

  Deno.test(`ContextCarrier ${which} carries a value across awaits, timers and nested runs`, async () => {
    const seen: (string | undefined)[] = [];
    await carrier.run(value("outer"), async () => {
      seen.push(name());
      await Promise.resolve();
      seen.push(name());
      await carrier.run(value("inner"), async () => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        seen.push(name());
      });
      seen.push(name());
    });
    seen.push(name());
    assertEquals(seen, ["outer", "outer", "inner", "outer", undefined]);
  });

  Deno.test(`ContextCarrier ${which} puts the outer value back when the function throws`, () => {
    carrier.run(value("outer"), () => {
      try {
        carrier.run(value("inner"), () => {
          throw new Error("broken");
        });
      } catch {
        // What matters is what comes after it.
      }
      assertEquals(name(), "outer");
    });
    assertEquals(name(), undefined);
  });

  Deno.test(`ContextCarrier ${which} keeps values apart that are carried at the same time`, async () => {
    await Promise.all(Array.from({ length: 20 }, (_, i) =>
      carrier.run(value(`${i}`), async () => {
        for (let n = 0; n < 5; n++) {
          await new Promise((resolve) => setTimeout(resolve, i % 3));
          assertEquals(name(), `${i}`);
        }
      })));
  });

  Deno.test(`ContextCarrier ${which} leaves the values of AsyncLocalStorage alone`, async () => {
    const storage = new AsyncLocalStorage<string>();
    const both = (): unknown[] => [name(), storage.getStore()];
    const seen: unknown[] = [];
    await storage.run("theirs", async () => {
      await carrier.run(value("ours"), async () => {
        await Promise.resolve();
        seen.push(both());
        await storage.run("theirs, inner", async () => {
          await Promise.resolve();
          seen.push(both());
          carrier.run(value("ours, inner"), () => seen.push(both()));
        });
        seen.push(both());
        storage.exit(() => seen.push(both()));
      });
      seen.push(both());
    });
    seen.push(both());
    assertEquals(seen, [
      ["ours", "theirs"],
      ["ours", "theirs, inner"],
      ["ours, inner", "theirs, inner"],
      ["ours", "theirs"],
      ["ours", undefined],
      [undefined, "theirs"],
      [undefined, undefined],
    ]);
  });

  Deno.test(`ContextCarrier ${which} hands the arguments and the result through`, () => {
    assertEquals(carrier.run(value("x"), (a: number, b: number) => [a + b, name()], 1, 2), [
      3,
      "x",
    ]);
  });
}

Deno.test("makeCarrier() falls back to AsyncLocalStorage when the internals are not what they were", () => {
  const unusable: unknown[] = [
    undefined,
    null,
    {},
    { getAsyncContext: () => undefined },
    { getAsyncContext: () => undefined, setAsyncContext: () => {} },
    { getAsyncContext: "x", setAsyncContext: () => {} },
    {
      getAsyncContext(): never {
        throw new Error("gone");
      },
      setAsyncContext(): void {},
    },
  ];
  for (const internals of unusable) assertInstanceOf(makeCarrier(internals), AsyncLocalStorage);
});
