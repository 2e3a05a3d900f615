/**
 * The HTTP server: a greenlet for each request.
 *
 * @module
 */

import { requireFunction } from "../core/links.ts";
import { hub } from "../core/scheduler.ts";
import { withTimeout } from "../core/timeout.ts";
import { until } from "../core/until.ts";
import { type Address, formatAddress, type ParsedAddress } from "../net/address.ts";
import { BaseServer, type BaseServerOptions } from "../net/base_server.ts";
import { CUT_OFF, Exchange } from "./_exchange.ts";
import { type AccessLogEntry, formatAccessLog } from "./access_log.ts";
import type { HttpResult } from "./body.ts";

/**
 * What the app learns about a request besides the request itself.
 *
 * @example
 * ```ts
 * import type { HttpInfo } from "@gevent/deno/http";
 *
 * const clientOf = (info: HttpInfo) => "hostname" in info.remoteAddr ? info.remoteAddr.hostname : "-";
 * console.assert(clientOf.length === 1);
 * ```
 */
export interface HttpInfo {
  /** The address of the client. */
  readonly remoteAddr: Deno.Addr;
}

/**
 * What answers requests, each in a greenlet of its own.
 *
 * @example
 * ```ts
 * import type { HttpApp } from "@gevent/deno/http";
 *
 * const app: HttpApp = (request) => `You asked for ${new URL(request.url).pathname}`;
 * console.assert(app.length === 1);
 * ```
 */
export type HttpApp = (request: Request, info: HttpInfo) => HttpResult | PromiseLike<HttpResult>;

/**
 * What `HttpServer` takes.
 *
 * @example
 * ```ts
 * import type { HttpServerOptions } from "@gevent/deno/http";
 *
 * const options: HttpServerOptions = { spawn: 1000, log: null };
 * console.assert(options.log === null);
 * ```
 */
export interface HttpServerOptions extends BaseServerOptions {
  /** Where access log lines go; `null` for nowhere. By default to stderr, as with gevent. */
  readonly log?: ((line: string, entry: AccessLogEntry) => void) | null;
  /** How many requests may wait for a slot of a full pool before more are answered with 503; default 1000. */
  readonly maxWaiting?: number;
  /**
   * Kill the greenlet of a request whose client leaves before the answer; default `false`. Streamed bodies and
   * WebSockets end with their client in any case. Watching for it makes the runtime print a warning, and slow, unless it
   * was started with `--unstable-no-legacy-abort`.
   */
  readonly killOnDisconnect?: boolean;
  /** Certificate chain (PEM); with {@link HttpServerOptions.key} it turns HTTPS on, HTTP/2 included. */
  readonly cert?: string;
  /** Private key (PEM). */
  readonly key?: string;
}

/** How long `stop` waits for clients to take what they were sent. */
const LEAVING_TIME = 500;

/**
 * Answers HTTP requests, each in a greenlet of its own, on top of `Deno.serve`: gevent's `WSGIServer`.
 *
 * An app that throws is answered with 500 and a plain text that tells nothing; the error goes to the hub. Throw an
 * `HttpError` for an answer that is meant for the client. A full pool lets requests wait, in order of arrival.
 *
 * `stop` accepts nothing new, refuses requests that still wait, lets running ones finish for a while, kills the rest, and
 * closes all connections. Only a client that does not take its answer, and a `Response` around an endless stream of your
 * own, keep theirs until they end; a stream that is returned as it is, or through `streamed`, is ended like any other
 * streamed body.
 *
 * @example
 * ```ts
 * import { HttpServer } from "@gevent/deno/http";
 *
 * const server = new HttpServer("127.0.0.1:0", (request) => {
 *   return { path: new URL(request.url).pathname };
 * }, { log: null });
 * await server.start();
 * const response = await fetch(new URL("/hello", server.url));
 * console.assert((await response.json()).path === "/hello");
 * await server.stop();
 * ```
 */
