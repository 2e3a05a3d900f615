/**
 * The HTTP load generator `wrk`.
 *
 * @module
 */

import { runToEnd } from "./command.ts";
import type { LoadResult } from "./server_comparison.ts";

/** How much load. */
export interface HttpLoad {
  /** How many connections at once, all kept alive. */
  readonly connections: number;
  /** For how many seconds. */
  readonly seconds: number;
}

/**
 * Puts load on a server of this machine.
 *
 * @throws {Error} When not all answers were good ones.
 */
export async function runWrk(port: number, load: HttpLoad): Promise<LoadResult> {
  const output = await runToEnd([
    "wrk",
    "-t1",
    `-c${load.connections}`,
    `-d${load.seconds}s`,
    "--latency",
    `http://127.0.0.1:${port}/`,
  ], { limit: (load.seconds + 20) * 1000 });
  return parseWrk(output);
}

/** Reads what `wrk --latency` prints. */
export function parseWrk(output: string): LoadResult {
  const bad = /^ *(Non-2xx or 3xx responses: .*|Socket errors: .*)$/m.exec(output)?.[1];
  if (bad !== undefined) throw new Error(bad);
  const find = (pattern: RegExp): string => pattern.exec(output)?.[1] ?? "";
  return {
    answers: Number(find(/^ *(\d+) requests in /m) || NaN),
    rate: Number(find(/^Requests\/sec: *([\d.]+)/m) || NaN),
    p50: milliseconds(find(/^ *50% +(\S+)/m)),
    p99: milliseconds(find(/^ *99% +(\S+)/m)),
    max: milliseconds(find(/^ *Latency +\S+ +\S+ +(\S+)/m)),
    evenness: NaN,
  };
}

function milliseconds(text: string): number {
  const [, number, unit] = /^([\d.]+)(us|ms|s|m)$/.exec(text) ?? [];
  const factors: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1e3, m: 60e3 };
  return Number(number) * (factors[unit ?? ""] ?? NaN);
}
