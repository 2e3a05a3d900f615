/**
 * What users of the HTTP server write: what answers requests, and what answers errors.
 *
 * @module
 */

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
 * What makes an answer of an error that an app has thrown; see `HttpServerOptions.onError`.
 *
 * @example
 * ```ts
 * import { HttpError, type HttpErrorHandler } from "@gevent/deno/http";
 *
 * const inJson: HttpErrorHandler = (error) =>
 *   error instanceof HttpError ? Response.json({ error: error.message }, { status: error.status }) : undefined;
 * console.assert(inJson.length === 1);
 * ```
 */
export type HttpErrorHandler = (
  error: unknown,
  request: Request,
) => Response | undefined | PromiseLike<Response | undefined>;
