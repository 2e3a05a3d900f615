/**
 * Server-sent events: an answer that goes on, which browsers read with `EventSource`.
 *
 * @module
 */

import type { SimpleQueue, StopIteration } from "../sync/simple_queue.ts";
import { StreamedResponse } from "./body.ts";

/**
 * An event for an `EventSource`.
 *
 * @example
 * ```ts
 * import type { ServerSentEvent } from "@gevent/deno/http";
 *
 * const event: ServerSentEvent = { event: "price", id: "17", data: { share: "ACME", price: 4.2 } };
 * console.assert(event.id === "17");
 * ```
 */
export interface ServerSentEvent {
  /** What has happened: a text, of any number of lines; anything else is sent as JSON. */
  readonly data?: unknown;
  /** What kind of event it is: the browser calls the listeners for that. By default `message`. */
  readonly event?: string;
  /** What the browser sends back as `Last-Event-ID` when it connects again, for the app to go on from there. */
  readonly id?: string;
  /** How long the browser is to wait from now on before it connects again, in ms. */
  readonly retry?: number;
  /** Is not shown to anybody. */
  readonly comment?: string;
}

/**
 * What `eventStream` takes.
 *
 * @example
 * ```ts
 * import type { EventStreamOptions } from "@gevent/deno/http";
 *
 * const options: EventStreamOptions = { heartbeat: 5000, headers: { "access-control-allow-origin": "*" } };
 * console.assert(options.heartbeat === 5000);
 * ```
 */
export interface EventStreamOptions {
  /**
   * How long, in ms, nothing may be sent before a comment is: keeps proxies from closing the connection, and finds out
   * that a client is gone; `null` for never. Default 15 000.
   */
  readonly heartbeat?: number | null;
  /** Further headers of the response. */
  readonly headers?: HeadersInit;
}

/** A comment of nothing. */
const NOTHING = ":\n\n";

/**
 * Answers a request with events, for as long as they come: of a generator, any iterable, or a queue, which ends with
 * `StopIteration` or when it is shut down. A string is an event with that text.
 *
 * The head of the answer leaves at once. When the client leaves, the greenlet of the request is killed, at the latest a
 * heartbeat later, so that the generator's `finally` blocks run. A browser whose connection was lost comes back with the
 * `id` of the last event it has seen in the header `Last-Event-ID`.
 *
 * @throws {TypeError} When `events` is not iterable; while sending, when a name or id has more than one line.
 * @throws {RangeError} When `options.heartbeat` is not positive; while sending, when `retry` is not a number of ms.
 *
 * @example
 * ```ts
 * import { eventStream, HttpServer } from "@gevent/deno/http";
 * import { sleep } from "@gevent/deno";
 *
 * async function* ticks(from: number) {
 *   for (let n = from; n < from + 3; n++) {
 *     yield { id: `${n}`, event: "tick", data: { n } };
 *     await sleep(1);
 *   }
 * }
 *
 * await using server = new HttpServer("127.0.0.1:0", (request) => {
 *   return eventStream(ticks(Number(request.headers.get("last-event-id") ?? 0) + 1));
 * }, { log: null });
 * await server.start();
 * const response = await fetch(server.url, { headers: { "last-event-id": "7" } });
 * console.assert((await response.text()).includes('id: 8\nevent: tick\ndata: {"n":8}\n\n'));
 * ```
 */
export function eventStream(
  events:
    | Iterable<ServerSentEvent | string>
    | AsyncIterable<ServerSentEvent | string>
    | SimpleQueue<ServerSentEvent | string | typeof StopIteration>,
  options: EventStreamOptions = {},
): object {
  const { heartbeat = 15_000 } = options;
  if (heartbeat !== null && !(heartbeat > 0)) {
    throw new RangeError(
      `Cannot stream events as 'heartbeat' must be positive or null: received ${heartbeat}`,
    );
  }
  if (typeof events !== "object" || events === null || !isIterable(events)) {
    throw new TypeError(
      `Cannot stream events as 'events' must be iterable: received ${Deno.inspect(events)}`,
    );
  }
  const headers = new Headers({
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    "x-accel-buffering": "no", // or nginx would collect them
  });
  for (const [name, value] of new Headers(options.headers)) headers.set(name, value);
  const pulse = heartbeat === null ? undefined : { ms: heartbeat, chunk: NOTHING };
  const body = write(events as AsyncIterable<ServerSentEvent | string>);
  return new StreamedResponse(body, { headers }, pulse);
}

function isIterable(value: object): boolean {
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}

async function* write(events: AsyncIterable<ServerSentEvent | string>): AsyncGenerator<string> {
  yield NOTHING; // with it the head leaves, so that the browser knows that it is connected
  for await (const event of events) yield format(event);
}

/** Writes an event the way browsers read it. */
function format(given: ServerSentEvent | string): string {
  const event: ServerSentEvent = typeof given === "string" ? { data: given } : given;
  const { comment, retry, id, event: name, data } = event;
  let text = "";
  if (comment !== undefined) text += field("", comment);
  if (retry !== undefined) {
    if (!Number.isInteger(retry) || retry < 0) {
      throw new RangeError(
        `Cannot send an event as 'retry' must be a number of milliseconds: received ${retry}`,
      );
    }
    text += `retry: ${retry}\n`;
  }
  if (id !== undefined) text += `id: ${oneLine("id", id)}\n`;
  if (name !== undefined) text += `event: ${oneLine("event", name)}\n`;
  if (data !== undefined) text += field("data", typeof data === "string" ? data : toJson(data));
  return `${text}\n`;
}

function field(name: string, text: string): string {
  return text.split(/\r\n|\r|\n/).map((line) => `${name}: ${line}\n`).join("");
}

/** What has another line in it would be another field, for the client to choose. */
function oneLine(name: string, text: string): string {
  // With a NUL, browsers ignore an id.
  if (typeof text === "string" && !/[\r\n\0]/.test(text)) return text;
  throw new TypeError(
    `Cannot send an event as '${name}' must be one line: received ${Deno.inspect(text)}`,
  );
}

function toJson(data: unknown): string {
  const text = JSON.stringify(data);
  if (text !== undefined) return text;
  throw new TypeError(`Cannot send as the data of an event: ${Deno.inspect(data)}`);
}
