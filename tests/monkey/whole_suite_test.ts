import { assert, assertEquals } from "@std/assert";

/** A way of patching. */
interface Way {
  /** What is loaded before the tests. */
  readonly preloads: readonly string[];
  /** Tests that say what is not so any more, by intention. */
  readonly leftOut: readonly string[];
}

/** It puts values of its own where the current scope is, of which patched functions know nothing. */
const CONTEXT = "tests/core/context_test.ts";
/** It has greenlets killed at awaits of promises from elsewhere, where they live on unless awaits are patched. */
const ADOPT = "tests/core/adopt_test.ts";

/** It takes minutes, and says nothing of patches that others do not. */
const MILLION = "tests/core/million_test.ts";

/** What is patched while the library's own tests run, and how. */
const WAYS: Record<string, Way> = {
  "patchAwaits()": { preloads: ["tests/monkey/preload_awaits.ts"], leftOut: [ADOPT] },
  "patchAll()": { preloads: ["monkey/auto.ts"], leftOut: [CONTEXT] },
  "patchAll() with patchAwaits()": {
    preloads: ["monkey/auto.ts", "tests/monkey/preload_awaits.ts"],
    leftOut: [CONTEXT, ADOPT],
  },
};

/** Where everything is that waits without any I/O. */
const FOLDERS = ["core", "sync", "contract", "testing"];

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
          `--ignore=${[MILLION, ...leftOut].join()}`,
          ...preloads.map((file) => `--preload=${new URL(`../../${file}`, import.meta.url).href}`),
          ...FOLDERS.map((folder) => `tests/${folder}/`),
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
