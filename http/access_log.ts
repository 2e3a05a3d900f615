/**
 * The access log, line for line as gevent writes it.
 *
 * @module
 */

/**
 * What the access log knows about a request that has been answered.
 *
 * @example
 * ```ts
 * import { type AccessLogEntry, formatAccessLog } from "@gevent/deno/http";
 *
 * const entry: AccessLogEntry = {
 *   address: "127.0.0.1",
 *   time: new Date("2012-07-12T12:05:46"),
 *   requestLine: "GET / HTTP/1.1",
 *   status: 200,
 *   length: 28,
 *   ms: 0.11,
 * };
 * console.assert(
 *   formatAccessLog(entry) === '127.0.0.1 - - [2012-07-12 12:05:46] "GET / HTTP/1.1" 200 28 0.000110',
 * );
 * ```
 */
export interface AccessLogEntry {
  /** Where the request came from; `-` for a unix socket. */
  readonly address: string;
  /** When it was answered. */
  readonly time: Date;
  /** Method, path and version. */
  readonly requestLine: string;
  /** Status of the response. */
  readonly status: number;
  /** Bytes of the body that were sent, as far as is known. */
  readonly length: number | undefined;
  /** How long it took, in ms. */
  readonly ms: number;
}

/**
 * Writes an entry the way gevent does: address, local time, request line, status, length, seconds.
 *
 * What the client chose is escaped, so that nobody can forge a line.
 *
 * @example
 * ```ts
 * import { formatAccessLog } from "@gevent/deno/http";
 *
 * const line = formatAccessLog({
 *   address: "::1",
 *   time: new Date(),
 *   requestLine: "GET / HTTP/1.1",
 *   status: 204,
 *   length: undefined,
 *   ms: 1,
 * });
 * console.assert(line.endsWith('"GET / HTTP/1.1" 204 - 0.001000'));
 * ```
 */
export function formatAccessLog(entry: AccessLogEntry): string {
  const { address, time, requestLine, status, length, ms } = entry;
  const line = FORGES.test(requestLine) ? escape(requestLine) : requestLine;
  return `${address} - - [${formatTime(time)}] "${line}" ${status} ${length ?? "-"} ${
    (ms / 1000).toFixed(6)
  }`;
}

/** What could end a line, or a part of it. */
// deno-lint-ignore no-control-regex -- control characters are what must not get into a log
const FORGES = /["\\\u0000-\u001f\u007f]/;

function escape(text: string): string {
  return text.replace(
    new RegExp(FORGES, "g"),
    (char) =>
      char === '"' || char === "\\"
        ? `\\${char}`
        : `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/** Most lines are of the same second as the one before. */
const lastTime = { second: NaN, text: "" };

function formatTime(time: Date): string {
  const second = Math.floor(time.getTime() / 1000);
  if (second !== lastTime.second) {
    lastTime.second = second;
    lastTime.text = writeTime(time);
  }
  return lastTime.text;
}

function writeTime(time: Date): string {
  const two = (n: number): string => String(n).padStart(2, "0");
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${date} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}
