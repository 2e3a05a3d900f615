import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { isPassedByOwnCode } from "../../monkey/_call_sites.ts";
import { runScript } from "../helpers/script.ts";
import { withFolder } from "../helpers/unix_sockets.ts";

type Callback = () => unknown;
type Check = (callback: Callback) => boolean;

/** What a patched function does with what it is passed. */
const check: Check = (callback) => isPassedByOwnCode(callback, check);

/** Runs a function with a function of a package that passes on what it is given. */
async function withPackage(
  fn: (pass: (check: Check, callback: Callback) => boolean) => void,
): Promise<void> {
  await withFolder(async (folder) => {
    const path = join(folder, "node_modules", "some");
    await Deno.mkdir(path, { recursive: true });
    const file = join(path, "index.mjs");
    await Deno.writeTextFile(file, "export const pass = (check, callback) => check(callback);");
    const { pass } = await import(pathToFileURL(file).href);
    fn(pass);
  });
}

Deno.test("isPassedByOwnCode() tells the program from its packages", async () => {
  await withPackage((pass) => {
    const [own, others]: Callback[] = [() => "own", () => "the package's"];
    const answers = Array.from({ length: 300 }, () => [check(own!), pass(check, others!)]);
    assertEquals(new Set(answers.map(String)), new Set(["true,false"]));
  });
});

Deno.test("isPassedByOwnCode() trusts no words that both have written", async () => {
  await withPackage((pass) => {
    const make = (): Callback => () => "the same words";
    check(make());
    pass(check, make()); // may be taken for the program's
    pass(check, make()); // is found out
    const answers = Array.from({ length: 10 }, () => [check(make()), pass(check, make())]);
    assertEquals(new Set(answers.map(String)), new Set(["true,false"]));
  });
});

Deno.test("isPassedByOwnCode() finds out later, too, that both have written the same", async () => {
  await withPackage((pass) => {
    const make = (): Callback => () => "the same words again";
    for (let i = 0; i < 1000; i++) check(make());
    const answers = Array.from({ length: 300 }, () => pass(check, make()));
    assertEquals(answers.slice(200).includes(true), false);
  });
});

Deno.test("isPassedByOwnCode() takes nothing for the program's when it cannot be told", async () => {
  const { stdout, stderr } = await runScript(`
    import { isPassedByOwnCode } from "@/monkey/_call_sites.ts";
    Object.freeze(Error);
    const check = (callback) => isPassedByOwnCode(callback, check);
    console.log(check(() => {}));
  `);
  assertEquals([stdout, stderr], ["false\n", ""]);
});

Deno.test("isPassedByOwnCode() tells long functions apart", async () => {
  await withPackage((pass) => {
    const body = " // and so on".repeat(50);
    const make = (code: string): Callback => new Function(`return function() {${code}\n}`)();
    assertEquals([check(make(body)), pass(check, make(`${body} 1`))], [true, false]);
  });
});
