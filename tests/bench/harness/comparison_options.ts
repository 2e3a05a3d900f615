/**
 * What the programs that compare can be told on the command line.
 *
 * @module
 */

/** The options that all of them have, for `parseArgs`. */
export const OPTIONS = {
  quick: { type: "boolean", default: false },
  rounds: { type: "string" },
  only: { type: "string" },
  out: { type: "string" },
} as const;

/** What `parseArgs` makes of them. */
export interface ComparisonOptions {
  /** With less work and fewer rounds. */
  readonly quick: boolean;
  /** How often everybody runs. */
  readonly rounds?: string | undefined;
  /** Names of what is compared, with commas between them; all, when left out. */
  readonly only?: string | undefined;
  /** The folder for the numbers. */
  readonly out?: string | undefined;
}
