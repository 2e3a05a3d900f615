/**
 * Reading the body of a request, with a limit.
 *
 * @module
 */

import type { WaitOptions } from "../core/suspend.ts";
import { limited } from "../core/timeout.ts";
import { each } from "../core/until.ts";
import { bodyError, maxBodySizeOf, tooLong } from "./_limited_request.ts";
import { HttpError } from "./errors.ts";

/**
 * What the functions that read a body take.
 *
 * @example
 * ```ts
 * import { type BodyOptions, readText } from "@gevent/deno/http";
 *
 * const options: BodyOptions = { limit: 10 };
 * const request = new Request("http://localhost/", { method: "POST", body: "short" });
 * console.assert(await readText(request, options) === "short");
 * ```
 */
export interface BodyOptions extends WaitOptions {
  /**
   * How many bytes it may have; by default as many as `maxBodySize` of the server says, which no limit can exceed, and
   * 1 MiB where no server has said anything.
   */
  readonly limit?: number;
}

const DEFAULT_LIMIT = 1024 * 1024;

/**
 * Reads the whole body of a request as bytes.
 *
 * @throws {HttpError} 413 when it is longer than `options.limit`; it is not read further than that. 400 when it is
 * malformed, or breaks off because the client has left.
 * @throws {Timeout} When it does not come in time; the time counts for all of it.
 *
 * @example
 * ```ts
 * import { readBytes } from "@gevent/deno/http";
 *
 * const request = new Request("http://localhost/", { method: "POST", body: "abc" });
 * console.assert((await readBytes(request)).length === 3);
 * ```
 */
export async function readBytes(
  request: Request,
  options: BodyOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { limit = defaultLimit(request), timeout, signal } = options;
  if (Number(request.headers.get("content-length") ?? 0) > limit) throw tooLong(limit);
  const chunks: Uint8Array[] = [];
  let length = 0;
  const { body } = request;
  if (body !== null) {
    await limited(timeout, async () => {
      for await (const chunk of each(piecesOf(body), { signal })) {
        length += chunk.length;
        if (length > limit) throw tooLong(limit);
        chunks.push(chunk);
      }
    });
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function defaultLimit(request: Request): number {
  const limit = maxBodySizeOf(request);
  return limit === undefined || limit === Infinity ? DEFAULT_LIMIT : limit;
}

/** The body piece by piece. What goes wrong with it is the client's doing, unlike what interrupts the wait for it. */
function piecesOf(body: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  const pieces = body.values();
  return {
    [Symbol.asyncIterator]: () => ({
      next: () =>
        pieces.next().catch((error) => {
          throw bodyError(error);
        }),
      return: () => pieces.return!(),
    }),
  };
}

/**
 * Reads the whole body of a request as text, which must be UTF-8; see {@link readBytes}.
 *
 * @throws {HttpError} 413 when it is too long, 400 when it is not UTF-8.
 *
 * @example
 * ```ts
 * import { readText } from "@gevent/deno/http";
 *
 * const request = new Request("http://localhost/", { method: "POST", body: "hello" });
 * console.assert(await readText(request) === "hello");
 * ```
 */
export async function readText(request: Request, options?: BodyOptions): Promise<string> {
  const bytes = await readBytes(request, options);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new HttpError(400, `The body is not UTF-8: ${(error as Error).message}`);
  }
}

/**
 * Reads the whole body of a request as JSON; see {@link readBytes}.
 *
 * @throws {HttpError} 413 when it is too long, 400 when it is not JSON.
 *
 * @example
 * ```ts
 * import { readJson } from "@gevent/deno/http";
 *
 * const request = new Request("http://localhost/", { method: "POST", body: '{"n": 1}' });
 * console.assert((await readJson(request) as { n: number }).n === 1);
 * ```
 */
export async function readJson(request: Request, options?: BodyOptions): Promise<unknown> {
  const text = await readText(request, options);
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpError(400, "The body is not JSON");
  }
}
