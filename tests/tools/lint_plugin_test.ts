import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import plugin from "./lint_plugin.ts";

/** Lints `source` as the file `path` of the repository and returns the ids of the broken rules. */
function lint(path: string, source: string): string[] {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  return Deno.lint.runPlugin(plugin, file, source).map((found) => found.id.replace("house/", ""));
}

function assertClean(path: string, ...sources: string[]): void {
  for (const source of sources) assertEquals(lint(path, source), [], `${path}: ${source}`);
}

function assertBroken(rule: string, path: string, ...sources: string[]): void {
  for (const source of sources) assertEquals(lint(path, source), [rule], `${path}: ${source}`);
}

Deno.test("library-imports allows only relative and node: specifiers", () => {
  assertClean(
    "net/socket.ts",
    `import { a } from "./address.ts";`,
    `import type { A } from "../core/greenlet.ts";`,
    `import { AsyncLocalStorage } from "node:async_hooks";`,
    `export * from "./address.ts";`,
    `const m = await import("./address.ts");`,
    `const m = await import(name);`,
  );
  assertBroken(
    "library-imports",
    "net/socket.ts",
    `import { a } from "@gevent/deno";`,
    `import type { A } from "@gevent/deno";`,
    `import fc from "fast-check";`,
    `import x from "npm:x@1";`,
    `import x from "https://example.com/x.ts";`,
    `import { AsyncLocalStorage } from "async_hooks";`,
    `export { a } from "@std/assert";`,
    `export * from "@std/assert";`,
    `const m = await import("@std/assert");`,
  );
});

Deno.test("library-imports applies to mod.ts but not to tests and examples", () => {
  assertBroken("library-imports", "mod.ts", `export * from "@std/assert";`);
  assertClean("tests/core/x_test.ts", `import { assert } from "@std/assert";`);
  assertClean("examples/x.ts", `import { assert } from "@std/assert";`);
});

Deno.test("no-private-imports keeps _files inside their folder", () => {
  assertClean("net/socket.ts", `import { a } from "./_gate.ts";`);
  assertBroken(
    "no-private-imports",
    "net/socket.ts",
    `import { a } from "../core/_heap.ts";`,
    `import { a } from "./inner/_heap.ts";`,
    `export { a } from "../core/_heap.ts";`,
  );
});

Deno.test("no-barrel-imports allows barrels to use barrels only", () => {
  assertClean("mod.ts", `export { a } from "./core/mod.ts";`);
  assertClean("net/mod.ts", `export * from "./socket.ts";`);
  assertBroken("no-barrel-imports", "net/socket.ts", `import { a } from "../core/mod.ts";`);
  assertBroken("no-barrel-imports", "net/socket.ts", `import { a } from "./mod.ts";`);
});

Deno.test("no-raw-timers forbids timers outside the clock and the hub", () => {
  const sources = [
    `setTimeout(f, 1);`,
    `globalThis.setInterval(f, 1);`,
    `setImmediate(f);`,
    `queueMicrotask(f);`,
    `AbortSignal.timeout(1);`,
    `import { setTimeout as sleep } from "node:timers/promises";`,
  ];
  assertBroken("no-raw-timers", "core/timeout.ts", ...sources);
  assertClean("core/clock.ts", ...sources);
  assertClean("net/_read_gate.ts", ...sources);
  assertClean("tests/core/hub_test.ts", ...sources);
  assertClean("core/timeout.ts", `hub.setTimeout(f, 1);`, `clearTimeout(id);`);
});

Deno.test("no-promise-race forbids Promise.race() in the library", () => {
  assertBroken("no-promise-race", "core/wait.ts", `await Promise.race([a, b]);`);
  assertClean("core/wait.ts", `await Promise.all([a, b]);`, `race.start();`);
  assertClean("tests/core/wait_test.ts", `await Promise.race([a, b]);`);
});

Deno.test("error-message forbids a final period", () => {
  assertBroken(
    "error-message",
    "core/timeout.ts",
    `throw new Error("Cannot wait.");`,
    "throw new RangeError(`Cannot wait for ${ms} ms.`);",
    `throw new errors.WaitError("Cannot wait.");`,
  );
  assertClean(
    "core/timeout.ts",
    `throw new Error("Cannot wait");`,
    "throw new RangeError(`Cannot wait: received ${ms}`);",
    `throw new Error(message);`,
    `const list = new List("Cannot wait.");`,
  );
});
