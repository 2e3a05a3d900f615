import { assert, assertEquals } from "@std/assert";

/** A way of patching. */
interface Way {
  /** What is loaded before the tests. */
  readonly preloads: readonly string[];
  /** Folders and files of tests that are not run. */
  readonly leftOut: readonly string[];
}

/** Tests of patching itself, which begin with nothing patched; and some that take long and say nothing more of patches. */
const ALWAYS_LEFT_OUT = ["tests/monkey/", "tests/soak/", "tests/core/million_test.ts"];
/** Where everything is that does I/O. */
const IO = ["bench", "docs", "examples", "http", "net", "tools", "tutorial"].map((folder) =>
  `tests/${folder}/`
);

/** It puts values of its own where the current scope is, of which patched functions know nothing. */
const CONTEXT = "tests/core/context_test.ts";
/** It has greenlets killed at awaits of promises from elsewhere, where they live on unless awaits are patched. */
const ADOPT = "tests/core/adopt_test.ts";
/** The programs of the chapter on patching show what is there before. */
const CHAPTERS = ["tests/tutorial/chapters_test.ts", "tests/tutorial/monkey_test.ts"];

/** What is patched while the library's own tests run, and how. */
const WAYS: Record<string, Way> = {
  "patchAwaits()": { preloads: ["tests/monkey/preload_awaits.ts"], leftOut: [...IO, ADOPT] },
  "patchAll()": { preloads: ["monkey/auto.ts"], leftOut: [CONTEXT, ...CHAPTERS] },
  "patchAll() with patchAwaits()": {
    preloads: ["monkey/auto.ts", "tests/monkey/preload_awaits.ts"],
    leftOut: [CONTEXT, ADOPT, ...CHAPTERS],
  },
};

for (const [what, { preloads, leftOut }] of Object.entries(WAYS)) {
  Deno.test({
    name: `${what} leaves the library's own tests passing`,
    ignore: Deno.env.has("GEVENT_INNER_TEST"),
    async fn() {
      const output = await new Deno.Command(Deno.execPath(), {
        args: [
          "test",
          "-A",
          "--no-check",
          "--parallel",
          "--reporter=dot",
          `--ignore=${[...ALWAYS_LEFT_OUT, ...leftOut].join()}`,
          ...preloads.map((file) => `--preload=${new URL(`../../${file}`, import.meta.url).href}`),
          "tests/",
        ],
        cwd: new URL("../../", import.meta.url),
        env: { NO_COLOR: "1", GEVENT_INNER_TEST: "1" },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).output();
      const text = new TextDecoder().decode(output.stdout);
      const summary = /\| (\d+) passed .*\| (\d+) failed/.exec(text);
      assert(summary !== null, `The tests did not come to an end:\n${text}`);
      assertEquals([Number(summary[2]), output.code], [0, 0], text);
      assert(Number(summary[1]) > 2000);
    },
  });
}
