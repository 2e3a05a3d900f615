/**
 * What `patchAwaits` must not change: promises as the language defines them, compared with those that nobody has patched.
 *
 * Over 400 lines, as it goes through all that the language says of promises, in one table.
 *
 * @module
 */

// deno-lint-ignore-file require-await -- functions that are async and do not await are among what is compared

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { types } from "node:util";
import { joinAll } from "../../core/join.ts";
import { spawn } from "../../core/spawn.ts";
import { patchAwaits } from "../../monkey/patch_awaits.ts";
import { assertSame, describe, inAllModes, type Note, watch } from "../helpers/promise_modes.ts";

/** Calls a function and says what came of it. */
function attempt(fn: () => unknown): string {
  try {
    return describe(fn());
  } catch (error) {
    return `throws ${describe(error)}`;
  }
}

// deno-lint-ignore no-explicit-any -- what the types forbid is what is tried here
type Any = any;

/** An array whose use is noted: which properties are read how often, and in which order. */
function spied(note: Note, steps: readonly (() => unknown)[], close?: () => unknown): Any {
  let at = 0;
  const iterator = {
    get next() {
      note("get next");
      return function (this: unknown, ...args: unknown[]) {
        note(`next ${this === iterator} ${args.length}`);
        return at < steps.length ? steps[at++]!() : {
          get done() {
            note("get done");
            return true;
          },
          get value() {
            note("get value of the end");
            return 1;
          },
        };
      };
    },
    get return() {
      note("get return");
      return close === undefined ? undefined : function (this: unknown, ...args: unknown[]) {
        note(`return ${this === iterator} ${args.length}`);
        return close();
      };
    },
  };
  const iterable = {
    get [Symbol.iterator]() {
      note("get iterator");
      return function (this: unknown, ...args: unknown[]) {
        note(`iterator ${this === iterable} ${args.length}`);
        return iterator;
      };
    },
  };
  return iterable;
}

const step = (note: Note, value: unknown) => (): unknown => ({
  get done() {
    note("get done");
    return 0;
  },
  get value() {
    note("get value");
    return value;
  },
});

const COMBINATORS = ["all", "allSettled", "any", "race"] as const;

