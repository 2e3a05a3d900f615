/**
 * The HTTP server: a greenlet for each request.
 *
 * @module
 */

import { requireFunction } from "../core/arguments.ts";
import { original } from "../core/originals.ts";
import { hub } from "../core/scheduler.ts";
import { withTimeout } from "../core/timeout.ts";
import { until } from "../core/until.ts";
import { type Address, formatAddress, type ParsedAddress } from "../net/address.ts";
import { BaseServer, type BaseServerOptions } from "../net/base_server.ts";
import { requireReusePort } from "../net/reuse_port.ts";
import { CUT_OFF, Exchange, type ExchangeSettings } from "./_exchange.ts";
import { BEHIND } from "./_guarded_connection.ts";
import { stderrLog } from "./_log_buffer.ts";
import { OpenWebSockets } from "./_open_websockets.ts";
import { limitFrom, RequestPolicy } from "./_request_policy.ts";
import { type AccessLogEntry, formatAccessLog } from "./access_log.ts";
import type { HttpApp, HttpErrorHandler, HttpInfo } from "./app.ts";
import { Guard, type GuardOptions, type HttpConnection } from "./guard.ts";
import type { RequestLimits } from "./request_limits.ts";

/**
 * What `HttpServer` takes; `null` takes a limit away.
 *
 * @example
 * ```ts
 * import type { HttpServerOptions } from "@gevent/deno/http";
 *
 * const options: HttpServerOptions = { spawn: 1000, handlerTimeout: 30_000, guard: true, log: null };
 * console.assert(options.log === null);
 * ```
 */
export interface HttpServerOptions extends BaseServerOptions, RequestLimits {
  /**
   * Where access log lines go; `null` for nowhere. By default to stderr, as with gevent, some of them together. A function
   * is called for each.
   */
  readonly log?: ((line: string, entry: AccessLogEntry) => void) | null;
  /**
   * How long the app may take to begin its answer, in ms; by default as long as it likes. Then its greenlet gets a
   * `Timeout`, and the client 503 if there is no answer within another second. The body of an answer, and a WebSocket,
   * may take any time.
   */
  readonly handlerTimeout?: number | null;
  /**
   * Makes the answers to errors that the app throws, also to an `HttpError`. When it returns a `Response`, the error counts
   * as dealt with; with `undefined` the client gets the usual answer, and the hub is told. Not asked about kills, nor
   * about requests that do not get to the app.
   */
  readonly onError?: HttpErrorHandler;
  /**
   * Limits on connections: time for a head, time to be idle, number in all and for each client; `true` for the defaults.
   * By default there are none, as the runtime has none. A server that clients from the Internet can reach without a proxy
   * should have a guard. Bytes then pass through this process twice, see {@link HttpServer}.
   */
  readonly guard?: boolean | GuardOptions;
  /**
   * Let other processes listen at the same address too, so that the system spreads the connections over them (Linux).
   * Deno has to be started with `--unstable-net` for that.
   */
  readonly reusePort?: boolean;
  /** How many requests may wait for a slot of a full pool before more are answered with 503; default 1000. */
  readonly maxWaiting?: number;
  /**
   * Kill the greenlet of a request whose client leaves before the answer; default `false`. Streamed bodies and
   * WebSockets end with their client in any case. Without a guard, watching for it makes the runtime print a warning, and
   * slow, unless it was started with `--unstable-no-legacy-abort`.
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
 * What is malformed never gets to the app, nor does what is larger than the {@link RequestLimits} say: the client gets
 * 400, 413, 414, 431 or 501. A host that is none is 400, too. Headers with an underscore in their name are others than those
 * with a dash; {@link RequestLimits.dropUnderscores} is for those who hand them on.
 *
 * With a {@link HttpServerOptions.guard} the runtime listens at a port of this machine that nobody is told of, and the
 * connections of clients are handed on to it. Measured with `wrk` and `ab`, 64 connections: the shortest requests take three
 * times the CPU time, five times where each has a connection of its own, answers of 1 MiB twice. A connection takes three
 * file descriptors instead of one, and some 45 KiB.
 *
 * `stop` accepts nothing new, refuses requests that still wait, lets running ones finish for a while, kills the rest, and
 * closes all connections. WebSockets are closed with 1001 at once; their handlers are among what may finish. Without a
 * guard, a client that does not take its answer, and a `Response` around an endless stream of your own, keep theirs until
 * they end; a stream that is returned as it is, or through `streamed`, is ended like any other streamed body. A handler
 * may call `stop`, too; as it cannot wait for its own end, that returns at once.
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
  /**
   * Answers one request that has come in some other way: it makes the server the default export of a program for
   * `deno serve`, which may run it in several threads, and lets tests do without a network. A guard is not involved.
   *
   * @example
   * ```ts
   * import { HttpServer } from "@gevent/deno/http";
   *
   * const server = new HttpServer(8000, () => "Hello", { log: null });
   * export default server; // for `deno serve --parallel main.ts`
   * console.assert(await (await server.fetch(new Request("http://localhost/"))).text() === "Hello");
   * ```
   */
  readonly fetch: (request: Request, info?: HttpInfo) => Promise<Response>;
  #app: HttpApp;
  readonly #options: HttpServerOptions;
  readonly #settings: ExchangeSettings;
  readonly #guard: Guard | undefined;
  #server: Deno.HttpServer | undefined;
  #drained: Promise<void> | undefined;
  #waiting = 0;
  readonly #refuseWaiting: AbortController = new AbortController();

