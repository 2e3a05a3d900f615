/**
 * How large a request may be, and how slow.
 *
 * @module
 */

/**
 * What a server accepts of a request; `null` takes a limit away.
 *
 * The runtime has limits of its own, which stay: 64 KiB for the head of a request, 128 headers.
 *
 * @example
 * ```ts
 * import { HttpServer, type RequestLimits } from "@gevent/deno/http";
 *
 * const limits: RequestLimits = { maxUrlLength: 20, maxBodySize: 10 };
 * await using server = new HttpServer("127.0.0.1:0", () => "ok", { ...limits, log: null });
 * await server.start();
 * const statusOf = async (path: string, init?: RequestInit) => {
 *   const response = await fetch(new URL(path, server.url), init);
 *   await response.body?.cancel();
 *   return response.status;
 * };
 * console.assert(await statusOf("/short") === 200);
 * console.assert(await statusOf("/much/longer/than/that") === 414);
 * console.assert(await statusOf("/", { method: "POST", body: "eleven byte" }) === 413);
 * ```
 */
export interface RequestLimits {
  /**
   * How many characters the path of a request may have, with its query, before the request is answered with 414; default
   * 8192, as with gevent.
   */
  readonly maxUrlLength?: number | null;
  /**
   * How many headers a request may have before it is answered with 431, those with the same name counted once; by default
   * only the runtime's limit holds: 128, answered with 400.
   */
  readonly maxHeaders?: number | null;
  /**
   * How many bytes the headers of a request may have before it is answered with 431; by default only the runtime's limit
   * holds: 64 KiB for the whole head, answered with 400. The runtime keeps all of it in memory before anybody can refuse
   * it; what a connection may send unseen is limited by the guard.
   */
  readonly maxHeaderSize?: number | null;
  /**
   * How many bytes the body of a request may have; default 1 MiB. A request that declares more is answered with 413 before
   * the app sees it. Where the length was not declared, reading more than that throws an `HttpError` with 413.
   */
  readonly maxBodySize?: number | null;
  /**
   * How long the body of a request may take to arrive, in ms, from when the app begins to read it; default 60 000. Then
   * reading it throws an `HttpError` with 408.
   */
  readonly bodyTimeout?: number | null;
  /**
   * Whether headers with an underscore in their name are kept from the app; default `false`. They are names of their own
   * here, so that `x_real_ip` is never found under `x-real-ip`; but gateways that an app hands headers on to may not tell
   * them apart. Costs about a tenth of the shortest requests.
   *
   * A `new Request(request)` has them again, and so has what `fetch(request)` sends: hand `request.headers` on, or
   * make a `new Request(url, request)`.
   */
  readonly dropUnderscores?: boolean;
}
