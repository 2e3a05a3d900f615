/**
 * Servers that are processes of their own.
 *
 * @module
 */

import { lastLine } from "./command.ts";
import { type ProcessUsage, readUsage } from "./process_usage.ts";

const START_LIMIT = 20_000;

/** A server that has printed its port, and is killed at the end of a block. */
export class ServerProcess implements AsyncDisposable {
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  readonly #child: Deno.ChildProcess;
  readonly #drained: Promise<unknown>;

  private constructor(child: Deno.ChildProcess, port: number, drained: Promise<unknown>) {
    this.#child = child;
    this.port = port;
    this.#drained = drained;
  }

  /**
   * Starts one and waits for the line with its port.
   *
   * @throws {Error} With the end of its stderr, when that line does not come.
   */
  static async start([program, ...args]: readonly [string, ...string[]]): Promise<ServerProcess> {
    const child = new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const timer = setTimeout(() => child.kill("SIGKILL"), START_LIMIT);
    const errors = keepEnd(child.stderr);
    const reader = child.stdout.getReader();
    const port = await readPort(reader);
    clearTimeout(timer);
    if (port !== undefined) {
      return new ServerProcess(child, port, Promise.all([readToEnd(reader), errors]));
    }
    killIfAlive(child);
    await Promise.all([child.status, readToEnd(reader)]);
    throw new Error(lastLine(await errors) || "Did not print a port");
  }

  /** What it has used until now. */
  usage(): Promise<ProcessUsage> {
    return readUsage(this.#child.pid);
  }

  /** Kills it. */
  async [Symbol.asyncDispose](): Promise<void> {
    killIfAlive(this.#child);
    await this.#child.status;
    await this.#drained;
  }
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

/** The number in the first line. */
async function readPort(reader: Reader): Promise<number | undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return undefined;
    text += decoder.decode(value, { stream: true });
    const line = /^(\d+)\r?\n/.exec(text);
    if (line !== null) return Number(line[1]);
  }
}

/** Takes what else comes, so that the writer never blocks. */
async function readToEnd(reader: Reader): Promise<void> {
  while (!(await reader.read()).done);
}

/** Reads to the end and returns the last part. */
async function keepEnd(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  let last = new Uint8Array();
  for await (const chunk of stream) {
    last = new Uint8Array([...last.subarray(-4096), ...chunk.subarray(-4096)]);
  }
  return last;
}

function killIfAlive(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended on its own.
  }
}
