/**
 * Limits on connections, which the runtime's HTTP server does not have.
 *
 * @module
 */

import { Interrupt } from "../core/errors.ts";
import { Greenlet } from "../core/greenlet.ts";
import { countDown } from "../core/suspend.ts";
import { Timeout } from "../core/timeout.ts";
import type { Address } from "../net/address.ts";
import type { Socket } from "../net/socket.ts";
import { StreamServer } from "../net/stream_server.ts";
import { clientKeyOf } from "./_client_key.ts";
import { answerOf, BEHIND, GuardedConnection } from "./_guarded_connection.ts";
import type { ConnectionLimits, GuardOfConnection } from "./_guarded_connection.ts";
import { limitFrom } from "./_request_policy.ts";
import type { AccessLogEntry } from "./access_log.ts";

/**
 * What `HttpServer` takes as `guard`. `null` takes a limit away.
 *
 * @example
 * ```ts
 * import { type GuardOptions, HttpServer } from "@gevent/deno/http";
 *
 * const guard: GuardOptions = { headerTimeout: 5000, maxConnections: 10_000, maxPerIp: 100 };
 * await using server = new HttpServer("127.0.0.1:0", () => "Hello", { guard, log: null });
 * await server.start();
 * console.assert(await (await fetch(server.url)).text() === "Hello");
 * ```
 */
export interface GuardOptions {
  /**
   * How long the head of a request may take to arrive, in ms: from when the connection was accepted, TLS handshake
   * included, or from the first byte after an answer. Then the client gets 408, if it has begun to say something and can
   * read that, and the connection is closed. Default 20 000.
   */
  readonly headerTimeout?: number | null;
  /** How long a connection may be idle after an answer, in ms, before it is closed; default 60 000. */
  readonly idleTimeout?: number | null;
  /**
   * How long a client may take nothing of an answer that waits for it, in ms, before it is cut off; default 60 000. The
   * system takes some MB in its place before that begins to count.
   */
  readonly sendTimeout?: number | null;
  /**
   * How many bytes a client may send that belong to no request, before it gets 431 and the connection is closed: bounds
   * what the runtime keeps in memory for a head that is not complete. With TLS its handshake counts, too. Default 16 384.
   */
  readonly maxHeaderSize?: number | null;
  /** How many connections there may be before further ones are answered with 503 and closed; default 1000. */
  readonly maxConnections?: number | null;
  /**
   * How many of them may come from one address, with IPv6 from one network of 64 bits; default `null`, as whole offices
   * and all clients of a proxy come from one.
   */
  readonly maxPerIp?: number | null;
}

/**
 * What a connection is about: the head of its next request is awaited, `"head"`; a request is being answered, or several,
 * `"request"`; it has been answered, and nothing has come since, `"idle"`; it has become a WebSocket, `"upgraded"`; or it
 * is being closed, `"closing"`.
 *
 * @example
 * ```ts
 * import type { ConnectionState } from "@gevent/deno/http";
 *
 * const busy: ConnectionState[] = ["request", "upgraded"];
 * console.assert(busy.length === 2);
 * ```
 */
export type ConnectionState = "head" | "request" | "idle" | "upgraded" | "closing";

/**
 * A connection as `HttpServer.connections` shows it.
 *
 * @example
 * ```ts
 * import { type HttpConnection, HttpServer } from "@gevent/deno/http";
 *
 * await using server = new HttpServer("127.0.0.1:0", () => "Hello", { guard: true, log: null });
 * await server.start();
 * await (await fetch(server.url)).text();
 * const describe = ({ requests, active }: HttpConnection) => `${requests} requests, ${active} active`;
 * console.assert(describe(server.connections![0]!).startsWith("1 requests"));
 * ```
 */
export interface HttpConnection {
  /** The address of the client. */
  readonly remoteAddr: Deno.Addr;
  /** When it was accepted. */
  readonly since: Date;
  /** What it is about just now. */
  readonly state: ConnectionState;
  /** How many requests have come on it. */
  readonly requests: number;
  /** How many of them have not been answered yet; more than one with HTTP/2 only. */
  readonly active: number;
  /** How many bytes have come from the client. */
  readonly bytesIn: number;
  /** How many bytes have gone to the client. */
  readonly bytesOut: number;
  /** Closes it at once, whatever it is about. */
  close(): void;
}

/** So many clients that were turned away get time to read that; the rest is cut off. */
const MOST_TURNED_AWAY = 100;

/** How long, in ms, each of them gets. */
const READING_TIME = 1000;

/** What a guard needs of its server. */
export interface GuardedServer {
  /** Whether the clients use TLS. */
  readonly tls: boolean;
  /** See `HttpServerOptions.killOnDisconnect`. */
  readonly killOnDisconnect: boolean;
  /** See `HttpServerOptions.reusePort`. */
  readonly reusePort: boolean;
  /** Where answers are logged. */
  readonly log: ((entry: AccessLogEntry) => void) | null;
}

/**
 * Stands in front of the runtime's HTTP server: accepts connections, hands their bytes on to it and back, and closes those
 * that misbehave. TLS and HTTP are between the client and the runtime; this takes neither apart.
 */
