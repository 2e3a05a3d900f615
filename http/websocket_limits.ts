/**
 * What the ends of a WebSocket put up with.
 *
 * @module
 */

/**
 * What either end of a WebSocket puts up with.
 *
 * @example
 * ```ts
 * import type { WebSocketLimits } from "@gevent/deno/http";
 *
 * const limits: WebSocketLimits = { maxMessageSize: 65536, maxUnread: 16, idleTimeout: 10_000 };
 * console.assert(limits.maxUnread === 16);
 * ```
 */
export interface WebSocketLimits {
  /**
   * Bytes (of text: of its UTF-8) a message may have before the socket is closed with 1009; default 1 MiB. The runtime
   * puts messages together before anybody sees them: it refuses frames of 64 MiB and more, but a message that comes in
   * fragments and does not end takes up memory without a limit, as long as its sender answers pings.
   */
  readonly maxMessageSize?: number;
  /** Messages that may wait to be received before the socket is closed with 1008; default 1024. */
  readonly maxUnread?: number;
  /**
   * Bytes (of text: characters) that may wait to be received before the socket is closed with 1008; default 4 MiB, or
   * four times `maxMessageSize` if that is more.
   */
  readonly maxUnreadBytes?: number;
  /** Bytes that may wait to leave before `send` has to wait; default 65536. */
  readonly highWaterMark?: number;
  /**
   * Silence, in ms, after which the other end is taken for dead and the connection given up; 0 for never; default 30 000.
   * A server pings at half of it; a client cannot, as the runtime has no call for it, and notices only when what it sends
   * does not leave. Each mebibyte that is sent has to leave within it.
   */
  readonly idleTimeout?: number;
  /** How long, in ms, the other end may take to answer a closing before the connection is given up; default 5000. */
  readonly closeTimeout?: number;
}

/**
 * Fills in the defaults.
 *
 * @throws {RangeError} When one is negative or not a number.
 */
export function limitsFrom(given: WebSocketLimits): Required<WebSocketLimits> {
  const {
    maxMessageSize = 1024 * 1024,
    maxUnread = 1024,
    maxUnreadBytes = 4 * Math.max(maxMessageSize, 1024 * 1024),
    highWaterMark = 65536,
    idleTimeout = 30_000,
    closeTimeout = 5000,
  } = given;
  const limits = {
    maxMessageSize,
    maxUnread,
    maxUnreadBytes,
    highWaterMark,
    idleTimeout,
    closeTimeout,
  };
  for (const [name, value] of Object.entries(limits)) {
    if (typeof value === "number" && value >= 0) continue;
    throw new RangeError(
      `Cannot open a WebSocket as '${name}' must not be negative: received ${value}`,
    );
  }
  return limits;
}
