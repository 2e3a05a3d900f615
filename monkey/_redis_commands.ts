/**
 * Which commands of Redis block, and what takes back what they did.
 *
 * @module
 */

import type { GreenCall } from "../core/green.ts";

/** A command, however it was called. */
export interface RedisCommand {
  /** In lower case. */
  readonly name: string;
  /** As they were passed, but without arrays around them. */
  readonly args: readonly unknown[];
}

const BLOCKING: ReadonlySet<string> = new Set([
  "blmove",
  "blmovem",
  "blmpop",
  "blpop",
  "brpop",
  "brpoplpush",
  "bzmpop",
  "bzpopmax",
  "bzpopmin",
  "wait",
  "waitaof",
]);

/** Commands that block when they are told to. */
const BLOCKING_ON_DEMAND: ReadonlySet<string> = new Set(["xread", "xreadgroup"]);

/** Methods that take a whole command. */
const GENERIC: ReadonlySet<string> = new Set(["call", "callbuffer", "sendcommand", "addcommand"]);

/** Methods that take many commands. */
const BATCHES: ReadonlySet<string> = new Set(["pipeline", "multi", "addbatch"]);

/** The command that is sent by a call of a client's method. */
export function commandOf({ method, args }: GreenCall): RedisCommand {
  const name = method.toLowerCase();
  if (!GENERIC.has(name)) return { name: name.replace(/buffer$/, ""), args: args.flat() };
  const [first] = args;
  const words = isCommandObject(first) ? [first.name, ...first.args] : args.flat();
  return { name: String(words[0]).toLowerCase(), args: words.slice(1) };
}

/** The commands that a call puts into a pipeline: ioredis takes many at once, each an array of its name and arguments. */
export function commandsOf(call: GreenCall): RedisCommand[] {
  const { target, method, args: [commands] } = call;
  if (!BATCHES.has(method.toLowerCase())) return [commandOf(call)];
  if (!Array.isArray(commands)) return [];
  return commands.map(([name, ...args]) => commandOf({ target, method: String(name), args }));
}

/** Commands as objects are ioredis's. */
function isCommandObject(value: unknown): value is { name: string; args: unknown[] } {
  const { name, args } = Object(value);
  return typeof name === "string" && Array.isArray(args);
}

/** Whether the server may take its time to answer it. */
export function isBlocking({ name, args }: RedisCommand): boolean {
  if (BLOCKING.has(name)) return true;
  return BLOCKING_ON_DEMAND.has(name) &&
    args.some((argument) =>
      isWord(argument, "block") ||
      (argument !== null && typeof argument === "object" && "BLOCK" in argument)
    );
}

/** Redis knows words in any case, and clients send them as texts or as bytes. */
function isWord(argument: unknown, word: string): boolean {
  return (typeof argument === "string" || argument instanceof Uint8Array) &&
    argument.length === word.length &&
    (typeof argument === "string" ? argument : new TextDecoder().decode(argument))
        .toLowerCase() === word;
}

/** The commands that put what a command has taken back to where it was; none when there is nothing to be put. */
export function commandsToGiveBack(command: RedisCommand, reply: unknown): unknown[][] {
  if (reply === null || reply === undefined) return [];
  const [key, ...rest] = partsOf(reply);
  switch (command.name) {
    case "blpop":
      return [["LPUSH", key, ...rest]];
    case "brpop":
      return [["RPUSH", key, ...rest]];
    case "blmpop": {
      const push = command.args.some((argument) => isWord(argument, "left")) ? "LPUSH" : "RPUSH";
      return [[push, key, ...(rest[0] as unknown[]).toReversed()]];
    }
    case "bzpopmax":
    case "bzpopmin": {
      const [member, score] = rest;
      return [addMember(key, member, score)];
    }
    case "bzmpop":
      return (rest[0] as unknown[]).map((item) => {
        const [member, score] = partsOf(item);
        return addMember(key, member, score);
      });
    default:
      return [];
  }
}

/** Libraries make objects of some replies, in which the parts are in the same order. */
function partsOf(reply: unknown): unknown[] {
  return Array.isArray(reply) ? reply : Object.values(reply as object);
}

/** One that was added again meanwhile keeps its new score. */
function addMember(key: unknown, member: unknown, score: unknown): unknown[] {
  return ["ZADD", key, "NX", String(score), member];
}
