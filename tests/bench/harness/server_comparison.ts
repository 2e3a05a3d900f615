/**
 * Servers of different makes under the same load.
 *
 * @module
 */

import { type Panel, renderBarChart } from "./bar_chart.ts";
import type { ComparisonOptions } from "./comparison_options.ts";
import { type Outcome, takeTurns } from "./rounds.ts";
import { ServerProcess } from "./server_process.ts";
import { medians } from "./statistics.ts";
import { formatNumber, formatTable } from "./table.ts";
import { ratio } from "./verdicts.ts";

/** A server that takes part. */
export interface ServerPeer {
  /** What others call it: in options, in JSON. */
  readonly name: string;
  /** What people call it. */
  readonly title: string;
  /** What starts it; it prints its port. */
  readonly command: readonly [string, ...string[]];
}

/** What one run of a load has shown; latencies in ms. */
export interface LoadResult {
  /** How many answers came. */
  readonly answers: number;
  /** Answers per second. */
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** How far the slowest connection was against the fastest one half-way: 1 is fair; `NaN` when not known. */
  readonly evenness: number;
}

/** The numbers of a result, and what their columns are called; `unit` stands for what is counted. */
const COLUMNS = {
  rate: "unit/s",
  p50: "p50 ms",
  p99: "p99 ms",
  max: "max ms",
  evenness: "min/max served",
  cpuSeconds: "CPU s",
  cpuMicroseconds: "CPU µs/unit",
  peakMegabytes: "peak MB",
} as const;
type Column = keyof typeof COLUMNS;
const FIELDS = Object.keys(COLUMNS) as Column[];

/** A run with what the server used for it. */
export type ServerResult = LoadResult & Readonly<Record<Column, number>>;

/** How a comparison is done, and what its numbers are called. */
export interface ServerComparisonOptions {
  /** What is counted, such as `msg`. */
  readonly unit: string;
  /** Names of those that the others are compared with. */
  readonly references: readonly string[];
  /** How often everybody runs. */
  readonly rounds: number;
  /** Is told whose turn it is. */
  readonly progress?: (text: string) => void;
  /** Puts the load on the server at this port. */
  readonly load: (port: number) => Promise<LoadResult>;
}

/** The outcome of a comparison under one load. */
export class ServerComparison {
  readonly #options: ServerComparisonOptions;
  readonly #outcomes: ReadonlyMap<ServerPeer, Outcome<ServerResult>>;

  private constructor(
    options: ServerComparisonOptions,
    outcomes: ReadonlyMap<ServerPeer, Outcome<ServerResult>>,
  ) {
    this.#options = options;
    this.#outcomes = outcomes;
  }

  /** Lets all servers take turns. */
  static async run(
    peers: readonly ServerPeer[],
    options: ServerComparisonOptions,
  ): Promise<ServerComparison> {
    const { rounds, load, progress } = options;
    const outcomes = await takeTurns(peers, rounds, async (peer, round) => {
      progress?.(`round ${round + 1} of ${rounds}: ${peer.title}`);
      return await measure(peer, load);
    });
    return new ServerComparison(options, outcomes);
  }

  /** The medians of one server, if it took part. */
  of(name: string): Record<Column, number> | undefined {
    for (const [peer, { results }] of this.#outcomes) {
      if (peer.name === name && results.length > 0) return medians(results, FIELDS);
    }
    return undefined;
  }

  /** One line for each server. */
  table(): string {
    const { unit, references } = this.#options;
    const known = [...this.#outcomes.keys()].flatMap(({ name, title }) => {
      const result = this.of(name);
      return result === undefined ? [] : [{ title, result }];
    });
    const fields = FIELDS.filter((field) =>
      known.some(({ result }) => !Number.isNaN(result[field]))
    );
    const header = [
      "",
      ...fields.map((field) => COLUMNS[field].replace("unit", unit)),
      ...references.map((name) => `x ${name}`),
    ];
    const rows = known.map(({ title, result }) => {
      const numbers = fields.map((field) => result[field]);
      const ratios = references.map((name) => ratio(result.rate, this.of(name)?.rate));
      return [title, ...[...numbers, ...ratios].map(formatNumber)];
    });
    return formatTable(header, rows);
  }

  /** Who took no part, and why. */
  skipped(): string[] {
    return [...this.#outcomes].flatMap(([{ title }, { skipped }]) =>
      skipped === undefined ? [] : [`skipped: ${title}: ${skipped}`]
    );
  }

  /** A picture of rates and latencies, in which `highlighted` stands out. */
  chart(title: string, highlighted: string): string {
    const panel = (heading: string, field: "rate" | "p99"): Panel => ({
      title: heading,
      bars: [...this.#outcomes.keys()].flatMap(({ name, title }) => {
        const value = this.of(name)?.[field];
        return value === undefined
          ? []
          : [{ label: title, value, highlight: name === highlighted }];
      }),
    });
    return renderBarChart(title, [
      panel(`${this.#options.unit}/s, more is better`, "rate"),
      panel("99th percentile of the latency in ms, less is better", "p99"),
    ]);
  }

  /** All numbers. */
  toJSON(): unknown {
    return [...this.#outcomes].map(([{ name, title }, outcome]) => ({
      name,
      title,
      median: this.of(name),
      ...outcome,
    }));
  }
}

/** Compares servers as somebody wants it, and says on the way whose turn it is. */
export function compareServers(
  peers: readonly ServerPeer[],
  { quick, rounds, only }: ComparisonOptions,
  options: Pick<ServerComparisonOptions, "unit" | "references" | "load">,
): Promise<ServerComparison> {
  return ServerComparison.run(only === undefined ? peers : choosePeers(peers, only.split(",")), {
    ...options,
    rounds: Number(rounds ?? (quick ? 1 : 3)),
    progress: (text) => console.error(text),
  });
}

/**
 * Picks servers by name.
 *
 * @throws {TypeError} When there is none of that name.
 */
export function choosePeers(
  peers: readonly ServerPeer[],
  names: readonly string[],
): readonly ServerPeer[] {
  const unknown = names.filter((name) => !peers.some((peer) => peer.name === name));
  if (unknown.length === 0) return peers.filter(({ name }) => names.includes(name));
  const all = peers.map(({ name }) => name);
  throw new TypeError(`Cannot choose ${unknown.join(", ")}: there are ${all.join(", ")}`);
}

async function measure(
  { command }: ServerPeer,
  load: ServerComparisonOptions["load"],
): Promise<ServerResult> {
  await using server = await ServerProcess.start(command);
  const before = await server.usage();
  const result = await load(server.port);
  const after = await server.usage();
  const cpuSeconds = after.cpuSeconds - before.cpuSeconds;
  return {
    ...result,
    cpuSeconds,
    cpuMicroseconds: cpuSeconds * 1e6 / result.answers,
    peakMegabytes: after.peakMegabytes,
  };
}
