/**
 * Servers from Debian's packages that tests start for themselves.
 *
 * @module
 */

/**
 * A port that nobody listens at now: one of those that systems do not give out by themselves, or a test that runs beside this one
 * might get it before the server does.
 */
export function freePort(): number {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/** Runs a program to its end. */
export async function runProgram(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
}

/** A server that runs until it is disposed of, with a folder for its data. */
export class ChildServer implements AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  readonly #process: Deno.ChildProcess;
  readonly #signal: Deno.Signal;

  constructor(port: number, folder: string, process: Deno.ChildProcess, signal: Deno.Signal) {
    this.port = port;
    this.folder = folder;
    this.#process = process;
    this.#signal = signal;
  }

  /**
   * Starts a program and waits until it answers at its port.
   *
   * @param folder Removed at the end.
   * @param stopSignal What tells it to end at once.
   */
  static async start(
    command: readonly [string, ...string[]],
    port: number,
    folder: string,
    stopSignal: Deno.Signal = "SIGTERM",
  ): Promise<ChildServer> {
    const [program, ...args] = command;
    const process = new Deno.Command(program, {
      args,
      cwd: folder,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    let ended = false;
    void process.status.then(() => ended = true);
    for (;;) {
      if (ended) throw new Error(`${program} did not start`);
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port })).close();
        return new ChildServer(port, folder, process, stopSignal);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20)); // until it listens
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill(this.#signal);
    await this.#process.status;
    await Deno.remove(this.folder, { recursive: true });
  }
}
