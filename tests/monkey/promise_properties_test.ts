/** Random programs of promises, which `patchAwaits` must leave doing what they do natively. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { assertSame, describe, inAllModes, type Note, watch } from "../helpers/promise_modes.ts";

// deno-lint-ignore no-explicit-any -- promises and thenables of anything
type Any = any;

/** A promise, or what can be used like one, by the way it is made. */
interface Expression {
  readonly kind: string;
  readonly id: number;
  readonly value: number;
  readonly inner: readonly Expression[];
  readonly items: string;
}

const LEAVES = [
  "value",
  "fulfilled",
  "rejected",
  "later",
  "thrown",
  "never",
  "thenable",
  "bad thenable",
];
const BRANCHES = ["then", "catch", "finally", "then that throws", "adopt", "subclass", "try"]
  .concat("withResolvers", "thenable of", "all", "allSettled", "any", "race");
/** Those whose outcome does not depend on how many microtasks an await takes. */
const STEADY = BRANCHES.filter((kind) => !["all", "any", "race"].includes(kind)).concat(
  "await",
  "return",
);
const ITERABLES = ["array", "set", "generator", "closed early"];

function expressions(branches: readonly string[]): fc.Arbitrary<Expression> {
  const base = { id: fc.nat(999), value: fc.nat(9), items: fc.constantFrom(...ITERABLES) };
  const { tree } = fc.letrec<{ tree: Expression; leaf: Expression }>((tie) => ({
    leaf: fc.record({ ...base, kind: fc.constantFrom(...LEAVES), inner: fc.constant([]) }),
    tree: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      tie("leaf"),
      fc.record({
        ...base,
        kind: fc.constantFrom(...branches),
        inner: fc.array(tie("tree"), { minLength: 1, maxLength: 3 }),
      }),
    ),
  }));
  return tree;
}

class Subclass extends Promise<unknown> {}

/** Makes what an expression says, and notes which functions are called with what. */
function build(expression: Expression, note: Note): Any {
  const P = Promise as Any;
  const { kind, id, value, items } = expression;
  const inner = expression.inner.map((part) => build(part, note));
  const [first, second] = inner;
  const heard = (event: string) => (what: unknown): unknown => {
    note(`${id} ${event} ${describe(what)}`);
    return second ?? value;
  };
  switch (kind) {
    case "value":
      return value;
    case "fulfilled":
      return P.resolve(value);
    case "rejected":
      return P.reject(new Error(`${value}`));
    case "later":
      return new P((resolve: Any) => queueMicrotask(() => resolve(value)));
    case "thrown":
      return new P(() => {
        throw new RangeError(`${value}`);
      });
    case "never":
      return new P(() => {});
    case "thenable":
      return {
        then(resolve: Any) {
          note(`${id} asked`);
          resolve(value);
        },
      };
    case "bad thenable":
      return {
        then(_: Any, reject: Any) {
          reject(value);
          throw new Error("ignored");
        },
      };
    case "thenable of":
      return { then: (resolve: Any) => resolve(first) };
    case "then":
      return P.resolve(first).then(heard("value"), heard("error"));
    case "then that throws":
      return P.resolve(first).then((what: unknown) => {
        throw new Error(`${id} after ${describe(what)}`);
      });
    case "catch":
      return P.resolve(first).catch(heard("caught"));
    case "finally":
      return P.resolve(first).finally(() => heard("finally")(undefined));
    case "adopt":
      return new P((resolve: Any) => resolve(first));
    case "subclass":
      return Subclass.resolve(first).then(heard("subclass"));
    case "try":
      return P.try(heard("try"), first);
    case "withResolvers": {
      const { promise, resolve, reject } = P.withResolvers();
      P.resolve(first).then(resolve, reject);
      return promise;
    }
    case "await":
      return (async () => {
        try {
          return heard("awaited")(await first);
        } catch (error) {
          return heard("caught")(error);
        } finally {
          note(`${id} over`);
        }
      })();
    case "return":
      // deno-lint-ignore require-await -- what it returns is followed, which is no await
      return (async () => first)();
    default:
      return P[kind](iterable(items, inner));
  }
}

function iterable(kind: string, items: unknown[]): Iterable<unknown> {
  if (kind === "array") return items;
  if (kind === "set") return new Set(items);
  return (function* () {
    yield* items;
    if (kind === "closed early") throw new Error("from the iterator");
  })();
}

function run(all: readonly Expression[], note: Note): void {
  all.forEach((expression, i) => {
    const made = build(expression, note);
    if (typeof made?.then === "function") watch(note, `result ${i}`, made);
    else note(`result ${i} is ${made}`);
  });
}

Deno.test({
  name: "patchAwaits() leaves promises without await doing the same, in the same order",
  timeout: 120_000,
  async fn() {
    await fc.assert(
      fc.asyncProperty(
        fc.array(expressions(BRANCHES), { minLength: 1, maxLength: 4 }),
        async (all) => {
          await assertSame((note) => run(all, note));
        },
      ),
      { numRuns: 200 },
    );
  },
});

Deno.test({
  name: "patchAwaits() leaves functions that await doing the same, in whatever order",
  timeout: 120_000,
  async fn() {
    await fc.assert(
      fc.asyncProperty(
        fc.array(expressions(STEADY), { minLength: 1, maxLength: 4 }),
        async (all) => {
          const { native, outside, inside } = await inAllModes((note) => run(all, note));
          assertEquals(outside.toSorted(), native.toSorted());
          assertEquals(inside.toSorted(), native.toSorted());
        },
      ),
      { numRuns: 200 },
    );
  },
});