  /**
   * Makes a server that is not listening yet.
   *
   * @throws {TypeError} When an argument has the wrong form.
   * @throws {RangeError} When a limit is negative.
   */
  constructor(address: Address, app: HttpApp, options: HttpServerOptions = {}) {
    super(address, options);
    requireFunction(app, "app");
    checkOptions(this.address, options);
    this.#app = app;
    this.#options = options;
    this.#settings = {
      policy: new RequestPolicy(options),
      handlerTimeout: limitFrom("handlerTimeout", options.handlerTimeout, null),
      log: logOf(options),
      onError: options.onError,
      webSockets: new OpenWebSockets(),
    };
    this.#guard = this.#makeGuard(address);
    this.fetch = (request, info = NOWHERE): Promise<Response> => this.#answer(request, info);
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

  /** The connections there are now, the oldest first; `undefined` without a guard, as the runtime does not show them. */
  get connections(): readonly HttpConnection[] | undefined {
    return this.#guard?.connections;
  }

  /** What answers requests. */
  get app(): HttpApp {
    return this.#app;
  }

  /**
   * Has further requests answered by another app, without an interruption; those that have come already keep theirs.
   *
   * @throws {TypeError} When it is not a function.
   *
   * @example
   * ```ts
   * import { HttpServer } from "@gevent/deno/http";
   *
   * const server = new HttpServer(8000, () => "old", { log: null });
   * server.setApp(() => "new");
   * console.assert(await (await server.fetch(new Request("http://localhost/"))).text() === "new");
   * ```
   */
  setApp(app: HttpApp): void {
    requireFunction(app, "app");
    this.#app = app;
  }

