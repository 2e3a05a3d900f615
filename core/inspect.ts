/**
 * Looking at what greenlets are doing.
 *
 * @module
 */

import { requireOptions } from "./arguments.ts";
import { type Greenlet, localsOf, mainGreenlet, scopeOf } from "./greenlet.ts";
import { hub } from "./scheduler.ts";
import { currentScope } from "./scope.ts";

/** How many levels of a tree are indented. */
const MOST_INDENTED = 20;

/** A tree within another one that is still to be drawn. */
interface Place {
  readonly tree: GreenletTree;
  readonly level: number;
  /** What stands to the left of its branch. */
  readonly column: string;
  /** Whether the branches of its column end here. */
  readonly isLast: boolean;
}

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
    const alive = [...hub.live] as Greenlet[];
    const startedBy = new Map<Greenlet, GreenletTree[]>([[mainGreenlet, []]]);
    for (const greenlet of alive) startedBy.set(greenlet, []);
    for (const greenlet of alive) {
      const siblings = startedBy.get(greenlet.parent ?? mainGreenlet) ??
        startedBy.get(mainGreenlet)!;
      siblings.push(new GreenletTree(greenlet, startedBy.get(greenlet)!));
    }
    return new GreenletTree(mainGreenlet, startedBy.get(mainGreenlet)!);
  }

  /**
   * The tree as text, drawn with ` +--- ` as gevent draws it. Those that are more than 20 levels down are not indented any
   * further, or the text would grow with the square of the depth; they tell their level, as in ` +--- [21] <Greenlet "x">`.
   */
  format(options: FormatOptions = {}): string {
    requireOptions(options);
    const details = options.details ?? true;
    const lines: string[] = [];
    // By hand rather than by recursion: a chain of greenlets may be longer than the stack is deep.
    const left: Place[] = [{ tree: this, level: 0, column: "", isLast: true }];
    for (let place = left.pop(); place !== undefined; place = left.pop()) {
      const { tree: { greenlet, children }, level, column, isLast } = place;
      const isRoot = level === 0;
      const number = level > MOST_INDENTED ? `[${level}] ` : "";
      lines.push(isRoot ? String(greenlet) : `${column} +--- ${number}${greenlet}`);
      const indent = isRoot ? "" : column + (isLast ? "      " : " |    ");
      const isFlat = level >= MOST_INDENTED;
      const margin = children.length > 0 && !isFlat ? " |  " : "    ";
      if (details) {
        for (const line of describe(greenlet)) lines.push(`${indent}${margin}${line}`);
      }
      for (let index = children.length - 1; index >= 0; index--) {
        left.push({
          tree: children[index]!,
          level: level + 1,
          column: isFlat ? column : indent,
          isLast: isFlat ? isLast : index === children.length - 1,
        });
      }
    }
    return lines.join("\n");
  }

  /** {@link GreenletTree.format} with all details. */
  toString(): string {
    return this.format();
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
  // One that was started at once is not known to the hub before it waits.
  if (waits.length === 0 && currentScope.getStore()?.root === scope) return "is running";
  return `waits for ${waits.join(", ") || "a promise from elsewhere"}`;
}

/** Where it awaits, from the outside in, while awaits are observed. */
function awaitsOf(greenlet: Greenlet): string[] {
  const scope = scopeOf(greenlet);
  if (hub.awaits === null || scope === undefined) return [];
  return hub.awaits.chain(scope);
}

function describe(greenlet: Greenlet): string[] {
  const lines = [stateOf(greenlet), ...awaitsOf(greenlet)];
  if (greenlet.spawnSite !== undefined) lines.push(`spawned at ${greenlet.spawnSite}`);
  const locals = localsOf(greenlet);
  for (const values of locals ?? []) {
    if (Object.getPrototypeOf(values) === Object.prototype) {
      lines.push(`local ${Deno.inspect(values)}`);
    }
  }
  return lines;
}
