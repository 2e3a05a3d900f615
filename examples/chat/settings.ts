/**
 * The command line.
 *
 * @module
 */

import { parseArgs } from "node:util";

/** What the command line says. */
export interface Settings {
  readonly hostname: string;
  readonly port: number;
  /** The file of the database. */
  readonly db: string;
  /** How long somebody stays whose connection is lost, in ms. */
  readonly grace: number;
}

const HELP = `Usage: deno run -A chat.ts [options]

  --port <number>    where to listen; 0 for any free port (default 8000)
  --host <address>   at which address; 0.0.0.0 for all (default 127.0.0.1)
  --db <file>        keep rooms and messages in this file (default: forget them at the end)
  --grace <seconds>  how long somebody stays whose connection is lost (default 15)
  --help             print this`;

const text = (value: string) => ({ type: "string", default: value }) as const;

const OPTIONS = {
  port: text("8000"),
  host: text("127.0.0.1"),
  db: text(":memory:"),
  grace: text("15"),
  help: { type: "boolean", short: "h" },
} as const;

/** Reads the command line; gives nothing if the program has no more to do. */
export function readSettings(args: string[]): Settings | undefined {
  try {
    const { values } = parseArgs({ args, options: OPTIONS });
    if (values.help) return void console.log(HELP);
    const number = (name: "port" | "grace", most: number): number => {
      if (/^\d+$/.test(values[name]) && Number(values[name]) <= most) return Number(values[name]);
      throw new RangeError(`--${name} must be 0 to ${most}, not '${values[name]}'`);
    };
    const { host: hostname, db } = values;
    return { hostname, port: number("port", 65535), db, grace: number("grace", 3600) * 1000 };
  } catch (error) {
    return fail(2, `${(error as Error).message.split(". ")[0]}; --help tells what there is`);
  }
}

/** Says in one line why the program cannot go on, and sets its exit code. */
export function fail(code: number, message: string): undefined {
  console.error(`chat: ${message}`);
  Deno.exitCode = code;
}
