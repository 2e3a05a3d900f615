/**
 * Patching child processes.
 *
 * @module
 */

import { type AdoptedKind, adoptingScope } from "../core/adopt.ts";
import { adopted, adoptedAbortable, adoptedEnd } from "./_adopted.ts";
import { Greenery } from "./_greenery.ts";
import { Patcher, type Patches, type PatchOptions } from "./registry.ts";

const OUTPUT: AdoptedKind = { name: "Deno.Command.output" };
const CHILD_OUTPUT: AdoptedKind = { name: "Deno.ChildProcess.output" };
const STATUS: AdoptedKind = { name: "Deno.ChildProcess.status" };
const DISPOSE: AdoptedKind = { name: "Deno.ChildProcess[Symbol.asyncDispose]" };
const COLLECT: AdoptedKind = { name: "Deno.ChildProcess.stdout" };

type CommandArguments = ConstructorParameters<typeof Deno.Command>;

/** What commands were made of, so that they can be made again with a signal. */
const argumentsOf = new WeakMap<Deno.Command, CommandArguments>();

const collectors = new Greenery<Deno.SubprocessReadableStream>((native) => ({
  arrayBuffer() {
    return adopted(() => native.arrayBuffer.call(this), COLLECT);
  },
  bytes() {
    return adopted(() => native.bytes.call(this), COLLECT);
  },
  json() {
    return adopted(() => native.json.call(this), COLLECT);
  },
  text() {
    return adopted(() => native.text.call(this), COLLECT);
  },
}));

/**
 * Patches `Deno.Command` and child processes: `output` of a command can be interrupted, which ends the process with
 * SIGTERM; and so can waiting for the `status` or the `output` of a process that was spawned, which leaves it running: it is
 * the program's. What is read from and written to its pipes is `patchStreams`'s. gevent's `patch_subprocess`.
 *
 * @returns What was replaced, and takes it back.
 *
 * @example
 * ```ts
 * import { spawn, withTimeout } from "@gevent/deno";
 * import { patchProcess } from "@gevent/deno/monkey";
 *
 * using _patch = patchProcess();
 * await using sleeper = new Deno.Command(Deno.execPath(), {
 *   args: ["eval", "setTimeout(() => {}, 60_000)"],
 * }).spawn();
 * const g = spawn(() => withTimeout(5, () => sleeper.status, { timeoutValue: "too late" }));
 * console.assert(await g.get() === "too late");
 * ```
 */
export function patchProcess(options: PatchOptions = {}): Patches {
  const patcher = new Patcher("process", options);
  const Command = Deno.Command;
  patcher.value(Deno, "Command", "Deno.Command", () =>
    new Proxy(Command, {
      construct(target, args, newTarget) {
        const command = Reflect.construct(target, args, newTarget);
        argumentsOf.set(command, args as CommandArguments);
        return command;
      },
    }));
  patcher.value(
    Command.prototype as Deno.Command & { constructor: typeof Command },
    "constructor",
    "Deno.Command.prototype.constructor",
    () => Deno.Command,
  );
  patcher.method(
    Command.prototype,
    "output",
    "Deno.Command.prototype.output",
    (output) =>
      function (this: Deno.Command) {
        return outputOf(argumentsOf.get(this), () => output.call(this), Command, output);
      },
  );
  patcher.method(
    Deno,
    "spawnAndWait",
    "Deno.spawnAndWait",
    (spawnAndWait) => (command: string | URL, second?: unknown, third?: Deno.CommandOptions) => {
      const options = Array.isArray(second) ? { ...third, args: second } : second;
      return outputOf(
        [command, options as Deno.CommandOptions],
        () => spawnAndWait(command, second as string[], third),
        Command,
        Command.prototype.output,
      );
    },
  );
  patchChildren(patcher);
  return patcher.patches;
}

function outputOf(
  args: CommandArguments | undefined,
  plain: () => Promise<Deno.CommandOutput>,
  Command: typeof Deno.Command,
  output: typeof Deno.Command.prototype.output,
): Promise<Deno.CommandOutput> {
  if (args === undefined || adoptingScope() === undefined) return adopted(plain, OUTPUT);
  const [command, options] = args;
  return adoptedAbortable(options, (all) => output.call(new Command(command, all)), OUTPUT);
}

function patchChildren(patcher: Patcher): void {
  const { prototype } = Deno.ChildProcess;
  const path = "Deno.ChildProcess.prototype";
  patcher.method(
    prototype,
    "output",
    `${path}.output`,
    (output) =>
      function (this: Deno.ChildProcess) {
        return adopted(() => output.call(this), CHILD_OUTPUT);
      },
  );
  patcher.method(
    prototype,
    Symbol.asyncDispose,
    `${path}[Symbol.asyncDispose]`,
    (dispose) =>
      function (this: Deno.ChildProcess) {
        return adoptedEnd(() => dispose.call(this), DISPOSE);
      },
  );
  patcher.accessor(prototype, "status", `${path}.status`, ({ get }) => ({
    get(this: Deno.ChildProcess) {
      return adopted(() => get!.call(this), STATUS);
    },
  }));
  for (const name of ["stdout", "stderr"] as const) {
    patcher.accessor(prototype, name, `${path}.${name}`, ({ get }) => ({
      get(this: Deno.ChildProcess) {
        return collectors.apply(get!.call(this));
      },
    }));
  }
}
