import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { original } from "../../core/originals.ts";
import { getOriginal, isPatched, Patcher, unpatch } from "../../monkey/registry.ts";

interface Things {
  method: { (a: number, b?: number): number; extra?: string };
  accessor: () => string;
  inherited?: () => string;
  value: number;
}

/** An object with properties of all kinds, as the runtime has them. */
function makeThings(): Things {
  const things = Object.create({ inherited: () => "inherited" }) as Things;
  let accessed = (): string => "accessed";
  Object.defineProperties(things, {
    method: {
      value: Object.assign(function method(a: number, b = 1) {
        return a + b;
      }, { extra: "extra", [Symbol.for("more")]: "more" }),
      writable: true,
      configurable: true,
      enumerable: false,
    },
    accessor: {
      get: () => accessed,
      set: (value) => accessed = value,
      configurable: true,
      enumerable: true,
    },
    fixed: { value: () => "fixed", writable: false, configurable: false },
  });
  return things;
}

function patchThings(things: Things, warnings: string[] = [], surface = "things"): Patcher {
  const patcher = new Patcher(surface, { onWarning: (message) => warnings.push(message) });
  patcher.method(things, "method", "things.method", (method) => (a: number) => method(a) * 10);
  patcher.method(things, "accessor", "things.accessor", () => () => "patched");
  patcher.method(things, "inherited", "things.inherited", () => () => "patched");
  return patcher;
}

Deno.test("Patcher.method() makes functions that look like the original ones", () => {
  const things = makeThings();
  const before = things.method;
  using _patches = patchThings(things).patches;
  assertEquals(things.method(1), 20);
  assert(things.method !== before);
  assertEquals([things.method.name, things.method.length], ["method", 1]);
  assertEquals(things.method.extra, "extra");
  assertEquals((things.method as unknown as Record<symbol, string>)[Symbol.for("more")], "more");
  assertEquals(things.accessor(), "patched");
  assertEquals(Object.keys(things), ["accessor"]);
});

Deno.test("Patches.unpatch() puts descriptors back exactly", () => {
  const things = makeThings();
  const before = Object.getOwnPropertyDescriptors(things);
  const { patches } = patchThings(things);
  assertEquals(patches.names, ["things.method", "things.accessor", "things.inherited"]);
  assertEquals(things.inherited!(), "patched");
  patches.unpatch();
  patches.unpatch();
  assertEquals(Object.getOwnPropertyDescriptors(things), before);
  assertStrictEquals(
    Object.getOwnPropertyDescriptor(things, "accessor")!.get,
    (before as unknown as Record<string, PropertyDescriptor>)["accessor"]!.get,
  );
  assertEquals([things.inherited!(), things.accessor()], ["inherited", "accessed"]);
});

Deno.test("Patcher.method() leaves a property as changeable as it was", () => {
  const things = {} as { fixed: () => string };
  const before = { value: () => "fixed", writable: false, enumerable: false, configurable: true };
  Object.defineProperty(things, "fixed", before);
  const patcher = new Patcher("things");
  patcher.method(things, "fixed", "things.fixed", () => () => "patched");
  const { value: _value, ...flags } = before;
  const { value, ...after } = Object.getOwnPropertyDescriptor(things, "fixed")!;
  assertEquals([value(), after], ["patched", flags]);
  patcher.patches.unpatch();
  assertEquals(Object.getOwnPropertyDescriptor(things, "fixed"), before);
});

Deno.test("Patching twice does nothing, and takes nothing back", () => {
  const things = makeThings();
  using first = patchThings(things).patches;
  const { method } = things;
  {
    using second = patchThings(things, [], "other").patches;
    assertEquals(second.names, []);
    assertStrictEquals(things.method, method);
  }
  assertStrictEquals(things.method, method);
  assertEquals(first.names.length, 3);
});

Deno.test("Patches.unpatch() leaves alone what somebody else has replaced since", () => {
  const things = makeThings();
  const warnings: string[] = [];
  const { patches } = patchThings(things, warnings);
  const theirs = Object.assign((a: number) => a, {});
  things.method = theirs;
  patches.unpatch();
  assertStrictEquals(things.method, theirs);
  assertEquals(warnings, [
    "Cannot put things.method back as somebody else has replaced it since it was patched",
  ]);
  assertEquals([isPatched("things.method"), things.accessor()], [false, "accessed"]);
});

Deno.test("A patched function can be assigned to, as the original could", () => {
  const things = makeThings();
  const warnings: string[] = [];
  using _patches = patchThings(things, warnings).patches;
  const mine = (): string => "mine";
  things.accessor = mine;
  assertStrictEquals(things.accessor, mine);
});

Deno.test("isPatched() tells by surface, by name, and by the function itself", () => {
  const things = makeThings();
  const before = things.method;
  assertEquals(isPatched(), false);
  const { patches } = patchThings(things);
  assertEquals(
    [undefined, "things", "things.method", things.method].map((what) => isPatched(what)),
    [true, true, true, true],
  );
  assertEquals(["other", "things.other", before].map((what) => isPatched(what)), [
    false,
    false,
    false,
  ]);
  patches.unpatch();
  assertEquals([isPatched(), isPatched("things"), isPatched(things.method)], [false, false, false]);
});

