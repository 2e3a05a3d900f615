import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { main } from "../../core/main.ts";
import { runScript, startScript } from "../helpers/script.ts";

/** A test that starts processes. */
function scriptTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, timeout: 60_000 });
}

const onUnix = Deno.build.os !== "windows";

Deno.test("main() refuses what cannot be called", () => {
  assertThrows(() => main(5 as never), TypeError, "received 5");
});

scriptTest(
  "main() ends with code 0 when the function returns, and leaves nothing behind",
  async () => {
    const { code, stdout, stderr } = await runScript(`
    import { getCurrent, main, sleep } from "@/mod.ts";
    const program = main(async () => {
      console.log(getCurrent().name);
      await sleep(5);
    });
    program.link(() => console.log("linked"));
  `);
    assertEquals([code, stdout, stderr], [0, "main function\nlinked\n", ""]);
  },
);

scriptTest("main() prints the error and ends with code 1 when the function fails", async () => {
  const { code, stdout, stderr } = await runScript(`
    import { main, sleep } from "@/mod.ts";
    main(async () => {
      try {
        await sleep(1);
        throw new Error("broken program");
      } finally {
        await sleep(1);
        console.log("cleaned up");
      }
    });
  `);
  assertEquals([code, stdout], [1, "cleaned up\n"]);
  assertMatch(stderr, /^Error: broken program\n +at /);
  assertMatch(stderr, /Z <Greenlet "main function".*> failed with Error\n/);
});

scriptTest("main() lets others go on when the function has returned", async () => {
  const { code, stdout } = await runScript(`
    import { main, sleep, spawn } from "@/mod.ts";
    main(() => {
      spawn(async () => {
        await sleep(5);
        console.log("still here");
      });
    });
  `);
  assertEquals([code, stdout], [0, "still here\n"]);
});

scriptTest(
  "main() raises a LoopExit that says who waits for what when everybody is blocked",
  async () => {
    const { code, stdout, stderr } = await runScript(`
    import { Event, main, Queue, spawn } from "@/mod.ts";
    main(async () => {
      const worker = spawn(() => new Queue().get());
      worker.name = "worker";
      try {
        await new Event().wait();
      } finally {
        console.log("finally");
      }
    });
  `);
    assertEquals([code, stdout], [1, "finally\n"]);
    assertMatch(stderr, /^LoopExit: This operation would block forever:\n/);
    assertMatch(stderr, /^ +<Greenlet "main function".*> waits for Event\.wait$/m);
    assertStringIncludes(stderr, '  <Greenlet "worker"> waits for Queue.get\n');
  },
);

scriptTest("main() goes on when the function catches the LoopExit", async () => {
  const { code, stdout } = await runScript(`
    import { Event, LoopExit, main, sleep } from "@/mod.ts";
    main(async () => {
      for (let i = 0; i < 2; i++) {
        try {
          await new Event().wait();
        } catch (error) {
          console.log(error instanceof LoopExit);
          await sleep(1);
        }
      }
    });
  `);
  assertEquals([code, stdout], [0, "true\ntrue\n"]);
});

const STOPPABLE = `
  import { main, sleep } from "@/mod.ts";
  main(async () => {
    try {
      console.log("ready");
      await sleep(60_000);
    } catch (error) {
      console.log(error.message);
      throw error;
    } finally {
      await sleep(5);
      console.log("finally");
    }
  });
`;

for (const signal of onUnix ? ["SIGINT", "SIGTERM"] as const : ["SIGINT"] as const) {
  scriptTest(`main() runs the finally blocks when ${signal} comes`, async () => {
    await using script = startScript(STOPPABLE);
    await script.line("ready");
    script.kill(signal);
    const { code, signal: endedBy, stdout, stderr } = await script.end();
    assertEquals(stdout, `ready\nStopped by ${signal}\nfinally\n`);
    assertEquals([code, endedBy, stderr], [0, null, ""]);
  });

  scriptTest(`main() ends at once when ${signal} comes a second time`, async () => {
    await using script = startScript(`
      import { main, sleep } from "@/mod.ts";
      main(async () => {
        try {
          console.log("ready");
          await sleep(60_000);
        } finally {
          console.log("stuck");
          await sleep(60_000);
        }
      });
    `);
    await script.line("ready");
    script.kill(signal);
    assert((await script.line("stuck")).endsWith("stuck\n"));
    script.kill(signal);
    assertEquals((await script.end()).code, signal === "SIGINT" ? 130 : 143);
  });
}

scriptTest("main() leaves signals alone when the function has ended", async () => {
  await using script = startScript(`
    import { main } from "@/mod.ts";
    main(() => {}).link(() => console.log("over"));
    setTimeout(() => {}, 60_000);
  `);
  await script.line("over");
  script.kill("SIGTERM");
  assertEquals((await script.end()).signal, "SIGTERM");
});

scriptTest("The hub keeps the process alive as long as a timer runs, and no longer", async () => {
  const { code, stdout } = await runScript(`
    import { sleep, spawn, Timeout } from "@/mod.ts";
    const timeout = Timeout.start(60_000);
    spawn(async () => {
      await sleep(20);
      console.log("slept");
      setTimeout(() => timeout.cancel(), 5); // when the hub has gone to sleep
    });
  `);
  assertEquals([code, stdout], [0, "slept\n"]);
});

scriptTest("A greenlet that fails does not end the process", async () => {
  const { code, stdout, stderr } = await runScript(`
    import { sleep, spawn } from "@/mod.ts";
    spawn(() => { throw new Error("broken"); });
    const killed = spawn(async () => { await Promise.all([sleep(1000), sleep(2000)]); });
    await sleep(1);
    await killed.kill(new RangeError("stop"));
    await spawn(async () => { await sleep(1); throw null; }).join();
    console.log("alive");
  `);
  assertEquals([code, stdout], [0, "alive\n"]);
  assertEquals(stderr.match(/failed with \w+/g), [
    "failed with Error",
    "failed with RangeError",
    "failed with object",
  ]);
});

scriptTest(
  "A module that waits at its top level can be imported by several greenlets at once",
  async () => {
    const { code, stdout } = await runScript(`
    import { joinAll, spawn, until } from "@/mod.ts";
    const url = "data:application/typescript," + encodeURIComponent(
      'import { getCurrent, sleep } from "@/mod.ts"; await sleep(5); export const loaded = getCurrent().name;',
    );
    const greenlets = [1, 2].map(() => spawn(async () => (await until(import(url))).loaded));
    await joinAll(greenlets);
    console.log(greenlets.map((greenlet) => greenlet.value).join());
  `);
    assertEquals([code, stdout.split(",").length], [0, 2]);
  },
);
