import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { spawn } from "../../core/spawn.ts";
import { patchProcess } from "../../monkey/patch_process.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { assertKillable, assertLimited, assertRefused } from "../helpers/killed.ts";

const SLEEPER = {
  args: ["-c", "trap 'exit 0' TERM; echo $$ > \"$0\"; while :; do sleep 0.01; done"],
};
const decoder = new TextDecoder();

/** Runs a function with the path of a file that a process is to write its id to. */
async function withPidFile(fn: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    await fn(path);
  } finally {
    await Deno.remove(path);
  }
}

function pidIn(path: string): number {
  return Number(Deno.readTextFileSync(path));
}

function isAlive(pid: number): boolean {
  try {
    Deno.kill(pid, "SIGCONT");
    return true;
  } catch {
    return false;
  }
}

for (
  const [name, run] of [
    ["Deno.Command.output()", (path: string) => sleeper(path).output()],
    ["Deno.spawnAndWait()", (path: string) => Deno.spawnAndWait("sh", [...SLEEPER.args, path], {})],
  ] as const
) {
  Deno.test({
    name: `${name} ends the process when it is killed`,
    // That the process has ended is what is tested; the runtime learns of it later.
    sanitizeOps: false,
    sanitizeResources: false,
    timeout: 60_000,
    fn: () =>
      withPidFile(async (path) => {
        using _patch = patchProcess();
        await assertKillable("Deno.Command.output", () => run(path), () => pidIn(path) > 0);
        const pid = pidIn(path);
        await eventually(() => !isAlive(pid));
      }),
  });
}

function sleeper(path: string): Deno.Command {
  return new Deno.Command("sh", { args: [...SLEEPER.args, path] });
}

ioTest("Waiting for a process can be killed, and leaves it running", async () => {
  using _patch = patchProcess();
  await using child = new Deno.Command("cat", { stdin: "piped", stdout: "piped" }).spawn();
  await assertKillable("Deno.ChildProcess.status", () => child.status);
  await assertLimited(() => child.status);
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("still there"));
  await writer.close();
  const { success, stdout } = await spawn(() => child.output()).get();
  assertEquals([success, decoder.decode(stdout)], [true, "still there"]);
});

ioTest("Disposing of a process ends it also when the wait for that is refused", async () => {
  using _patch = patchProcess();
  let child: Deno.ChildProcess | undefined;
  await assertRefused(async () => {
    await using sleeper = new Deno.Command("sleep", { args: ["60"] }).spawn();
    child = sleeper;
  });
  assertEquals((await child!.status).signal, "SIGTERM");
});

ioTest("Waiting for all output of a process can be killed", async () => {
  using _patch = patchProcess();
  const start = (): Deno.ChildProcess =>
    new Deno.Command("cat", { stdin: "piped", stdout: "piped", stderr: "null" }).spawn();
  for (const collect of ["arrayBuffer", "bytes", "json", "text"] as const) {
    await using child = start();
    await assertKillable("Deno.ChildProcess.stdout", () => child.stdout[collect]());
    await child.stdin.close();
  }
  await using child = start();
  await assertKillable("Deno.ChildProcess.output", () => child.output());
  await child.stdin.close();
});

ioTest("Commands give what they always did in greenlets", async () => {
  using _patch = patchProcess();
  await spawn(async () => {
    const command = new Deno.Command("sh", { args: ["-c", "echo out; echo err >&2; exit 3"] });
    assert(command instanceof Deno.Command);
    assertStrictEquals(command.constructor, Deno.Command);
    const { code, success, stdout, stderr } = await command.output();
    assertEquals(
      [code, success, decoder.decode(stdout), decoder.decode(stderr)],
      [3, false, "out\n", "err\n"],
    );
    assertEquals(decoder.decode(command.outputSync().stdout), "out\n");
    assertEquals((await Deno.spawnAndWait("sh", ["-c", "exit 4"])).code, 4);
    assertEquals((await Deno.spawnAndWait("sh", { args: ["-c", "exit 5"] })).code, 5);
    await assertRejects(
      async () => await new Deno.Command("/no/such/thing").output(),
      Deno.errors.NotFound,
    );
    const controller = new AbortController();
    const ended = new Deno.Command("sleep", { args: ["60"], signal: controller.signal }).output();
    controller.abort();
    assertEquals((await ended).success, false);
  }).get();
});

ioTest("Commands that were made before the patch can be killed", async () => {
  const command = new Deno.Command("sleep", { args: ["0.05"] });
  using _patch = patchProcess();
  assert(command instanceof Deno.Command);
  const ending = Promise.withResolvers<void>();
  await assertKillable("Deno.Command.output", () => command.output());
  // Nobody can end it: it was made without a signal.
  ending.resolve();
  await command.output();
});

Deno.test("patchProcess() can be taken back", () => {
  const before = [
    Deno.Command,
    Deno.Command.prototype.output,
    Object.getOwnPropertyDescriptor(Deno, "Command"),
    Object.getOwnPropertyDescriptor(Deno.ChildProcess.prototype, "status"),
  ];
  const patches = patchProcess();
  assert(Deno.Command !== before[0]);
  assertStrictEquals(Deno.Command.name, "Command");
  class Derived extends Deno.Command {
    readonly mine = 1;
  }
  const derived = new Derived("true");
  assert(derived instanceof Derived && derived instanceof Deno.Command && derived.mine === 1);
  patches.unpatch();
  assertEquals([
    Deno.Command,
    Deno.Command.prototype.output,
    Object.getOwnPropertyDescriptor(Deno, "Command"),
    Object.getOwnPropertyDescriptor(Deno.ChildProcess.prototype, "status"),
  ], before);
});
