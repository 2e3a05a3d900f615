/**
 * The program that puts load on echo servers.
 *
 * @module
 */

import { join } from "node:path";
import { runToEnd } from "./command.ts";
import { denoCommand, peerPath } from "./runtimes.ts";

/** How much load. */
export interface EchoLoad {
  /** How many connections at once. */
  readonly connections: number;
  /** How many messages over each, one after the other. */
  readonly messages: number;
}

/** What the client has seen. Latencies are in ms. */
export interface EchoResult {
  readonly messages: number;
  readonly seconds: number;
  /** Messages per second, connecting included. */
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** How far the slowest connection was when half of all messages were echoed. */
  readonly leastServed: number;
  /** How far the fastest one was. */
  readonly mostServed: number;
  /** How many echoes differed from what was sent. */
  readonly wrong: number;
  /** How many connections ended early. */
  readonly broken: number;
}

/** Bytes in a message. */
const SIZE = 64;

/** A client that is ready to run. */
export class EchoClient {
  /** What it is: for the report. */
  readonly name: string;
  readonly #command: readonly [string, ...string[]];

  private constructor(name: string, command: readonly [string, ...string[]]) {
    this.name = name;
    this.#command = command;
  }

  /** The one for Deno, which needs nothing, but is slower. */
  static forDeno(): EchoClient {
    return new EchoClient("Deno, node:net", denoCommand("echo_client.ts"));
  }

  /** The one in C, compiled into `folder`; without a compiler the one for Deno. */
  static async prepare(folder: string): Promise<EchoClient> {
    const program = join(folder, "echo_client");
    try {
      const compile: [string, ...string[]] = [
        "cc",
        "-O2",
        "-o",
        program,
        peerPath("echo_client.c"),
      ];
      await runToEnd(compile, { limit: 60_000 });
      return new EchoClient("C, epoll", [program]);
    } catch {
      return EchoClient.forDeno();
    }
  }

  /**
   * Puts load on a server of this machine.
   *
   * @throws {Error} When the server lost or changed anything, or took longer than `limit` seconds.
   */
  async run(port: number, load: EchoLoad, limit: number): Promise<EchoResult> {
    const { connections, messages } = load;
    const args = [port, connections, messages, SIZE, limit].map(String);
    const output = await runToEnd([...this.#command, ...args], { limit: (limit + 10) * 1000 });
    const result: EchoResult = JSON.parse(output);
    if (result.wrong > 0) throw new Error(`${result.wrong} echoes were wrong`);
    if (result.broken > 0) throw new Error(`${result.broken} connections were broken`);
    return result;
  }
}
