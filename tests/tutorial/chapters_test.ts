import { assertEquals } from "@std/assert";
import { lines, printed, printedVirtually } from "../helpers/printed.ts";

const CHAPTERS = new URL("../../docs/tutorial/", import.meta.url);
const ROOT = new URL("../../", import.meta.url).href;

/** A program, and the output that follows it. */
const EXAMPLE = /^```ts\n((?:(?!```).*\n)*)```\n\n```text\n((?:(?!```).*\n)*)```$/gm;
/** What does I/O, or brings virtual time of its own. */
const IN_REAL_TIME = /runVirtual|patch\w+\(|Deno\.serve\(|Server\(|socketPair\(|Deno\.listen\(/;
const IMPORT = /^import [^;]*;\n/gm;

/** Makes a function of a program. */
async function toFunction(code: string): Promise<() => Promise<void>> {
  const imports = (code.match(IMPORT) ?? []).join("")
    .replaceAll('"@gevent/deno"', `"${ROOT}mod.ts"`)
    .replaceAll(/"@gevent\/deno\/(\w+)"/g, `"${ROOT}$1/mod.ts"`);
  const source = `${imports}export default async () => {${code.replaceAll(IMPORT, "")}};`;
  const module = await import(`data:application/typescript,${encodeURIComponent(source)}`);
  return module.default;
}

for (const { name } of Deno.readDirSync(CHAPTERS)) {
  const text = Deno.readTextFileSync(new URL(name, CHAPTERS));
  const examples = [...text.matchAll(EXAMPLE)];
  if (examples.length === 0) continue;
  Deno.test(`${name} shows what its programs print`, { timeout: 30_000 }, async () => {
    for (const [_, code = "", output = ""] of examples) {
      const program = await toFunction(code);
      const run = IN_REAL_TIME.test(code) ? printed : printedVirtually;
      const { stdout } = await run(program);
      assertEquals(stdout, lines(output), code);
    }
  });
}