Deno.test("getOriginal() tells what was there, patched or not", () => {
  const things = makeThings();
  const { method, accessor } = things;
  assertStrictEquals(getOriginal(method), method);
  const { patches } = patchThings(things);
  const patched = things.method;
  assertStrictEquals(getOriginal(patched), method);
  assertStrictEquals(getOriginal("things.method"), method);
  assertStrictEquals(getOriginal("things.accessor"), accessor);
  assertEquals((getOriginal("things.inherited") as () => string)(), "inherited");
  patches.unpatch();
  assertStrictEquals(getOriginal(patched), method);
  assertStrictEquals(getOriginal("Deno.connect"), Deno.connect);
  assertThrows(() => getOriginal("things.method"), TypeError, "things.method");
});

Deno.test("original() gives the library what is not patched", () => {
  const things = makeThings();
  const { method, accessor } = things;
  assertStrictEquals(original(things, "method"), method);
  const { patches } = patchThings(things, []);
  assertStrictEquals(original(things, "method"), method);
  assertStrictEquals(original(things, "accessor"), accessor);
  assertEquals(original(things, "inherited")!(), "inherited");
  const over = (): string => "somebody else's";
  things.accessor = over;
  assertStrictEquals(original(things, "accessor"), over);
  patches.unpatch();
  const stub = Object.assign((a: number) => a, {});
  things.method = stub;
  assertStrictEquals(original(things, "method"), stub);
});

Deno.test("unpatch() takes back everything, a surface, or one by its name", () => {
  const [one, other] = [makeThings(), makeThings()];
  const patchBoth = (): void => {
    patchThings(one, [], "one");
    patchThings(other, [], "other");
  };
  patchBoth();
  unpatch("one");
  assertEquals([isPatched("one"), isPatched("other")], [false, true]);
  unpatch("things.method");
  assertEquals([other.method(1), other.accessor()], [2, "patched"]);
  patchBoth();
  unpatch();
  assertEquals([isPatched(), one.method(1), other.accessor()], [false, 2, "accessed"]);
});

Deno.test("Patcher.method() warns of what cannot be changed, and skips what is not there", () => {
  const things = makeThings() as unknown as Record<string, () => string>;
  const warnings: string[] = [];
  const patcher = new Patcher("things", { onWarning: (message) => warnings.push(message) });
  patcher.method(things, "fixed", "things.fixed", () => () => "patched");
  patcher.method(things, "missing", "things.missing", () => () => "patched");
  assertEquals([patcher.patches.names, things["fixed"]!()], [[], "fixed"]);
  assertEquals(warnings, ["Cannot patch things.fixed as somebody has made it unchangeable"]);
});

Deno.test("Patcher.accessor() replaces one function of an accessor and keeps the other", () => {
  const things = makeThings();
  const before = Object.getOwnPropertyDescriptor(things, "accessor");
  const patcher = new Patcher("things");
  patcher.accessor(things, "accessor", "things.accessor", ({ get }) => ({
    get: () => () => `patched ${get!()()}`,
  }));
  assertEquals(things.accessor(), "patched accessed");
  things.accessor = () => "assigned";
  assertEquals(things.accessor(), "patched assigned");
  patcher.patches.unpatch();
  assertEquals(Object.getOwnPropertyDescriptor(things, "accessor"), before);
  assertEquals(things.accessor(), "assigned");
});

Deno.test("isPatched() and getOriginal() know the functions of accessors", () => {
  class Thing {
    #value = "value";
    get value(): string {
      return this.#value;
    }
    set value(value: string) {
      this.#value = value;
    }
  }
  const { prototype } = Thing;
  const functions = (): [unknown, unknown] => {
    const { get, set } = Object.getOwnPropertyDescriptor(prototype, "value")!;
    return [get, set];
  };
  const [get, set] = functions() as [() => string, () => void];
  const patcher = new Patcher("things");
  patcher.accessor(prototype, "value", "Thing.prototype.value", () => ({
    get() {
      return "patched";
    },
  }));
  const [patched, same] = functions() as [() => string, () => void];
  assertEquals([new Thing().value, patched.name, same], ["patched", get.name, set]);
  assertEquals([patched, same, get].map((fn) => isPatched(fn)), [true, false, false]);
  assertStrictEquals(getOriginal(patched), get);
  assertStrictEquals(getOriginal("Thing.prototype.value"), get); // which cannot be called on the prototype
  patcher.patches.unpatch();
  assertEquals([isPatched(patched), functions()], [false, [get, set]]);
  assertStrictEquals(getOriginal(patched), get);
});

Deno.test("getOriginal() does not look at what an accessor of a class says", () => {
  const { get } = Object.getOwnPropertyDescriptor(Deno.ChildProcess.prototype, "status")!;
  assertStrictEquals(getOriginal("Deno.ChildProcess.prototype.status"), get);
});

Deno.test("Patcher.change() makes a change once, and takes it back", () => {
  const log: string[] = [];
  const change = (patcher: Patcher): void =>
    patcher.change("things.hook", () => {
      log.push("made");
      return () => log.push("taken back");
    });
  const patcher = new Patcher("things");
  change(patcher);
  change(new Patcher("things"));
  assert(isPatched("things.hook"));
  patcher.patches.unpatch();
  assertEquals(log, ["made", "taken back"]);
});

Deno.test("Patcher refuses options that are none", () => {
  assertThrows(() => new Patcher("things", 5 as never), TypeError);
});
