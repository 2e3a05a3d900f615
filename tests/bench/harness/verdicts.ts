/**
 * What the library promises about its speed, compared with what was measured.
 *
 * @module
 */

import { formatNumber } from "./table.ts";

/** A promise and what became of it. */
export interface Verdict {
  /** For example `switch, gevent's time against ours`. */
  readonly what: string;
  /** `at least 8` or `at most 25`. */
  readonly bound: string;
  /** What was measured; not there when one of those compared is missing. */
  readonly actual: number | undefined;
  /** Whether the promise was kept; `undefined` when that is not known. */
  readonly holds: boolean | undefined;
}

/** The promise that a number is not smaller than `bound`. */
export function atLeast(what: string, actual: number | undefined, bound: number): Verdict {
  return verdict(what, actual, `at least ${bound}`, (value) => value >= bound);
}

/** The promise that a number is not greater than `bound`. */
export function atMost(what: string, actual: number | undefined, bound: number): Verdict {
  return verdict(what, actual, `at most ${bound}`, (value) => value <= bound);
}

/** `dividend / divisor`, if both are known. */
export function ratio(
  dividend: number | undefined,
  divisor: number | undefined,
): number | undefined {
  return dividend === undefined || divisor === undefined ? undefined : dividend / divisor;
}

/** One line for each verdict. */
export function formatVerdicts(verdicts: readonly Verdict[]): string {
  const word = ({ holds }: Verdict): string =>
    holds === undefined ? "unknown" : holds ? "holds" : "FAILS";
  return verdicts.map((verdict) =>
    `${word(verdict).padEnd(8)}${verdict.what}: ${formatNumber(verdict.actual)} (${verdict.bound})`
  ).join("\n");
}

function verdict(
  what: string,
  actual: number | undefined,
  bound: string,
  holds: (value: number) => boolean,
): Verdict {
  const known = actual !== undefined && !Number.isNaN(actual);
  return { what, bound, actual, holds: known ? holds(actual) : undefined };
}
