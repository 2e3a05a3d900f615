/**
 * A Redis server of a test's own, and what it says about its connections.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { ChildServer, freePort } from "./child_server.ts";
import { findProgram } from "./find_program.ts";

/** Why there can be no Redis server; `undefined` when there can be one. */
export const noRedis: string | undefined = findProgram("redis-server") === undefined
  ? "redis-server is not installed"
  : undefined;

/** Starts a Redis server that keeps nothing on disk. */
export async function startRedis(): Promise<ChildServer> {
  const port = freePort();
  return await ChildServer.start(
    [
      findProgram("redis-server")!,
      ...["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
    ],
    port,
    await Deno.makeTempDir({ prefix: "redis_" }),
  );
}

/** Sends a command by a program of its own, while this process stands still. */
export function runRedisCli(port: number, ...words: string[]): void {
  const { success } = new Deno.Command(findProgram("redis-cli")!, {
    args: ["-p", `${port}`, ...words],
    stdin: "null",
    stdout: "null",
  }).outputSync();
  if (!success) throw new Error(`redis-cli failed: ${words.join(" ")}`);
}

/** Somebody who asks the server behind the back of the client that is tested. */
export class RedisObserver implements Disposable {
  readonly #conn: Deno.Conn;
  readonly #buffer = new Uint8Array(1 << 16);

  private constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  static async connect(port: number): Promise<RedisObserver> {
    return new RedisObserver(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Sends a command, and returns the answer as it comes over the wire, if it is a short one. */
  async send(...words: string[]): Promise<string> {
    const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
    const parts = words.map((word) => `$${encode(word).length}\r\n${word}\r\n`);
    await this.#conn.write(encode(`*${words.length}\r\n${parts.join("")}`));
    let answer = "";
    const decoder = new TextDecoder();
    for (;;) {
      const count = await this.#conn.read(this.#buffer);
      if (count === null) throw new Error("The server has closed the connection");
      answer += decoder.decode(this.#buffer.subarray(0, count), { stream: true });
      const length = /^\$(\d+)\r\n/.exec(answer);
      if (length === null ? answer.endsWith("\r\n") : isWhole(answer, length)) return answer;
    }
  }

  /** What the server lists about each connection but this one. */
  async clients(): Promise<string[]> {
    const id = (await this.send("CLIENT", "ID")).slice(1).trim();
    const list = await this.send("CLIENT", "LIST");
    return list.split("\n").filter((line) =>
      line.startsWith("id=") && !line.startsWith(`id=${id} `)
    );
  }

  /** How many connections there are. */
  async connections(): Promise<number> {
    return (await this.clients()).length;
  }

  /** How many of them wait in a blocking command. */
  async blocked(): Promise<number> {
    return (await this.clients()).filter((line) => / flags=\S*b/.test(line)).length;
  }

  /** The items of a list. */
  async list(key: string): Promise<string[]> {
    const answer = await this.send("LRANGE", key, "0", "-1");
    assertEquals(answer[0], "*");
    return answer.split("\r\n").slice(1, -1).filter((_, n) => n % 2 === 1);
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }
}

function isWhole(answer: string, [head, length]: RegExpExecArray): boolean {
  return new TextEncoder().encode(answer).length >= head!.length + Number(length) + 2;
}
