import { assert, assertEquals, assertThrows } from "@std/assert";
import { Evaluator, isIncomplete } from "../../net/_evaluator.ts";

/** What comes of each line, in one session: a value, or `!` and an error. */
async function typed(...lines: string[]): Promise<unknown[]> {
  const evaluator = new Evaluator({ five: 5, list: [1, 2, 3] });
  const results: unknown[] = [];
  for (const line of lines) {
    try {
      const { value, awaited } = evaluator.evaluate(line);
      const result = awaited ? await value : value;
      if (result !== undefined) evaluator.remember(result);
      results.push(result);
    } catch (error) {
      results.push(`!${error}`);
    }
  }
  return results;
}

/** Registers a test of lines, each with what comes of it. */
function typedTest(
  name: string,
  session: readonly (readonly [line: string, result: unknown])[],
): void {
  Deno.test(name, async () => {
    const results = await typed(...session.map(([line]) => line));
    for (const [i, [line, expected]] of session.entries()) assertEquals(results[i], expected, line);
  });
}

typedTest("Evaluator gives the value of expressions and of statements", [
  ["five + 1", 6],
  ["1; 2;", 2],
  ["if (five) { 'yes' } else { 'no' }", "yes"],
  ["for (let i = 0; i < 3; i++) i", 2],
  ["{ a: 1, b: { c: 2 } }", { a: 1, b: { c: 2 } }],
  ["{ let inner = 1; inner + 1 }", 2],
  ["inner", "!ReferenceError: inner is not defined"],
  ["{}", {}],
  ["/* before */ 5 // after", 5],
  ["", undefined],
  [";", undefined],
  ["typeof nothing", "undefined"],
  ["this === globalThis", true],
]);

typedTest("Evaluator keeps declarations from line to line, and lets them be made anew", [
  ["const a = 1, b = 2", undefined],
  ["a + b", 3],
  ["const a = 10; a", 10],
  ["let n = 0; function inc() { n++ }", undefined],
  ["inc(); n", 1],
  ["n = 5", undefined],
  ["inc(); n", 6],
  ["class Point { x = 1 } new Point().x", 1],
  ["class Point { x = 2 }", undefined],
  ["new Point().x", 2],
  ["const { x, y: [z] = [7] } = { x: 3 }; x + z", 10],
  ["let later", undefined],
  ["later", undefined],
  ["var f = () => n; f()", 6],
]);

typedTest("Evaluator has variables of its own, which are not those of the program", [
  ["name = 'own'", undefined],
  ["name + globalThis.name", "own"],
  ["const fetch = 1; fetch + typeof globalThis.fetch", "1function"],
  ["const async = 2, of = 3; async + of", 5],
]);

typedTest("Evaluator awaits anywhere, and keeps what is declared there", [
  ["await 3", 3],
  ["await 1, await 2", 2],
  ["const w = await 5; w + 1", 6],
  ["w", 6 - 1],
  [
    "const { p, q: [r, s = await 2], 't': u, [`v`]: v, ...rest } = await { p: 1, q: [3], t: 4, v: 5, z: 6 }",
    undefined,
  ],
  ["[p, r, s, u, v, rest]", [1, 3, 2, 4, 5, { z: 6 }]],
  ["let [h, , k = await 4] = [1, 2], m = await 9", undefined],
  ["[h, k, m]", [1, 4, 9]],
  ["x = await 7", 7],
  ["x", 7],
  ["'x' in globalThis", false],
  ["total = 0; for (const i of await list) total += i", undefined],
  ["total", 6],
  ["async function g() { return await 6 } await g()", 6],
  ["await g() + 1", 7],
  ["class C { static async m() { return await 1 } } await C.m()", 1],
  ["C.name", "C"],
  ["await 0; function* gen() { yield 2 } [...gen()]", [2]],
  ["[...gen()]", [2]],
  ["{ a: await 1 }", { a: 1 }],
  ["if (await true) { total = 77 }", undefined],
  ["total", 77],
  ["await 8 // a comment", 8],
  ["list.map(async (v) => await v).length", 3],
  ["const o = { await: 2, async m() { await 1; return 4 } }; o.await + await o.m()", 6],
  ["(await import('node:path')).posix.sep", "/"],
  ["await (async () => { throw new Error('inside') })()", "!Error: inside"],
  ["await 1; return 5", 5],
  ["await 1; using d = { [Symbol.dispose]() { x = 'disposed' } }", undefined],
  ["x", "disposed"],
]);

