/**
 * Programs in processes of their own, and what they print.
 *
 * @module
 */

/** What came of a program. */
export interface ProgramResult {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs; killed at the end of an `await using` block. */
export class ChildProgram implements AsyncDisposable {
  readonly pid: number;
  readonly #process: Deno.ChildProcess;
  readonly #result: Promise<ProgramResult>;
  #stdout = "";
  #over = false;
  #more = Promise.withResolvers<void>();

  constructor(
    [program, ...args]: readonly [string, ...string[]],
    env: Record<string, string> = {},
  ) {
    this.#process = new Deno.Command(program, {
      args,
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.#process.pid;
    this.#result = this.#collect();
  }

  /** Waits until it has printed what matches, and returns the match; throws when it ends before. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#stdout);
      if (match !== null) return match;
      if (this.#over) throw new Error(`It has ended: ${Deno.inspect(await this.#result)}`);
      await this.#more.promise;
    }
  }

  /** Waits until it has printed a line, and returns what came so far. */
  async line(text: string): Promise<string> {
    const { input } = await this.printed(new RegExp(`${RegExp.escape(text)}\n`));
    return input;
  }

  /** Sends it a signal, Ctrl-C by default. */
  kill(signal: Deno.Signal = "SIGINT"): void {
    this.#process.kill(signal);
  }

  /** Waits for its end. */
  end(): Promise<ProgramResult> {
    return this.#result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#result;
  }

  async #collect(): Promise<ProgramResult> {
    const stderr = new Response(this.#process.stderr).text();
    for await (const text of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
      this.#stdout += text;
      this.#more.resolve();
      this.#more = Promise.withResolvers();
    }
    this.#over = true;
    this.#more.resolve();
    const { code, signal } = await this.#process.status;
    return { code, signal, stdout: this.#stdout, stderr: await stderr };
  }
}