const PROGRAMS: Record<string, (note: Note) => unknown> = {
  "tells mistakes in the words of the engine"(note) {
    const P = Promise as Any;
    const p = Promise.resolve(1);
    for (
      const fn of [
        () => P(),
        () => P.call(p, () => {}),
        () => new P(),
        () => new P(1),
        () => new P(null),
        () => P.resolve.call(undefined, 1),
        () => P.resolve.call({}, 1),
        () => P.reject.call(1, 1),
        () => P.all.call(undefined, []),
        () => P.race.call({}, []),
        () => P.withResolvers.call({}),
        () => P.try.call({}, () => {}),
        () => P.prototype.then.call({}),
        () => P.prototype.then.call(Object.create(P.prototype)),
        () => P.prototype.finally.call(1),
        () => P.prototype.catch.call(undefined),
        () => new P.resolve(1),
        () => new P.all([]),
        () => new P.prototype.then(),
      ]
    ) note(attempt(fn));
    for (const name of COMBINATORS) {
      for (const items of [undefined, null, 5, {}, true, Symbol("s"), { [Symbol.iterator]: 1 }]) {
        watch(note, `${name} of ${String(items)}`, P[name](items));
      }
    }
    watch(note, "try", P.try());
  },

  "leaves identity, constructors and instances as they are"(note) {
    const P = Promise as Any;
    const p = Promise.resolve(1);
    const made = (async () => {})();
    const reflected = Reflect.construct(Promise, [() => {}], Array);
    note([
      p.constructor === P,
      P.prototype.constructor === P,
      made.constructor === P,
      made instanceof P,
      P[Symbol.species] === P,
      P.resolve(p) === p,
      P.resolve(made) === made,
      P.resolve.call(class extends P {}, p) === p,
      Object.getPrototypeOf(made) === P.prototype,
      Object.getPrototypeOf(P) === Function.prototype,
      fetch.constructor === Function,
      types.isPromise(new P(() => {})),
      reflected instanceof Array,
      types.isPromise(reflected),
      Object.prototype.hasOwnProperty.call(made, "constructor"),
      "constructor" in made,
      globalThis.Promise === P,
      window === undefined,
    ].join());
    note(Object.prototype.toString.call(p));
    note(Deno.inspect([p, made, P, new (class Q extends (P as Any) {} as Any)(() => {})]));
    note(Reflect.ownKeys(P).map(String).join());
    note(Reflect.ownKeys(P.prototype).map(String).join());
    note(Reflect.ownKeys(p).length.toString());
    note(attempt(() => structuredClone(p)));
  },

  "keeps names, lengths and descriptors of functions"(note) {
    const tell = (owner: object): void => {
      for (const key of Reflect.ownKeys(owner)) {
        const { value, get, set, ...flags } = Object.getOwnPropertyDescriptor(owner, key)!;
        if (key === "constructor") continue; // see the test of what differs
        const what = typeof value === "function"
          ? [value.name, value.length, "prototype" in value, Reflect.ownKeys(value)]
          : [typeof value, get?.name, set?.name];
        note(`${String(key)} ${describe(what)} ${describe(flags)}`);
      }
    };
    tell(Promise);
    tell(Promise.prototype);
    note(describe(Object.getOwnPropertyDescriptor(globalThis, "Promise")));
  },

  "lets a promise be given a constructor of its own"(note) {
    const p: Any = Promise.resolve(1);
    p.constructor = 5;
    note(describe(Object.getOwnPropertyDescriptor(p, "constructor")));
    note(attempt(() => p.then()));
    note(attempt(() => Promise.resolve(p) === p));
    class Other extends Promise<unknown> {}
    const q: Any = Promise.resolve(2);
    q.constructor = { [Symbol.species]: Other };
    note(attempt(() => q.then() instanceof Other));
    note(attempt(() => (Other.resolve(q) as unknown) === q));
    q.constructor = Other;
    note(attempt(() => Other.resolve(q) === q));
    const frozen: Any = Object.freeze(Promise.resolve(3));
    watch(note, "frozen", Promise.all([frozen, frozen.then((value: number) => value + 1)]));
  },

  "refuses to resolve a promise with itself"(note) {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    resolve(promise);
    watch(note, "itself", promise);
    const derived: Promise<unknown> = Promise.resolve().then(() => derived);
    watch(note, "derived", derived);
    const finallySelf: Promise<unknown> = Promise.resolve().finally(() => finallySelf);
    watch(note, "finally", finallySelf);
  },

  "resolves once, with the first"(note) {
    const P = Promise as Any;
    watch(
      note,
      "twice",
      new P((resolve: Any, reject: Any) => {
        resolve(1);
        resolve(2);
        reject(3);
        throw new Error("too late");
      }),
    );
    watch(
      note,
      "thrown",
      new P(() => {
        throw new RangeError("at once");
      }),
    );
    new P(function (this: unknown, ...args: Any[]) {
      note(
        `executor ${this} ${args.length} ${args.map((a) => [a.name, a.length, "prototype" in a])}`,
      );
      note(describe(args[0](1)));
    });
  },

  "calls the `then` of thenables as it should"(note) {
    const P = Promise as Any;
    const thenable = (name: string, then: Any): object => ({
      get then() {
        note(`get then of ${name}`);
        return then;
      },
    });
    const cases: Record<string, Any> = {
      good(resolve: Any) {
        note(`called ${arguments.length} ${resolve.name} ${resolve.length}`);
        resolve("good");
        resolve("twice");
      },
      bad: (_resolve: Any, reject: Any) => reject("bad"),
      thrower: () => {
        throw new Error("thrown");
      },
      late: (resolve: Any) => {
        resolve("first");
        throw new Error("ignored");
      },
      nested: (resolve: Any) => resolve(thenable("inner", (inner: Any) => inner("nested"))),
      "no function": 5,
      promise: (resolve: Any) => resolve(P.resolve("a promise")),
      never: () => {},
    };
    for (const [name, then] of Object.entries(cases)) {
      watch(note, `resolve ${name}`, P.resolve(thenable(name, then)));
      watch(note, `then ${name}`, P.resolve().then(() => thenable(name, then)));
      watch(note, `all ${name}`, P.all([thenable(name, then), 1]));
      watch(note, `try ${name}`, P.try(() => thenable(name, then)));
      watch(note, `finally ${name}`, P.resolve("kept").finally(() => thenable(name, then)));
    }
    const exotic = Object.defineProperty({}, "then", {
      get() {
        throw new RangeError("a getter that throws");
      },
    });
    watch(note, "getter", P.resolve(exotic));
    watch(note, "proxy", P.resolve(new Proxy(P.resolve(1), {})));
  },

  "calls a `then` that a promise was given"(note) {
    const p: Any = Promise.resolve(1);
    p.then = function (this: unknown, ...args: Any[]) {
      note(`own then ${this === p} ${args.length}`);
      return (Promise.prototype.then as Any).apply(this, args);
    };
    watch(note, "all", Promise.all([p]));
    watch(note, "adopted", Promise.resolve().then(() => p));
    watch(note, "catch", p.catch(() => {}));
    watch(note, "finally", p.finally(() => {}));
  },

  "makes promises of subclasses, where those are due"(note) {
    class Sub extends Promise<unknown> {
      constructor(executor: Any) {
        note(`new Sub of ${executor.length} ${new.target.name}`);
        super(executor);
      }
    }
    class SubSub extends Sub {
      static override get [Symbol.species](): Any {
        note("species");
        return Promise;
      }
    }
    for (const C of [Sub, SubSub] as Any[]) {
      const p = C.resolve(1);
      note([
        p instanceof C,
        p.then() instanceof C,
        p.catch(() => {}) instanceof C,
        p.finally(() => {}) instanceof C,
        C.all([p]) instanceof C,
        C.allSettled([p]) instanceof C,
        C.any([p]) instanceof C,
        C.race([p]) instanceof C,
        C.reject(1).then(null, () => {}) instanceof C,
        C.withResolvers().promise instanceof C,
        C.try(() => 1) instanceof C,
        C.resolve(p) === p,
        (Promise.resolve(p) as Any) === p,
        (C.prototype.constructor as Any) === C,
      ].join());
      watch(note, C.name, p.then((value: number) => value + 1));
    }
  },

  "can be inherited from in the old way"(note) {
    const P = Promise as Any;
    function Old(executor: Any): Any {
      const self = Reflect.construct(P, [executor], new.target ?? Old);
      self.old = true;
      return self;
    }
    Old.prototype = Object.create(P.prototype);
    Old.prototype.constructor = Old;
    Object.setPrototypeOf(Old, P);
    const p = (Old as Any).resolve(1);
    const q = p.then((value: number) => value + 1);
    note([p instanceof Old, p.old, q instanceof Old, q.old, p instanceof P].join());
    note(describe(Object.getOwnPropertyDescriptor(Old.prototype, "constructor")));
    watch(note, "old", q);
    function Wrong(this: Any, executor: Any): void {
      P.call(this, executor);
    }
    Wrong.prototype = Object.create(P.prototype);
    note(attempt(() => new (Wrong as Any)(() => {})));
  },

  "takes any function that makes capabilities for a constructor"(note) {
    const P = Promise as Any;
    function Capability(executor: Any): object {
      note(`executor ${executor.length}`);
      executor((value: unknown) => note(`resolve ${describe(value)}`), (error: unknown) => {
        note(`reject ${describe(error)}`);
      });
      return {};
    }
    Capability.resolve = (value: unknown) => {
      note(`Capability.resolve ${describe(value)}`);
      return P.resolve(value);
    };
    for (const name of COMBINATORS) P[name].call(Capability, [1, P.resolve(2)]);
    P.resolve.call(Capability, 1);
    P.reject.call(Capability, 2);
    P.try.call(Capability, () => 3);
    note(describe(Object.keys(P.withResolvers.call(Capability))));
  },

  "asks iterators for what it must, and closes them"(note) {
    const P = Promise as Any;
    for (const name of COMBINATORS) {
      const run = (what: string, items: Any, C = P): void => {
        note(`-- ${name} ${what}`);
        watch(note, `${name} ${what}`, P[name].call(C, items));
      };
      run("of two", spied(note, [step(note, 1), step(note, P.reject("no"))]));
      run("of nothing", spied(note, []));
      run(
        "of one that throws",
        spied(note, [() => {
          throw new Error("next");
        }], () => ({})),
      );
      run("of no result", spied(note, [() => 5], () => ({})));
      run("of undefined as a result", spied(note, [() => undefined], () => ({})));
      run(
        "of a value that throws",
        spied(note, [() => ({
          get value() {
            throw new Error("value");
          },
        })], () => ({})),
      );
      class Refusing extends Promise<unknown> {
        static override resolve(): Any {
          throw new RangeError("refused");
        }
      }
      run("of what is refused", spied(note, [step(note, 1)], () => ({})), Refusing);
      run(
        "of what is refused, and cannot be closed",
        spied(note, [step(note, 1)], () => {
          throw new Error("close");
        }),
        Refusing,
      );
      run("of what is refused, with no return", spied(note, [step(note, 1)]), Refusing);
      run("of no iterator", { [Symbol.iterator]: () => 1 });
      run("of an empty iterator", { [Symbol.iterator]: () => ({}) });
      run("of a string", "ab");
      run("of a set", new Set([1, P.resolve(2)]));
      run("of a map", new Map([[1, 2]]));
      run("of holes", [, 1]); // deno-lint-ignore-line no-sparse-arrays
      run("of a typed array", new Uint8Array([1, 2]));
      run(
        "of a generator",
        (function* () {
          try {
            yield 1;
            yield P.resolve(2);
          } finally {
            note("generator is over");
          }
        })(),
      );
      run(
        "of a generator that is refused",
        (function* () {
          try {
            yield 1;
          } finally {
            note("generator is closed");
          }
        })(),
        Refusing,
      );
      run(
        "of a list that grows",
        (() => {
          const list: unknown[] = [{
            get then() {
              if (list.length < 3) list.push(list.length);
              return undefined;
            },
          }];
          return list;
        })(),
      );
      run("with a resolve that is none", [1], Object.assign(class extends P {}, { resolve: 1 }));
    }
  },

  "has combinators look up `resolve` and `then`"(note) {
    const p: Any = Promise.resolve(1);
    class Sub extends (Promise as Any) {
      static resolve(value: Any): Any {
        note(`resolve ${describe(value)}`);
        return {
          then(...args: Any[]) {
            note(`then ${args.map((arg) => `${arg.name}/${arg.length}`)}`);
            args[0](value);
          },
        };
      }
    }
    for (const name of COMBINATORS) watch(note, name, (Sub as Any)[name]([p, 2]));
  },

  "runs `finally` as it should"(note) {
    const P = Promise as Any;
    const cases: Record<string, Any> = {
      nothing: () => 5,
      throws: () => {
        throw new Error("from finally");
      },
      rejects: () => P.reject("rejected"),
      waits: () => P.resolve().then(() => note("waited")),
      "no function": 7,
      thenable: () => ({ then: (resolve: Any) => resolve("ignored") }),
    };
    for (const [name, fn] of Object.entries(cases)) {
      watch(note, `${name} after a value`, P.resolve("value").finally(fn));
      watch(note, `${name} after an error`, P.reject("error").finally(fn));
    }
    P.resolve().finally(function (this: unknown, ...args: unknown[]) {
      note(`${this} ${args.length}`);
    });
    const fake = {
      constructor: Promise,
      then: (...args: Any[]) => args.map((arg) => `${arg.name}/${arg.length}`).join(),
    };
    note(P.prototype.finally.call(fake, () => {}));
    note(P.prototype.catch.call(fake, () => {}));
  },

  "offers `try`, `withResolvers`, `any` and `fromAsync` as ever"(note) {
    const P = Promise as Any;
    watch(note, "try", P.try((...args: unknown[]) => args.join(), 1, 2));
    watch(
      note,
      "try that throws",
      P.try(() => {
        throw new Error("at once");
      }),
    );
    const { promise, resolve, reject } = P.withResolvers();
    note([resolve.name, resolve.length, reject.name, reject.length].join());
    watch(note, "withResolvers", promise);
    resolve(P.reject("inside"));
    watch(note, "any of none", P.any([]));
    watch(note, "any of failures", P.any([P.reject(1), P.reject(2)]));
    watch(note, "fromAsync", Array.fromAsync([P.resolve(1), 2], (value: number) => value * 2));
    watch(note, "fromAsync that fails", Array.fromAsync([P.reject("no"), 2]));
  },

  "runs reactions in the same order"(note) {
    const P = Promise as Any;
    const chain = (name: string, promise: Any, length: number): void => {
      for (let i = 0; i < length; i++) promise = promise.then(() => note(`${name}${i}`));
    };
    chain("a", P.resolve(), 12);
    P.resolve(P.resolve()).then(() => note("nested"));
    new P((resolve: Any) => resolve(P.resolve())).then(() => note("adopted"));
    P.resolve().then(() => P.resolve()).then(() => note("returned"));
    (async () => {})().then(() => note("async function"));
    (async () => P.resolve())().then(() => note("async function that returns a promise"));
    P.all([P.resolve(), 1]).then(() => note("all"));
    P.race([P.resolve(), 1]).then(() => note("race"));
    P.allSettled([]).then(() => note("allSettled"));
    P.any([1]).then(() => note("any"));
    P.resolve().finally(() => {}).then(() => note("finally"));
    P.reject().catch(() => {}).then(() => note("catch"));
    queueMicrotask(() => note("microtask"));
    P.resolve({ then: (resolve: Any) => resolve() }).then(() => note("thenable"));
  },

  "tells of rejections that nobody handles, and of those handled late"(note) {
    const P = Promise as Any;
    const late = P.reject(new Error("late"));
    setTimeout(() => late.catch(() => note("caught")));
    P.reject(new Error("never"));
    P.resolve().then(() => {
      throw new Error("in a reaction");
    });
    void (async () => {
      throw new Error("in a function");
    })();
    P.all([P.reject(new Error("in all")), P.reject(new Error("second in all"))]);
    const caught = P.reject(new Error("handled in time"));
    queueMicrotask(() => caught.catch(() => {}));
    const branch = P.reject(new Error("one branch"));
    branch.catch(() => {});
    branch.then(() => {});
    new P((_: Any, reject: Any) => reject(new Error("by a function")));
    P.allSettled([P.reject(1)]);
    P.race([P.resolve(), P.reject(new Error("second in a race"))]);
  },
};

