import { assertEquals, assertGreater } from "@std/assert";
import { PublicApi } from "../helpers/public_api.ts";

const PAGE = new URL("../../docs/coming_from_gevent.md", import.meta.url);

/** What the variables in the tables stand for. */
const VARIABLES: Readonly<Record<string, string>> = {
  channel: "Channel",
  event: "Event",
  g: "Greenlet",
  group: "Group",
  hub: "Hub",
  lock: "RLock",
  loop: "Loop",
  monitor: "BlockingMonitor",
  pool: "Pool",
  queue: "Queue",
  raw: "RawGreenlet",
  result: "AsyncResult",
  sem: "Semaphore",
  timeout: "Timeout",
  timer: "TimerWatcher",
  tree: "GreenletTree",
  watcher: "Watcher",
};

/** The code in the column `here` of all tables. */
function codeInColumn(markdown: string): string[] {
  const found: string[] = [];
  let column = -1;
  for (const line of markdown.split("\n")) {
    const cells = line.startsWith("|") ? line.split("|").map((cell) => cell.trim()) : [];
    if (cells.length === 0) column = -1;
    else if (column === -1) column = cells.indexOf("here");
    else found.push(...[...cells[column]!.matchAll(/`([^`]+)`/g)].map((match) => match[1]!));
  }
  return found;
}

/** What is wrong with a piece of code, such as `queue.get({ timeout })`. */
function problem(code: string, api: PublicApi): string | undefined {
  const match = /^(?:new )?(\w+)(?:\.(\w+)|(\[Symbol\.\w+\]))?(?:\((.*)\))?$/.exec(code);
  if (match === null) return "cannot be understood";
  const [, head = "", name, symbol, args = ""] = match;
  const member = name ?? symbol;
  const options = /\{(.*)\}/.exec(args)?.[1]?.split(",").map((option) => option.trim()) ?? [];
  const unknown = options.filter((option) => !api.optionNames.has(option));
  if (unknown.length > 0) return `has no option ${unknown.join()}`;
  const owner = VARIABLES[head] ?? head;
  if (api.has(owner)) {
    return member === undefined || api.hasMember(owner, member) ? undefined : "is no member";
  }
  const platform = (globalThis as Record<string, unknown>)[head];
  if (platform === undefined) return "is not exported";
  return member === undefined || member in (platform as object) ? undefined : "is no member";
}

Deno.test("All names that gevent users are sent to exist", async () => {
  const api = await PublicApi.of("mod.ts", "testing/mod.ts");
  const codes = codeInColumn(await Deno.readTextFile(PAGE));
  assertGreater(codes.length, 300);
  const problems = codes.flatMap((code) => {
    const what = problem(code, api);
    return what === undefined ? [] : [`'${code}' ${what}`];
  });
  assertEquals(problems, []);
});

Deno.test("The check of the names finds what does not exist", async () => {
  const api = await PublicApi.of("mod.ts");
  const wrong = ["spwan(fn)", "g.unlinkAll()", "pool.track(g)", "queue.get({ timeuot })", "Deno.x"];
  assertEquals(wrong.filter((code) => problem(code, api) === undefined), []);
  const right = ["spawn(fn)", "timeout.message", "group[Symbol.iterator]()", "Deno.Command"];
  assertEquals(right.filter((code) => problem(code, api) !== undefined), []);
});
