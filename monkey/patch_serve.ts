/**
 * Patching `Deno.serve`.
 *
 * @module
 */

import type { AdoptedKind } from "../core/adopt.ts";
import { GreenletExit } from "../core/errors.ts";
import { Greenlet, startAtOnce } from "../core/greenlet.ts";
import { adopted, adoptedEnd } from "./_adopted.ts";
import { Patcher, type Patches, type PatchOptions } from "./registry.ts";

const FINISHED: AdoptedKind = { name: "Deno.HttpServer.finished" };
const SHUTDOWN: AdoptedKind = { name: "Deno.HttpServer.shutdown" };

type Handler = (request: Request, info: Deno.ServeHandlerInfo) => Response | Promise<Response>;

/** What `Deno.serve` takes before, or in place of, the handler. */
type ServeOptions = Deno.ServeOptions & { handler?: Handler };

/**
 * Patches `Deno.serve`: each request is handled in a greenlet of its own. So handlers have greenlet locals, can be
 * listed, traced and killed, and time limits and other patches reach what they wait for. A request whose greenlet was
 * killed is answered with 503. Errors go to the server's `onError`, as ever.
 *
 * Servers on `HttpServer` have greenlets anyway, and many things more. gevent has no counterpart: there, servers are
 * written on sockets.
 *
 * @returns What was replaced, and takes it back; servers that run keep their greenlets.
 *
 * @example
 * ```ts
 * import { getCurrent } from "@gevent/deno";
 * import { patchServe } from "@gevent/deno/monkey";
 *
 * using _patch = patchServe();
 * await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
 *   return new Response(getCurrent().name);
 * });
 * const response = await fetch(`http://127.0.0.1:${server.addr.port}/`);
 * console.assert((await response.text()).startsWith("Greenlet-"));
 * ```
 */
export function patchServe(options: PatchOptions = {}): Patches {
  const patcher = new Patcher("serve", options);
  patcher.method(Deno, "serve", "Deno.serve", (serve) => (...args: unknown[]) => {
    const [first, second] = args as [ServeOptions | Handler | undefined, Handler | undefined];
    return greenServer(
      withGreenlets(serve as (...args: unknown[]) => Deno.HttpServer, first, second),
    );
  });
  return patcher.patches;
}

/** Calls `Deno.serve` in the form in which it was called. */
function withGreenlets(
  serve: (...args: unknown[]) => Deno.HttpServer,
  first: ServeOptions | Handler | undefined,
  second: Handler | undefined,
): Deno.HttpServer {
  if (typeof first === "function") return serve(inGreenlets(first));
  if (typeof second === "function") return serve(first, inGreenlets(second));
  const handler = first?.handler;
  return serve(typeof handler === "function" ? { ...first, handler: inGreenlets(handler) } : first);
}

function inGreenlets(handler: Handler): Handler {
  return (request, info) => {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    startAtOnce(new RequestGreenlet(handler, request, info, resolve, reject));
    return promise;
  };
}

/** Handles one request. */
class RequestGreenlet extends Greenlet<Response> {
  readonly #handler: Handler;
  readonly #request: Request;
  readonly #info: Deno.ServeHandlerInfo;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    handler: Handler,
    request: Request,
    info: Deno.ServeHandlerInfo,
    resolve: (response: Response) => void,
    reject: (error: unknown) => void,
  ) {
    super();
    this.#handler = handler;
    this.#request = request;
    this.#info = info;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  override run(): Response | Promise<Response> {
    return this.#handler(this.#request, this.#info);
  }

  /** The server has a way of its own to deal with it. */
  protected override report(): void {}

  protected override ended(): void {
    if (!this.successful) this.#reject(this.exception);
    else if (!(this.value instanceof GreenletExit)) this.#resolve(this.value!);
    else this.#resolve(new Response("Service Unavailable", { status: 503 }));
  }
}

/** Has the promises of a server waited for cooperatively. */
function greenServer<S extends Deno.HttpServer>(server: S): S {
  const { finished, shutdown } = server;
  return Object.defineProperties(server, {
    finished: {
      get: () => adopted(() => finished, FINISHED),
      configurable: true,
      enumerable: true,
    },
    shutdown: {
      value: () => adoptedEnd(() => shutdown.call(server), SHUTDOWN),
      configurable: true,
      enumerable: true,
      writable: true,
    },
  });
}
