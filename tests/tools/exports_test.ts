import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { LAYERS } from "./layers.ts";

const ROOT = new URL("../../", import.meta.url);
const ENTRIES = Object.entries(config.exports);

/** Folders whose names `mod.ts` does not repeat, because they are used on their own. */
const SEPARATE = new Set(["monkey", "testing"]);

Deno.test("deno.json exports mod.ts and each library folder", async () => {
  const folders: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(ROOT)) {
    if (isDirectory && Object.hasOwn(LAYERS, name)) folders.push(name);
  }
  const expected = [".", ...folders.map((folder) => `./${folder}`)];
  const keys = ENTRIES.map(([key]) => key);
  // An entry below a folder, such as ./monkey/auto, is a matter of taste.
  assertEquals(keys.filter((key) => key.split("/").length <= 2).sort(), expected.sort());
});

Deno.test("deno.json names entries after their files", () => {
  for (const [key, path] of ENTRIES) {
    assert([`${key}/mod.ts`, `${key}.ts`].includes(path), `${key} must not be ${path}`);
  }
});

Deno.test("deno.json publishes each library folder", () => {
  for (const [, path] of ENTRIES) {
    const folder = path.split("/").length > 2 ? `${path.split("/")[1]}/` : "mod.ts";
    assert(config.publish.include.includes(folder), `${folder} is not published`);
  }
});

for (const [key, path] of ENTRIES) {
  Deno.test(`${key} can be imported`, async () => {
    const names = Object.keys(await import(new URL(path, ROOT).href));
    assert(names.length > 0, `${path} exports nothing`);
  });
}

Deno.test("mod.ts exports all public names, types included", async () => {
  const all = await publicNames("./mod.ts");
  for (const [key, path] of ENTRIES) {
    if (key === "." || SEPARATE.has(key.split("/")[1] ?? "")) continue;
    const missing = [...await publicNames(path)].filter((name) => !all.has(name));
    assertEquals(missing, [], `mod.ts lacks names of ${path}`);
  }
});

async function publicNames(path: string): Promise<Set<string>> {
  const file = new URL(path, ROOT);
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", fileURLToPath(file)],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  const doc: DocOutput = JSON.parse(new TextDecoder().decode(stdout));
  return new Set(doc.nodes[file.href]?.symbols.map((symbol) => symbol.name));
}

interface DocOutput {
  nodes: Record<string, { symbols: { name: string }[] }>;
}