for (const [what, program] of Object.entries(PROGRAMS)) {
  Deno.test(`patchAwaits() ${what}`, async () => {
    const log = await assertSame(program);
    assert(log.length > 0);
  });
}

class Subclass extends Promise<unknown> {}

Deno.test("patchAwaits() changes the source of functions and what `constructor` is, and nothing else", () => {
  const constructor = () => Object.getOwnPropertyDescriptor(Promise.prototype, "constructor")!;
  const before = constructor();
  using _deep = patchAwaits();
  const { get, set, ...flags } = constructor();
  assertEquals(flags, { configurable: true, enumerable: false } as never);
  assertEquals([before.configurable, before.enumerable], [true, false]);
  assertEquals([typeof get, typeof set], ["function", "function"]);
  const changed: string[] = [];
  for (const owner of [Promise, Promise.prototype, { Promise }]) {
    for (const key of Reflect.ownKeys(owner)) {
      const value: unknown = Reflect.get(owner, key);
      if (typeof value !== "function" || String(value).includes("[native code]")) continue;
      changed.push(String(key));
    }
  }
  assertEquals(
    changed.sort(),
    ["Promise", "Symbol(Symbol.species)", "all", "allSettled", "any", "constructor", "race"]
      .concat("resolve", "then"),
  );
});

