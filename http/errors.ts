/**
 * Errors of HTTP and WebSocket.
 *
 * @module
 */

import { STATUS_TEXT } from "./_status.ts";

/**
 * An answer that an app gives by throwing: the status, and a text that is meant for the client.
 *
 * @example
 * ```ts
 * import { HttpError } from "@gevent/deno/http";
 *
 * const error = new HttpError(404, "There is no room called 'attic'");
 * console.assert(error.status === 404);
 * ```
 */
export class HttpError extends Error {
  /** The class name, as for every error. */
  override readonly name: string = "HttpError";
  /** The status of the response. */
  readonly status: number;

  /**
   * Takes the status and the text for the client; without one, the name of the status is the text.
   *
   * @throws {RangeError} When the status is not that of an error, 400 to 599.
   */
  constructor(status: number, message?: string, options?: ErrorOptions) {
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw new RangeError(
        `Cannot create an HTTP error as 'status' must be 400 to 599: received ${status}`,
      );
    }
    super(message ?? STATUS_TEXT[status] ?? `Status ${status}`, options);
    this.status = status;
  }
}

/**
 * A WebSocket was used that is closed: gevent-websocket's `WebSocketError`.
 *
 * @example
 * ```ts
 * import { WebSocketError } from "@gevent/deno/http";
 *
 * console.assert(new WebSocketError("Connection is already closed").name === "WebSocketError");
 * ```
 */
export class WebSocketError extends Error {
  /** The class name, as for every error. */
  override readonly name: string = "WebSocketError";
}
