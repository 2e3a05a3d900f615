import { assertEquals } from "@std/assert";
import { dirname, join } from "node:path";
import { checkLayers } from "./check_layers.ts";

/** Runs the check on a temporary tree with the given files. */
async function check(files: Record<string, string>): Promise<string[]> {
  // deno info reports real paths, which differ from the temporary one where /tmp is a link.
  const root = await Deno.realPath(await Deno.makeTempDir());
  try {
    for (const [path, source] of Object.entries(files)) {
      await Deno.mkdir(dirname(join(root, path)), { recursive: true });
      await Deno.writeTextFile(join(root, path), source);
    }
    return await checkLayers(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const leaf = "export const a = 1;\nexport type A = number;\n";

Deno.test("checkLayers() accepts imports that go down", async () => {
  const problems = await check({
    "mod.ts": `export * from "./http/server.ts";\nexport * from "./core/mod.ts";`,
    "core/mod.ts": `export * from "./hub.ts";`,
    "core/hub.ts": `import "node:async_hooks";\nexport * from "./inner/heap.ts";`,
    "core/inner/heap.ts": leaf,
    "sync/event.ts": `import { a } from "../core/hub.ts";`,
    "http/server.ts": `import "../sync/event.ts";\nimport type { A } from "../core/hub.ts";`,
  });
  assertEquals(problems, []);
});

Deno.test("checkLayers() reports imports that go up or sideways", async () => {
  const problems = await check({
    "mod.ts": leaf,
    "core/a.ts": `import "../sync/event.ts";`,
    "core/b.ts": `import type { A } from "../net/socket.ts";`,
    "core/c.ts": `export * from "../mod.ts";`,
    "sync/event.ts": leaf,
    "sync/queue.ts": `await import("../net/socket.ts");`,
    "net/socket.ts": leaf,
    "testing/virtual.ts": `export type { A } from "../sync/event.ts";`,
  });
  assertEquals(problems, [
    "core/a.ts must not import sync/event.ts",
    "core/b.ts must not import net/socket.ts",
    "core/c.ts must not import mod.ts",
    "sync/queue.ts must not import net/socket.ts",
    "testing/virtual.ts must not import sync/event.ts",
  ]);
});

Deno.test("checkLayers() reports imports of files that are not in the library", async () => {
  const problems = await check({
    "core/a.ts": `import "../tests/helpers/x.ts";`,
    "tests/helpers/x.ts": `import "../../core/a.ts";`,
  });
  assertEquals(problems, ["core/a.ts must not import tests/helpers/x.ts"]);
});

Deno.test("checkLayers() reports each circle once", async () => {
  const problems = await check({
    "core/a.ts": `import "./b.ts";`,
    "core/b.ts": `import "./c.ts";`,
    "core/c.ts": `import "./a.ts";`,
    "core/self.ts": `import "./self.ts";`,
  });
  assertEquals(problems, [
    "Circular import: core/a.ts -> core/b.ts -> core/c.ts -> core/a.ts",
    "Circular import: core/self.ts -> core/self.ts",
  ]);
});

Deno.test("checkLayers() allows circles through types and import()", async () => {
  const problems = await check({
    "core/a.ts": `import "./b.ts";\nimport "./c.ts";\n${leaf}`,
    "core/b.ts": `import type { A } from "./a.ts";`,
    "core/c.ts": `await import("./a.ts");`,
  });
  assertEquals(problems, []);
});