Deno.test("patchAwaits() leaves a `constructor` that a program puts into the prototype", async () => {
  const native = Object.getOwnPropertyDescriptor(Promise.prototype, "constructor")!;
  {
    using _deep = patchAwaits();
    Promise.prototype.constructor = Subclass;
    const { value, ...flags } = Object.getOwnPropertyDescriptor(Promise.prototype, "constructor")!;
    assertEquals(flags, { configurable: true, enumerable: false, writable: true } as never);
    assert(value === Subclass);
    assertEquals(await (async () => await Promise.resolve(1))(), 1);
  }
  assertEquals(Object.getOwnPropertyDescriptor(Promise.prototype, "constructor"), native);
});

/** Two functions, side by side, that await; and one that counts microtasks. */
function race(note: Note): void {
  const tick = async (name: string, value: unknown): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await value;
      note(`${name}${i}`);
    }
  };
  void tick("a", Promise.resolve());
  void tick("b", 0);
  let chain = Promise.resolve();
  for (let i = 0; i < 9; i++) chain = chain.then(() => note(`then${i}`));
}

Deno.test("patchAwaits() lets an await of a promise take two microtasks more, and one of a value as many as ever", async () => {
  const { native, outside, inside } = await inAllModes(race);
  const apart = (log: readonly string[]): Record<string, number> => {
    const ticks: Record<string, number> = {};
    let tick = 0;
    for (const entry of log) {
      if (entry.startsWith("then")) tick++;
      else ticks[entry] = tick;
    }
    return ticks;
  };
  assertEquals(apart(native), { a0: 0, b0: 0, a1: 1, b1: 1, a2: 2, b2: 2 });
  // The engine no longer takes the promise for one of its own, and makes another that follows it: that is two more.
  const expected = { b0: 0, b1: 1, b2: 2, a0: 2, a1: 5, a2: 8 };
  assertEquals(apart(outside), expected);
  assertEquals(apart(inside), expected);
});

