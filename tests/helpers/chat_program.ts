/**
 * The chat of the examples, as a program of its own, and what can be asked of it.
 *
 * @module
 */

const PROGRAM = new URL("../../examples/chat.ts", import.meta.url).href;

/** What came of a program. */
export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a request was answered with. */
export interface Answer {
  readonly status: number;
  // deno-lint-ignore no-explicit-any -- whatever JSON comes, which tests compare with what they expect
  readonly body: any;
}

/** How to start it. */
export interface ProgramOptions {
  /** Where it is; by default it is the one of this repository. */
  readonly program?: string;
  readonly env?: Record<string, string>;
}

/** A running chat. */
export class ChatProgram implements AsyncDisposable {
  /** Where it is, with a slash at the end. */
  readonly url: string;
  readonly pid: number;
  readonly #process: Deno.ChildProcess;
  readonly #result: Promise<ProgramResult>;

  private constructor(process: Deno.ChildProcess, url: string, result: Promise<ProgramResult>) {
    this.#process = process;
    this.pid = process.pid;
    this.url = url;
    this.#result = result;
  }

  /**
   * Starts one at a free port, unless `args` name one, and waits until it says where it is.
   *
   * @throws {Error} With what it has printed, when it ends instead.
   */
  static async start(args: string[] = [], options: ProgramOptions = {}): Promise<ChatProgram> {
    const process = spawnProgram(
      args.includes("--port") ? args : ["--port", "0", ...args],
      options,
    );
    const found = Promise.withResolvers<string | undefined>();
    let stdout = "";
    const printed = (async () => {
      for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
        stdout += text;
        found.resolve(/^Chat is at (\S+) \(Ctrl-C to stop\)\n/.exec(stdout)?.[1]);
      }
      found.resolve(undefined);
    })();
    const stderr = new Response(process.stderr).text();
    const result = (async () => {
      const { code } = await process.status;
      await printed;
      return { code, stdout, stderr: await stderr };
    })();
    const url = await found.promise;
    if (url !== undefined) return new ChatProgram(process, url, result);
    throw new Error(`Chat has not started: ${Deno.inspect(await result)}`);
  }

  /** The port it listens at. */
  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Asks for something. */
  get(path: string): Promise<Answer> {
    return this.#ask(path, {});
  }

  /** Posts something as JSON; a string is posted as it is. */
  post(path: string, body: unknown = {}, headers: HeadersInit = {}): Promise<Answer> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return this.#ask(path, { method: "POST", body: text, headers });
  }

  /** Sends it a signal, Ctrl-C by default, and waits for its end. */
  async stop(signal: Deno.Signal = "SIGINT"): Promise<ProgramResult> {
    this.#process.kill(signal);
    return await this.#result;
  }

  /** Kills it, if need be. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#result;
  }

  async #ask(path: string, init: RequestInit): Promise<Answer> {
    const response = await fetch(new URL(path, this.url), init);
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  }
}

/** Runs the program to its end. */
export async function runChat(...args: string[]): Promise<ProgramResult> {
  const process = spawnProgram(args, {});
  const [{ code }, stdout, stderr] = await Promise.all([
    process.status,
    new Response(process.stdout).text(),
    new Response(process.stderr).text(),
  ]);
  return { code, stdout, stderr };
}

function spawnProgram(args: string[], options: ProgramOptions): Deno.ChildProcess {
  const { program = PROGRAM, env = {} } = options;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-config", "--no-lock", program, ...args],
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}
