import { assertEquals, assertThrows } from "@std/assert";
import { onSignal } from "../../core/signal.ts";
import { sleep } from "../../core/sleep.ts";
import { getCurrent } from "../../core/spawn.ts";
import { Queue } from "../../sync/queue.ts";
import { runScript, startScript } from "../helpers/script.ts";

const ignore = Deno.build.os === "windows";

function signalTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, ignore, timeout: 60_000 });
}

Deno.test("onSignal() refuses what cannot be called, and signals that do not exist", () => {
  assertThrows(() => onSignal("SIGHUP", 5 as never), TypeError, "must be a function");
  assertThrows(() => onSignal("SIGNOTHING" as never, () => {}), TypeError);
});

signalTest(
  "onSignal() runs the function in a new greenlet each time, with its arguments",
  async () => {
    const queue = new Queue<unknown>();
    const greenlets = new Set<unknown>();
    using handler = onSignal(
      "SIGUSR2",
      async (...args: number[]) => {
        greenlets.add(getCurrent());
        await sleep(1);
        await queue.put(args);
      },
      1,
      2,
    );
    for (let i = 0; i < 2; i++) {
      Deno.kill(Deno.pid, "SIGUSR2");
      // Listening to a signal does not keep the process alive; a timeout does.
      assertEquals(await queue.get({ timeout: 30_000 }), [1, 2]);
    }
    assertEquals([greenlets.size, handler.signal], [2, "SIGUSR2"]);
    handler.cancel();
    handler.cancel();
  },
);

signalTest("onSignal() does not keep the process alive", async () => {
  const { code, stdout } = await runScript(`
    import { onSignal } from "@/mod.ts";
    onSignal("SIGHUP", () => {});
    console.log("end");
  `);
  assertEquals([code, stdout], [0, "end\n"]);
});

signalTest(
  "onSignal() raises an error of the function in the main program, and stays",
  async () => {
    await using script = startScript(`
    import { main, onSignal, sleep } from "@/mod.ts";
    let calls = 0;
    onSignal("SIGHUP", () => {
      if (++calls === 2) throw new RangeError("second");
      console.log("first");
    });
    main(async () => {
      console.log("ready");
      try {
        await sleep(60_000);
      } catch (error) {
        console.log("caught", error.name);
      }
    });
  `);
    await script.line("ready");
    script.kill("SIGHUP");
    await script.line("first");
    script.kill("SIGHUP");
    const { code, stdout, stderr } = await script.end();
    assertEquals([code, stdout], [0, "ready\nfirst\ncaught RangeError\n"]);
    assertEquals(stderr.includes("failed with RangeError"), true);
  },
);

signalTest(
  "onSignal() raises an error of the function outside all greenlets when there is no main()",
  async () => {
    await using script = startScript(`
    import { onSignal, sleep } from "@/mod.ts";
    onSignal("SIGHUP", () => { throw new RangeError("broken"); });
    console.log("ready");
    try {
      await sleep(60_000);
    } catch (error) {
      console.log("caught", error.name);
    }
  `);
    await script.line("ready");
    script.kill("SIGHUP");
    assertEquals((await script.end()).stdout, "ready\ncaught RangeError\n");
  },
);

Deno.test({
  name: "shutdown() ends the program of main() in an orderly way, and every greenlet without it",
  timeout: 60_000,
  async fn() {
    const source = (start: string): string => `
      import { main, shutdown, sleep, spawn } from "@/mod.ts";
      const program = ${start}(async () => {
        try {
          await sleep(60_000);
        } finally {
          await sleep(5);
          console.log("finally");
        }
      });
      await sleep(5);
      shutdown();
      await program.join();
      console.log(program.successful);
    `;
    for (const start of ["main", "spawn"]) {
      const { code, stdout } = await runScript(source(start));
      assertEquals([code, stdout], [0, "finally\ntrue\n"], start);
    }
  },
});
