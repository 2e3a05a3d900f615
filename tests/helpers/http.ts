/**
 * HTTP servers and clients for tests.
 *
 * @module
 */

import { nextTurn } from "../../core/clock.ts";
import type { Greenlet } from "../../core/greenlet.ts";
import { Pool, type PoolAddOptions } from "../../core/pool.ts";
import { sleep } from "../../core/sleep.ts";
import type { HttpApp } from "../../http/app.ts";
import type { HttpResult } from "../../http/body.ts";
import { HttpServer, type HttpServerOptions } from "../../http/server.ts";
import type { Address } from "../../net/address.ts";
import { connect } from "../../net/connect.ts";
import type { Socket } from "../../net/socket.ts";
import { bytes, text } from "./sockets.ts";

/** A pool that tells how many requests have come to it: those that run, and those that wait. */
export class WatchedPool extends Pool {
  #waiting = 0;

  get arrived(): number {
    return this.size + this.#waiting;
  }

  override async start(greenlet: Greenlet, options?: PoolAddOptions): Promise<void> {
    this.#waiting++;
    try {
      await super.start(greenlet, options);
    } finally {
      this.#waiting--;
    }
  }
}

/** Starts a server that logs nothing, unless told otherwise. */
export async function serve(app: HttpApp, options: HttpServerOptions = {}): Promise<HttpServer> {
  const server = new HttpServer("127.0.0.1:0", app, { log: null, ...options });
  await server.start();
  return server;
}

/** An app, and the error that has ended it. */
export interface WatchedApp {
  readonly app: HttpApp;
  readonly error: unknown;
}

/** Watches an app, by default one that does not come to an end by itself. */
export function watchApp(app: HttpApp = () => sleep(60_000)): WatchedApp {
  const watched = {
    error: undefined as unknown,
    async app(...args: Parameters<HttpApp>): Promise<HttpResult> {
      try {
        return await app(...args);
      } catch (error) {
        watched.error = error;
        throw error;
      }
    },
  };
  return watched;
}

/** A body that goes on for ever and that no greenlet produces; it knows whether somebody has ended it. */
export class EndlessBody {
  cancelled = false;
  readonly stream: ReadableStream<Uint8Array> = new ReadableStream({
    pull: async (controller): Promise<void> => {
      await nextTurn();
      if (!this.cancelled) controller.enqueue(new Uint8Array(10));
    },
    cancel: () => void (this.cancelled = true),
  });
}

/** What a server answered. */
export interface RawResponse {
  readonly status: number;
  readonly headers: Headers;
}

/** A client that says what it is told to, and can be rude. */
export class RawClient implements Disposable {
  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  static async connect(address: Address): Promise<RawClient> {
    return new RawClient(await connect(address));
  }

  async send(data: string | Uint8Array): Promise<void> {
    await this.socket.sendAll(typeof data === "string" ? bytes(data) : data);
  }

  /** Sends a request without a body, unless there is one in `more`. */
  async request(line: string, headers: Record<string, string> = {}, more = ""): Promise<void> {
    const lines = Object.entries({ host: "localhost", ...headers }).map(([k, v]) =>
      `${k}: ${v}\r\n`
    );
    await this.send(`${line} HTTP/1.1\r\n${lines.join("")}\r\n${more}`);
  }

  /** Reads the head of a response. */
  async head(): Promise<RawResponse> {
    const status = Number((await this.#line()).split(" ")[1]);
    const headers = new Headers();
    for (let line = await this.#line(); line !== ""; line = await this.#line()) {
      const colon = line.indexOf(":");
      headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
    }
    return { status, headers };
  }

  /** Reads a response whose length is declared, and returns its body. */
  async body({ headers }: RawResponse): Promise<string> {
    return text(await this.socket.recvExactly(Number(headers.get("content-length"))));
  }

  /** Reads one piece of a chunked response; the last one is empty. */
  async chunk(): Promise<string> {
    const size = parseInt(await this.#line(), 16);
    const data = text(await this.socket.recvExactly(size));
    await this.#line();
    return data;
  }

  /** All that still comes, until the server closes the connection or resets it. */
  async rest(): Promise<string> {
    let all = "";
    for (;;) {
      const data = await this.socket.recv().catch((error) => {
        if (error instanceof Deno.errors.ConnectionReset) return new Uint8Array();
        throw error;
      });
      if (data.length === 0) return all;
      all += text(data);
    }
  }

  close(): void {
    this.socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #line(): Promise<string> {
    const line = text(await this.socket.readLine());
    if (!line.endsWith("\r\n")) throw new Error(`Not a line: ${Deno.inspect(line)}`);
    return line.slice(0, -2);
  }
}
