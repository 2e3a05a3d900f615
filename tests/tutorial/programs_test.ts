import { assertEquals, assertStringIncludes } from "@std/assert";
import { startScript } from "../helpers/script.ts";

const EXAMPLES = new URL("../../examples/tutorial/", import.meta.url);
const NAMES = [...Deno.readDirSync(EXAMPLES)].map((entry) => entry.name)
  .filter((name) => !name.endsWith(".d.ts"));

/** Runs an example the way its readers do. */
async function run(name: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", new URL(name, EXAMPLES).href],
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("All examples are in a golden test", async () => {
  const tests = new URL("./", import.meta.url);
  let sources = "";
  for (const { name } of Deno.readDirSync(tests)) {
    sources += await Deno.readTextFile(new URL(name, tests));
  }
  const missing = NAMES.filter((name) => !sources.includes(`"../../examples/tutorial/${name}"`));
  assertEquals(missing, []);
});

Deno.test(
  "switching.ts, queues.ts and raw_greenlets.ts run by themselves",
  { timeout: 30_000 },
  async () => {
    const [switching, queues, rawGreenlets] = await Promise.all(
      ["switching.ts", "queues.ts", "raw_greenlets.ts"].map(run),
    );
    assertEquals(switching, {
      code: 0,
      stdout: "Running in foo\n" +
        "Explicit context to bar\n" +
        "Explicit context switch to foo again\n" +
        "Implicit context switch back to bar\n",
      stderr: "",
    });
    assertEquals([queues!.code, queues!.stderr], [0, ""]);
    assertEquals(queues!.stdout.split("\n").length, 24 + 3 + 1);
    assertEquals(rawGreenlets, { code: 0, stdout: "f1 1\nf2 1\nf1 2\nf2 2\nf1 3\n", stderr: "" });
  },
);

Deno.test("greenlet_state.ts writes the error to stderr only", { timeout: 30_000 }, async () => {
  const { code, stdout, stderr } = await run("greenlet_state.ts");
  assertEquals(code, 0);
  assertEquals(
    stdout,
    "true\ntrue\nYou win!\nundefined\ntrue\ntrue\ntrue\nfalse\nYou fail at failing.\n",
  );
  assertStringIncludes(stderr, "Error: You fail at failing.\n    at ");
});

Deno.test("program_shutdown.ts ends at once on SIGQUIT", {
  ignore: Deno.build.os === "windows",
  timeout: 30_000,
}, async () => {
  await using script = startScript(`
    import programShutdown from "@/examples/tutorial/program_shutdown.ts";
    import { main, spawn } from "@/mod.ts";

    main(programShutdown);
    spawn(() => console.log("ready"));
  `);
  await script.line("ready");
  script.kill("SIGQUIT");
  assertEquals(await script.end(), { code: 0, signal: null, stdout: "ready\n", stderr: "" });
});

Deno.test("actors.ts ends on SIGINT, however busy it is", {
  ignore: Deno.build.os === "windows",
  timeout: 30_000,
}, async () => {
  await using script = startScript(`
    import actors from "@/examples/tutorial/actors.ts";
    import { main } from "@/mod.ts";

    main(actors);
  `);
  await script.line("pong");
  script.kill("SIGINT");
  const { code, signal, stderr } = await script.end();
  assertEquals([code, signal, stderr], [0, null, ""]);
});