typedTest("Evaluator has the last value in _", [
  ["_", undefined],
  ["six = five + 1; six", 6],
  ["_ * 7", 42],
  ["await _", 42],
  ["undefined", undefined],
  ["_", 42],
]);

typedTest("Evaluator throws what is wrong with a text, and what that throws, and goes on", [
  ["(a b)", "!SyntaxError: Unexpected identifier 'b'"],
  ["}", "!SyntaxError: Unexpected token '}'"],
  ["'abc", "!SyntaxError: Invalid or unexpected token"],
  ["await await", "!SyntaxError: Unexpected token '}'"],
  ["const = 5", "!SyntaxError: Unexpected token '='"],
  ["return 5", "!SyntaxError: Illegal return statement"],
  ["throw new TypeError('x')", "!TypeError: x"],
  [
    "JSON.parse('{')",
    "!SyntaxError: Expected property name or '}' in JSON at position 1 (line 1 column 2)",
  ],
  ["1 +", "!SyntaxError: Unexpected token '}'"],
  ["five", 5],
]);

typedTest("Evaluator is not misled by strings, templates, comments and regular expressions", [
  ["/re[/]x/.test('re/x')", true],
  ["4 / 2 / 1", 2],
  ["five / list.length > 1 /* / */ ? /let x = 1; {/ : 0", /let x = 1; {/],
  ["`t${`n${ { a: 1 }.a }`}; let x = {`", "tn1; let x = {"],
  ["'; const y = (' + \"; let z = {\"", "; const y = (; let z = {"],
  ["'it\\'s; ' + `a\\`b`", "it's; a`b"],
  ["if (five) /a/.test('a')", true],
  ["let j = 3; { } /3/.test(j)", true],
  ["j++ / 1", 3],
  ["const q = {}; /x/.test('x')", true],
]);

Deno.test("Evaluator gives each its own variables, and copies none back", () => {
  const locals = { shared: 1 };
  const [first, second] = [new Evaluator(locals), new Evaluator(locals)];
  first.evaluate("shared = 2; own = 3");
  assertEquals(first.evaluate("shared").value, 2);
  assertEquals(second.evaluate("[shared, typeof own]").value, [1, "undefined"]);
  assertEquals(locals, { shared: 1 });
});

Deno.test("Evaluator refuses names that cannot be those of variables", () => {
  for (const name of ["a-b", "1st", "", "class", "a} = 0; var {b", "__repl"]) {
    assertThrows(() => new Evaluator({ [name]: 1 }), TypeError, Deno.inspect([name]));
  }
  assertEquals(new Evaluator({ größe: 1, $: 2 }).evaluate("größe + $").value, 3);
});

Deno.test("isIncomplete() sees what must go on", () => {
  const incomplete = [
    ...[
      "1 +",
      "foo(",
      "[1,",
      "{",
      "function f() {",
      "`a${",
      "`a",
      "/* x",
      "x =>",
      "a ?",
      "a.",
      "!",
    ],
    ...["if (x) {", "const a =", "foo({ a: `${b}`,", "class A {", "await foo(", "f(function () {"],
  ];
  for (const source of incomplete) assert(isIncomplete(source), source);
  const complete = [
    ...["", "1", "a++", "a--", "foo()", "'('", '"{"', "`(`", "/(/", "// (", "/* ( */", "{}", "a;"],
    ...["(a b)", ")", "}", "'abc", "`${1}`", "x / 2", "@", "function f() {\n}", "foo(\n)"],
  ];
  for (const source of complete) assert(!isIncomplete(source), source);
});
