/**
 * The chat of the examples, as a program of its own, and what can be asked of it.
 *
 * @module
 */

import { ChildProgram, type ProgramResult } from "./child_program.ts";

const PROGRAM = new URL("../../examples/chat.ts", import.meta.url).href;

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
  readonly #program: ChildProgram;

  private constructor(program: ChildProgram, url: string) {
    this.#program = program;
    this.url = url;
  }

  /**
   * Starts one at a free port, unless `args` name one, and waits until it says where it is.
   *
   * @throws {Error} With what it has printed, when it ends instead.
   */
  static async start(args: string[] = [], options: ProgramOptions = {}): Promise<ChatProgram> {
    const program = startProgram(
      args.includes("--port") ? args : ["--port", "0", ...args],
      options,
    );
    const [, url] = await program.printed(/^Chat is at (\S+) \(Ctrl-C to stop\)\n/);
    return new ChatProgram(program, url!);
  }

  /** The id of its process. */
  get pid(): number {
    return this.#program.pid;
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
    this.#program.kill(signal);
    return await this.#program.end();
  }

  /** Kills it, if need be. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }

  async #ask(path: string, init: RequestInit): Promise<Answer> {
    const response = await fetch(new URL(path, this.url), init);
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  }
}

/** Runs the program to its end. */
export async function runChat(...args: string[]): Promise<ProgramResult> {
  await using program = startProgram(args, {});
  return await program.end();
}

function startProgram(args: string[], options: ProgramOptions): ChildProgram {
  const { program = PROGRAM, env = {} } = options;
  const flags = ["run", "-A", "--quiet", "--no-config", "--no-lock"];
  return new ChildProgram([Deno.execPath(), ...flags, program, ...args], env);
}
