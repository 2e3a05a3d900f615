/**
 * Looking at what greenlets are doing.
 *
 * @module
 */

import { type Greenlet, localsOf, mainGreenlet, scopeOf } from "./greenlet.ts";
import { hub } from "./scheduler.ts";

/**
 * What `GreenletTree.format` takes.
 *
 * @example
 * ```ts
 * import { type FormatOptions, GreenletTree } from "@gevent/deno";
 *
 * const options: FormatOptions = { details: false };
 * console.assert(GreenletTree.current().format(options).includes("main"));
 * ```
 */
export interface FormatOptions {
  /** Whether to say what each waits for, where it was spawned, and its locals; default `true`. */
  readonly details?: boolean;
}

/**
 * The greenlets that are alive, as a tree of who started whom: gevent's `GreenletTree`.
 *
 * It is a picture of one moment. A greenlet whose starter has ended hangs under the main program.
 *
 * @example
 * ```ts
 * import { GreenletTree, sleep, spawn } from "@gevent/deno";
 *
 * const g = spawn(sleep, 60_000);
 * await sleep(1);
 * console.assert(String(GreenletTree.current()).includes("waits for sleep"));
 * await g.kill();
 * ```
 */
export class GreenletTree {
  /** The greenlet at this place. */
  readonly greenlet: Greenlet;
  /** The trees of those that it started. */
  readonly children: readonly GreenletTree[];

  /** Made by {@link GreenletTree.current}. */
  constructor(greenlet: Greenlet, children: readonly GreenletTree[]) {
    this.greenlet = greenlet;
    this.children = children;
  }

  /** The tree of this moment, with the main program as its root. */
  static current(): GreenletTree {
    const startedBy = new Map<Greenlet, Greenlet[]>();
    const alive = [...hub.live] as Greenlet[];
    for (const greenlet of alive) {
      const parent = greenlet.parent;
      const root = parent === undefined || parent.dead ? mainGreenlet : parent;
      const siblings = startedBy.get(root);
      if (siblings === undefined) startedBy.set(root, [greenlet]);
      else siblings.push(greenlet);
    }
    const grow = (greenlet: Greenlet): GreenletTree =>
      new GreenletTree(greenlet, (startedBy.get(greenlet) ?? []).map(grow));
    return grow(mainGreenlet);
  }

  /** The tree as text, drawn with ` +--- ` as gevent draws it. */
  format(options: FormatOptions = {}): string {
    return this.#lines(options.details ?? true).join("\n");
  }

  /** {@link GreenletTree.format} with all details. */
  toString(): string {
    return this.format();
  }

  #lines(details: boolean): string[] {
    const lines = [String(this.greenlet)];
    const more = this.children.length > 0;
    if (details) {
      for (const line of describe(this.greenlet)) lines.push(`${more ? " |" : "  "}  ${line}`);
    }
    this.children.forEach((child, index) => {
      const last = index === this.children.length - 1;
      child.#lines(details).forEach((line, at) => {
        lines.push(`${at === 0 ? " +--- " : last ? "      " : " |    "}${line}`);
      });
    });
    return lines;
  }
}

/**
 * The hub's numbers and the tree of greenlets as text: gevent's `format_run_info`.
 *
 * @example
 * ```ts
 * import { formatRunInfo } from "@gevent/deno";
 *
 * console.assert(formatRunInfo().includes("* Greenlets"));
 * ```
 */
export function formatRunInfo(): string {
  const { queued, timers, greenlets } = hub.stats;
  return [
    "*".repeat(80),
    `* Hub: ${greenlets} greenlets, ${queued} in the run queue, ${timers} timers`,
    "*".repeat(80),
    "* Greenlets",
    "*".repeat(80),
    GreenletTree.current().format(),
  ].join("\n");
}

/**
 * Prints {@link formatRunInfo} to stderr: gevent's `print_run_info`. Made to be called from a signal handler or a
 * debugger, when a program seems to hang.
 *
 * @example
 * ```ts
 * import { onSignal, printRunInfo } from "@gevent/deno";
 *
 * using _handler = onSignal("SIGUSR2", printRunInfo); // kill -USR2 shows what everybody is doing
 * ```
 */
export function printRunInfo(): void {
  console.error(formatRunInfo());
}

/** One line for each greenlet that is parked: its name and what it waits for. */
export function describeBlocked(): string[] {
  return ([...hub.live] as Greenlet[]).map((greenlet) => `${greenlet} ${stateOf(greenlet)}`);
}

/** What a greenlet is doing: `waits for Queue.get`, for example. */
export function stateOf(greenlet: Greenlet): string {
  const scope = scopeOf(greenlet);
  if (scope === undefined) return greenlet.started ? "waits for its first turn" : "is not running";
  if (hub.running === scope) return "is running";
  const waits = [...scope.parked()].map((wait) => wait.kind.name);
  return `waits for ${waits.join(", ") || "a promise from elsewhere"}`;
}

function describe(greenlet: Greenlet): string[] {
  const lines = [stateOf(greenlet)];
  if (greenlet.spawnSite !== undefined) lines.push(`spawned at ${greenlet.spawnSite}`);
  const locals = localsOf(greenlet);
  for (const values of locals ?? []) {
    if (Object.getPrototypeOf(values) === Object.prototype) {
      lines.push(`local ${Deno.inspect(values)}`);
    }
  }
  return lines;
}
