/**
 * The HTTP load generator `ab`: a new connection for each request.
 *
 * @module
 */

import { runToEnd } from "./command.ts";
import type { LoadResult } from "./server_comparison.ts";

/** How much load. */
export interface ConnectingLoad {
  /** How many requests in all, each over a connection of its own. */
  readonly requests: number;
  /** How many of them at a time. */
  readonly concurrency: number;
}

/**
 * Puts load on a server of this machine.
 *
 * @throws {Error} When not all answers were good ones.
 */
export async function runApacheBench(port: number, load: ConnectingLoad): Promise<LoadResult> {
  const output = await runToEnd([
    "ab",
    "-q",
    "-r",
    `-n${load.requests}`,
    `-c${load.concurrency}`,
    `http://127.0.0.1:${port}/`,
  ], { limit: 120_000 });
  return parseApacheBench(output);
}

/** Reads what `ab` prints. */
export function parseApacheBench(output: string): LoadResult {
  const find = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? NaN);
  const failed = find(/^Failed requests: +(\d+)/m);
  const others = find(/^Non-2xx responses: +(\d+)/m) || 0;
  if (!(failed + others === 0)) throw new Error(`${failed + others} requests failed`);
  return {
    answers: find(/^Complete requests: +(\d+)/m),
    rate: find(/^Requests per second: +([\d.]+)/m),
    p50: find(/^ *50% +(\d+)/m),
    p99: find(/^ *99% +(\d+)/m),
    max: find(/^ *100% +(\d+)/m),
    evenness: NaN,
  };
}
