/**
 * What an app may return, and how it becomes a response.
 *
 * @module
 */

import { SimpleQueue, type StopIteration } from "../sync/simple_queue.ts";

/**
 * A piece of a streamed body.
 *
 * @example
 * ```ts
 * import type { BodyChunk } from "@gevent/deno/http";
 *
 * const chunks: BodyChunk[] = ["text", new Uint8Array([1, 2, 3])];
 * console.assert(chunks.length === 2);
 * ```
 */
export type BodyChunk = string | Uint8Array;

/**
 * A body that is sent piece by piece as it comes: a generator, any iterable but an array, or a queue, which ends with
 * `StopIteration` or when it is shut down.
 *
 * @example
 * ```ts
 * import type { StreamedBody } from "@gevent/deno/http";
 *
 * async function* count() {
 *   for (let n = 0; n < 3; n++) yield `${n}\n`;
 * }
 * const body: StreamedBody = count();
 * console.assert(Symbol.asyncIterator in body);
 * ```
 */
export type StreamedBody =
  | Iterable<BodyChunk>
  | AsyncIterable<BodyChunk>
  | SimpleQueue<BodyChunk | typeof StopIteration>;

/**
 * What an app may return: a `Response`, also that of another implementation; a text (`text/plain`); bytes; a streamed body
 * (`text/plain`); nothing (204); anything else is sent as JSON, arrays included.
 *
 * @example
 * ```ts
 * import type { HttpResult } from "@gevent/deno/http";
 *
 * const results: HttpResult[] = ["Hello", { hello: "world" }, new Response("Hello"), undefined];
 * console.assert(results.length === 4);
 * ```
 */
export type HttpResult =
  | Response
  | StreamedBody
  | string
  | Uint8Array
  | object
  | number
  | boolean
  | null
  | undefined;

/** What is sent when nothing else has been for so many ms. */
export interface Heartbeat {
  readonly ms: number;
  readonly chunk: string;
}

/** A streamed body with a head that says more than the default one. */
export class StreamedResponse {
  readonly body: StreamedBody;
  readonly init: ResponseInit;
  readonly heartbeat: Heartbeat | undefined;

  /** A body that is still to be produced. */
  constructor(body: StreamedBody, init: ResponseInit, heartbeat?: Heartbeat) {
    this.body = body;
    this.init = init;
    this.heartbeat = heartbeat;
  }
}

/**
 * A streamed body with a status and headers of its own.
 *
 * The body is produced in the greenlet of the request, which ends with it; when the client leaves, the greenlet is
 * killed, so that the generator's `finally` blocks run.
 *
 * @example
 * ```ts
 * import { HttpServer, streamed } from "@gevent/deno/http";
 * import { sleep } from "@gevent/deno";
 *
 * async function* page() {
 *   yield "<p>Hello";
 *   await sleep(1);
 *   yield "World</p>";
 * }
 *
 * await using server = new HttpServer("127.0.0.1:0", () => {
 *   return streamed(page(), { headers: { "content-type": "text/html" } });
 * }, { log: null });
 * await server.start();
 * const response = await fetch(server.url);
 * console.assert(await response.text() === "<p>HelloWorld</p>");
 * ```
 */
export function streamed(body: StreamedBody, init: ResponseInit = {}): object {
  if (!isStreamed(body)) {
    throw new TypeError(`Cannot stream what is not iterable: received ${Deno.inspect(body)}`);
  }
  return new StreamedResponse(body, { ...init, headers: withDefault(init.headers) });
}

/** How an app's result is answered: at once, or piece by piece. */
export type Answer = Response | StreamedResponse;

const encoder = new TextEncoder();
const TEXT = "text/plain;charset=UTF-8";
const TEXT_HEADERS = { headers: { "content-type": TEXT } };
const JSON_HEADERS = { "content-type": "application/json" };
const BYTES_HEADERS = { "content-type": "application/octet-stream" };

/** Makes the answer for what an app returned. */
export function answerFor(result: HttpResult): Answer {
  if (result instanceof Response) return result;
  // The runtime sets the type of a text by itself, and has a short way for it.
  if (typeof result === "string") return new Response(result);
  if (result === undefined || result === null) return new Response(null, { status: 204 });
  if (result instanceof StreamedResponse) return result;
  if (result instanceof Uint8Array) {
    return new Response(result as Uint8Array<ArrayBuffer>, { headers: BYTES_HEADERS });
  }
  if (isStreamed(result)) return new StreamedResponse(result, TEXT_HEADERS);
  if (isForeignResponse(result)) return adopt(result);
  const text = JSON.stringify(result);
  if (text === undefined) {
    throw new TypeError(`Cannot send as JSON what the app returned: ${Deno.inspect(result)}`);
  }
  return new Response(text, { headers: JSON_HEADERS });
}

/** Responses with these statuses have no body. */
const WITHOUT_BODY: readonly number[] = [101, 204, 205, 304];

/**
 * How long the body of what an app returned is, as far as that can be told; for the access log. The response is not
 * asked for its body: the runtime would make a stream of it, and send it in pieces.
 */
export function lengthOf(result: HttpResult, response: Response): number | undefined {
  if (WITHOUT_BODY.includes(response.status)) return 0;
  if (typeof result === "string") return sizeOf(result);
  if (result instanceof Uint8Array) return result.length;
  const declared = response.headers.get("content-length");
  if (declared !== null) return Number(declared);
  const isJson = !(result instanceof Response || isForeignResponse(result));
  return isJson ? sizeOf(JSON.stringify(result)) : undefined;
}

/** How many bytes a text has in UTF-8; without encoding it where that is easy to see. */
function sizeOf(text: string): number {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return encoder.encode(text).length;
  }
  return text.length;
}

/** The pieces of a streamed body, as bytes, one by one. */
export async function* chunksOf(body: StreamedBody): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of body as AsyncIterable<BodyChunk>) {
    if (typeof chunk !== "string" && !(chunk instanceof Uint8Array)) {
      throw new TypeError(
        `Cannot send as a piece of a body what is not text or bytes: ${Deno.inspect(chunk)}`,
      );
    }
    if (chunk.length > 0) yield typeof chunk === "string" ? encoder.encode(chunk) : chunk;
  }
}

function withDefault(given: HeadersInit | undefined): Headers {
  const headers = new Headers(given);
  if (!headers.has("content-type")) headers.set("content-type", TEXT);
  return headers;
}

/** A response of another make, such as that of `undici`, which frameworks for Node use. */
type ForeignResponse = Pick<Response, "body" | "headers" | "status" | "statusText">;

function isForeignResponse(value: unknown): value is ForeignResponse {
  return Object.prototype.toString.call(value) === "[object Response]";
}

function adopt({ body, headers, status, statusText }: ForeignResponse): Response {
  return new Response(body, { headers: [...headers], status, statusText });
}

function isStreamed(value: unknown): value is StreamedBody {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return value instanceof SimpleQueue || Symbol.asyncIterator in value || Symbol.iterator in value;
}
