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
    const [portSide, restSide] = child.stdout.tee();
    const drained = restSide.pipeTo(new WritableStream());
    const errors = keepEnd(child.stderr);
    const port = await readPort(portSide);
    clearTimeout(timer);
    if (port !== undefined) return new ServerProcess(child, port, Promise.all([drained, errors]));
    killIfAlive(child);
    await child.status;
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

/** The number in the first line. */
async function readPort(stdout: ReadableStream<Uint8Array>): Promise<number | undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stdout) {
    text += decoder.decode(chunk, { stream: true });
    const line = /^(\d+)\r?\n/.exec(text);
    if (line !== null) return Number(line[1]);
  }
  return undefined;
}

/** Reads to the end, so that the writer never blocks, and returns the last part. */
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