  /** Begins to listen. */
  protected override async listen(address: ParsedAddress): Promise<Deno.Addr> {
    const { cert, key, reusePort = false } = this.#options;
    const guard = this.#guard;
    const common = {
      onListen: () => {},
      onError: (error: unknown): Response => {
        if (error !== CUT_OFF) hub.handleError(this, error);
        return new Response("Internal Server Error", { status: 500 });
      },
    };
    const tls = cert === undefined || key === undefined ? {} : { cert, key };
    if (guard !== undefined) {
      this.#server = original(Deno, "serve")(
        { ...common, ...tls, hostname: BEHIND, port: 0 },
        this.#answerGuarded,
      );
      return await this.#startGuard(guard, this.#server);
    }
    const handler = (request: Request, info: HttpInfo): Promise<Response> =>
      this.#answer(request, info);
    if ("path" in address) {
      this.#server = original(Deno, "serve")({ ...common, path: address.path }, handler);
    } else {
      const { hostname = "0.0.0.0", port } = address;
      if (reusePort) requireReusePort();
      this.#server = original(Deno, "serve")(
        { ...common, ...tls, hostname, port, reusePort },
        handler,
      );
    }
    return this.#server.addr;
  }

  /**
   * Accepts nothing new; connections that are idle are closed. The runtime would cut WebSockets off before their handlers
   * have come to an end; so as long as there are some it goes on listening, and refuses what comes in.
   */
  protected override unlisten(): void {
    const { webSockets } = this.#settings;
    this.#guard?.stopAccepting();
    this.#refuseWaiting.abort();
    webSockets.closeAll();
    if (webSockets.size === 0) this.#drained = this.#server?.shutdown();
  }

  /**
   * Waits for the last bytes to leave, but not for a client that does not take them: the runtime cannot cut connections
   * that it is told to let finish.
   */
  protected override async drain(): Promise<void> {
    const drained = this.#drained ??= this.#server?.shutdown();
    if (drained !== undefined) {
      await withTimeout(LEAVING_TIME, () => until(drained), { timeoutValue: undefined });
      this.#settings.webSockets.abortAll();
      await this.#guard?.finish(LEAVING_TIME);
    }
    stderrLog.flush();
  }

  #makeGuard(address: Address): Guard | undefined {
    const { guard = false, cert, killOnDisconnect = false, reusePort = false } = this.#options;
    if (guard === false) return undefined;
    const { log } = this.#settings;
    const server = { tls: cert !== undefined, killOnDisconnect, reusePort, log };
    return new Guard(address, guard === true ? {} : guard, server);
  }

  async #startGuard(guard: Guard, server: Deno.HttpServer): Promise<Deno.Addr> {
    try {
      return await guard.start((server.addr as Deno.NetAddr).port);
    } catch (error) {
      await server.shutdown();
      throw error;
    }
  }

  #answer(request: Request, info: HttpInfo): Promise<Response> {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const exchange = new Exchange(this.#settings, this.#app, request, info, resolve);
    if (this.#options.killOnDisconnect) {
      request.signal.addEventListener("abort", () => exchange.abandon());
    }
    this.#begin(exchange, request);
    return promise;
  }

  /** The same for a request that has come through the guard, which wants to know when it begins and when it ends. */
  #answerGuarded = (request: Request, info: Deno.ServeHandlerInfo): Promise<Response> => {
    const connection = this.#guard!.connectionOf(info);
    // Somebody on this machine has found the port behind the guard.
    if (connection === undefined) return Promise.resolve(new Response(null, { status: 421 }));
    const { completed } = info;
    const { promise, resolve } = Promise.withResolvers<Response>();
    const respond = (response: Response): void => {
      if (response.status === 101) connection.upgrade();
      resolve(response);
    };
    const { remoteAddr } = connection;
    const guarded: HttpInfo = { remoteAddr, completed } as HttpInfo;
    const exchange = new Exchange(this.#settings, this.#app, request, guarded, respond);
    connection.begin(exchange, request);
    const done = (): void => connection.end(exchange);
    completed.then(done, done);
    this.#begin(exchange, request);
    return promise;
  };

  #begin(exchange: Exchange, request: Request): void {
    const refusal = this.closed ? 503 : this.#settings.policy.refusalOf(request);
    if (refusal !== 0) return exchange.refuse(refusal);
    if (!this.pool.tryStart(exchange)) void this.#startLater(exchange);
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

/** Where a request has come from that has come from nowhere. */
const NOWHERE: HttpInfo = { remoteAddr: { transport: "tcp", hostname: "localhost", port: 0 } };

function checkOptions(address: ParsedAddress, options: HttpServerOptions): void {
  const { cert, key, onError, reusePort } = options;
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError("Cannot create an HTTPS server as it needs both 'cert' and 'key'");
  }
  if (cert !== undefined && "path" in address) {
    throw new TypeError(
      `Cannot create an HTTPS server on a unix socket: received ${address.path}`,
    );
  }
  if (reusePort && "path" in address) {
    throw new TypeError(`Cannot share a unix socket with 'reusePort': received ${address.path}`);
  }
  if (onError !== undefined) requireFunction(onError, "onError");
}

function logOf({ log }: HttpServerOptions): ExchangeSettings["log"] {
  if (log === null) return null;
  if (log === undefined) return (entry) => stderrLog.add(formatAccessLog(entry));
  return (entry) => log(formatAccessLog(entry), entry);
}