export class HttpServer extends BaseServer {
  readonly #app: HttpApp;
  readonly #options: HttpServerOptions;
  readonly #logEntry: ((entry: AccessLogEntry) => void) | null;
  #server: Deno.HttpServer | undefined;
  #drained: Promise<void> | undefined;
  #waiting = 0;
  readonly #refuseWaiting: AbortController = new AbortController();

  /**
   * Makes a server that is not listening yet.
   *
   * @throws {TypeError} When an argument has the wrong form.
   */
  constructor(address: Address, app: HttpApp, options: HttpServerOptions = {}) {
    super(address, options);
    requireFunction(app, "app");
    if ((options.cert === undefined) !== (options.key === undefined)) {
      throw new TypeError("Cannot create an HTTPS server as it needs both 'cert' and 'key'");
    }
    if (options.cert !== undefined && "path" in this.address) {
      throw new TypeError(
        `Cannot create an HTTPS server on a unix socket: received ${this.address.path}`,
      );
    }
    this.#app = app;
    this.#options = options;
    const { log = (line: string): void => console.error(line) } = options;
    this.#logEntry = log === null ? null : (entry) => log(formatAccessLog(entry), entry);
  }

  /**
   * The root URL, with the real port once it is started; a server on all interfaces is reached by `localhost`.
   *
   * @throws {TypeError} For a server on a unix socket, which has none.
   */
  get url(): string {
    const { address, port } = this;
    const scheme = this.#options.cert === undefined ? "http" : "https";
    const hostname = "hostname" in address ? address.hostname ?? "localhost" : "localhost";
    const reachable = hostname === "0.0.0.0" || hostname === "::" ? "localhost" : hostname;
    return `${scheme}://${formatAddress({ hostname: reachable, port })}/`;
  }

  /** Begins to listen. */
  protected override listen(address: ParsedAddress): Deno.Addr {
    const { cert, key } = this.#options;
    const common = {
      onListen: () => {},
      onError: (error: unknown): Response => {
        if (error !== CUT_OFF) hub.handleError(this, error);
        return new Response("Internal Server Error", { status: 500 });
      },
    };
    const handler = (request: Request, info: Deno.ServeHandlerInfo): Promise<Response> =>
      this.#answer(request, info);
    if ("path" in address) {
      this.#server = Deno.serve({ ...common, path: address.path }, handler);
    } else {
      const { hostname = "0.0.0.0", port } = address;
      const tls = cert === undefined || key === undefined ? {} : { cert, key };
      this.#server = Deno.serve({ ...common, hostname, port, ...tls }, handler);
    }
    return this.#server.addr;
  }

  /** Accepts nothing new; connections that are idle are closed. */
  protected override unlisten(): void {
    this.#refuseWaiting.abort();
    this.#drained = this.#server?.shutdown();
  }

  /**
   * Waits for the last bytes to leave, but not for a client that does not take them: the runtime cannot cut connections
   * that it is told to let finish.
   */
  protected override async drain(): Promise<void> {
    const drained = this.#drained;
    if (drained === undefined) return;
    await withTimeout(LEAVING_TIME, () => until(drained), { timeoutValue: undefined });
  }

  #answer(request: Request, info: HttpInfo): Promise<Response> {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const exchange = new Exchange(this.#app, request, info, resolve, this.#logEntry);
    if (this.#options.killOnDisconnect) {
      request.signal.addEventListener("abort", () => exchange.abandon());
    }
    if (!this.pool.tryStart(exchange)) void this.#startLater(exchange);
    return promise;
  }

  async #startLater(exchange: Exchange): Promise<void> {
    const { maxWaiting = 1000 } = this.#options;
    if (this.#waiting >= maxWaiting) return exchange.refuse();
    this.#waiting++;
    try {
      await this.pool.start(exchange, { signal: this.#refuseWaiting.signal });
    } catch {
      exchange.refuse();
    } finally {
      this.#waiting--;
    }
  }
}