Deno.test("patchAwaits() leaves the frames that await in stack traces", async () => {
  const program = (note: Note): void => {
    const inner = async (): Promise<never> => {
      await Promise.resolve();
      throw new RangeError("deep inside");
    };
    const middle = async (): Promise<void> => {
      try {
        await inner();
      } finally {
        note("finally");
      }
    };
    const outer = async (): Promise<void> => void await Promise.all([1, middle()]);
    void outer().catch(({ stack }: Error) => note(stack!));
  };
  for (const [mode, log] of Object.entries(await inAllModes(program))) {
    const stack = log.at(-1)!;
    assertStringIncludes(stack, "RangeError: deep inside", mode);
    assertMatch(stack, /at inner .*\n +at async middle .*\n/, mode);
    assertMatch(stack, /at async Promise\.all \(index 1\)\n +at async outer /, mode);
  }
});

Deno.test("patchAwaits() leaves functions of many greenlets that await each other's promises in their places", async () => {
  using _deep = patchAwaits();
  const all = Array.from({ length: 50 }, () => Promise.withResolvers<number>());
  const sums = new Array<number>(50).fill(0);
  const greenlets = all.map(({ resolve }, own) =>
    spawn(async () => {
      resolve(own);
      for (const { promise } of all) sums[own]! += await promise;
    })
  );
  await joinAll(greenlets);
  assertEquals(new Set(sums), new Set([1225]));
});