export class Guard implements GuardOfConnection {
  readonly limits: ConnectionLimits;
  readonly plain: boolean;
  readonly killOnDisconnect: boolean;
  readonly #maxConnections: number;
  readonly #maxPerIp: number;
  readonly #log: GuardedServer["log"];
  readonly #front: StreamServer;
  readonly #connections: Set<GuardedConnection> = new Set();
  readonly #byPort: Map<number, GuardedConnection> = new Map();
  readonly #perIp: Map<string, number> = new Map();
  #turnedAway = 0;
  #port = 0;
  #stopping: Greenlet<void> | undefined;

  /**
   * Makes a guard that does not listen yet.
   *
   * @throws {RangeError} When a limit makes no sense.
   */
  constructor(address: Address, options: GuardOptions, server: GuardedServer) {
    this.limits = {
      headerTimeout: limitFrom("headerTimeout", options.headerTimeout, 20_000),
      idleTimeout: limitFrom("idleTimeout", options.idleTimeout, 60_000),
      sendTimeout: limitFrom("sendTimeout", options.sendTimeout, 60_000),
      maxHeaderSize: Math.max(1, limitFrom("maxHeaderSize", options.maxHeaderSize, 16_384)),
    };
    this.#maxConnections = limitFrom("maxConnections", options.maxConnections, 1000);
    this.#maxPerIp = limitFrom("maxPerIp", options.maxPerIp, null);
    this.plain = !server.tls;
    this.killOnDisconnect = server.killOnDisconnect;
    this.#log = server.log;
    const { reusePort } = server;
    this.#front = new StreamServer(address, (socket) => this.#handle(socket), { reusePort });
  }

  /** See {@link GuardOfConnection.port}. */
  get port(): number {
    return this.#port;
  }

  /** The connections there are now, the oldest first. */
  get connections(): GuardedConnection[] {
    return [...this.#connections];
  }

  /** Begins to listen, in front of the server at a port of this machine; returns where. */
  async start(port: number): Promise<Deno.Addr> {
    this.#port = port;
    await this.#front.start();
    const { address } = this.#front;
    if ("path" in address) return { transport: "unix", path: address.path };
    return { transport: "tcp", hostname: address.hostname!, port: address.port };
  }

  /** The connection that a request has come through; `undefined` for one that somebody has slipped in behind the guard. */
  connectionOf({ remoteAddr }: { readonly remoteAddr: Deno.Addr }): GuardedConnection | undefined {
    // Somebody at another address of this machine may have taken the same port.
    if (!("hostname" in remoteAddr) || remoteAddr.hostname !== BEHIND) return undefined;
    return this.#byPort.get(remoteAddr.port);
  }

  /** Accepts nothing new. Whoever is connected to the server stays so as long as that wants it. */
  stopAccepting(): void {
    this.#stopping = new Greenlet(() => this.#front.stop({ timeout: null }));
    this.#stopping.start();
    for (const connection of this.#connections) connection.closeIfUnknown();
  }

  /** Waits for the last bytes to leave, then closes what is left. */
  async finish(timeout: number): Promise<void> {
    if (!await this.#front.pool.join({ timeout })) await this.#front.pool.kill();
    await this.#stopping?.join();
  }

  /** See {@link GuardOfConnection.register}. */
  register(connection: GuardedConnection): void {
    this.#byPort.set(connection.port!, connection);
  }

  /** See {@link GuardOfConnection.logAnswer}. */
  logAnswer({ remoteAddr, since }: { remoteAddr: Deno.Addr; since: Date }, status: number): void {
    this.#log?.({
      address: "hostname" in remoteAddr ? remoteAddr.hostname : "-",
      time: new Date(),
      requestLine: "-", // whatever it was to become
      status,
      length: undefined,
      ms: Date.now() - since.getTime(),
    });
  }

  async #handle(socket: Socket): Promise<void> {
    const key = clientKeyOf(socket.remoteAddr);
    const count = key === undefined ? 0 : this.#perIp.get(key) ?? 0;
    if (this.#connections.size >= this.#maxConnections || count >= this.#maxPerIp) {
      return await this.#turnAway(socket);
    }
    const connection = new GuardedConnection(this, socket);
    this.#connections.add(connection);
    if (key !== undefined) this.#perIp.set(key, count + 1);
    try {
      await connection.run();
    } finally {
      this.#connections.delete(connection);
      if (connection.port !== undefined) this.#byPort.delete(connection.port);
      if (key !== undefined) this.#forgetOneOf(key);
    }
  }

  #forgetOneOf(key: string): void {
    const count = this.#perIp.get(key)! - 1;
    if (count > 0) this.#perIp.set(key, count);
    else this.#perIp.delete(key);
  }

  /** Says that there are too many already, to those who can read it and as long as there are not too many of them. */
  async #turnAway(socket: Socket): Promise<void> {
    if (!this.plain || this.#turnedAway >= MOST_TURNED_AWAY) return;
    this.#turnedAway++;
    try {
      this.logAnswer({ remoteAddr: socket.remoteAddr, since: new Date() }, 503);
      const timeLeft = countDown(READING_TIME);
      await socket.sendAll(answerOf(503), { timeout: timeLeft() });
      await socket.shutdown("write", { timeout: timeLeft() });
      while ((await socket.recv(undefined, { timeout: timeLeft() })).length > 0);
    } catch (error) {
      if (error instanceof Interrupt && !(error instanceof Timeout)) throw error;
      // It has left, or was too slow.
    } finally {
      this.#turnedAway--;
    }
  }
}
