import { assert, assertEquals, assertGreater } from "@std/assert";
import { fileURLToPath } from "node:url";
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
  poller: "Poller",
  pool: "Pool",
  queue: "Queue",
  raw: "RawGreenlet",
  resolver: "Resolver",
  result: "AsyncResult",
  sem: "Semaphore",
  server: "StreamServer",
  socket: "Socket",
  timeout: "Timeout",
  timer: "TimerWatcher",
  tree: "GreenletTree",
  udp: "DatagramSocket",
  watcher: "Watcher",
  ws: "WebSocketConnection",
};

/** A row of a table about gevent's names. */
interface Row {
  /** The heading above it. */
  readonly section: string;
  readonly gevent: string;
  readonly here: string;
  readonly difference: string;
}

/** The rows of all tables that have a column `here`; in the last table there is no name of gevent's. */
function rowsOf(markdown: string): Row[] {
  const rows: Row[] = [];
  let section = "";
  let header: string[] | undefined;
  for (const line of markdown.split("\n")) {
    if (line.startsWith("#")) section = line.replace(/^#+ /, "");
    if (!line.startsWith("|")) header = undefined;
    else {
      const cells = line.split("|").slice(1, -1).map((cell) => cell.trim());
      if (header === undefined) header = cells;
      else if (!cells[0]!.startsWith("---")) {
        const at = header.indexOf("here");
        const [gevent = "", here = "", difference = ""] = at === 0 ? ["", ...cells] : cells;
        rows.push({ section, gevent, here, difference });
      }
    }
  }
  return rows;
}

/** The pieces of code in a cell. */
function codeIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
}

/** Whether a piece of code is about a member of something that the tables have a variable for. */
function isAboutVariable(code: string): boolean {
  const head = /^(\w+)\.\w+(\(.*\))?$/.exec(code)?.[1];
  return head !== undefined && Object.hasOwn(VARIABLES, head);
}

/** Rows that say that there is nothing, without saying why. */
function unexplained(rows: readonly Row[]): string[] {
  return rows.filter(({ here, difference }) =>
    /^none\b/.test(here) && !/\w+ \w+|`/.test(difference)
  )
    .map(({ section, gevent }) => `${section}: ${gevent}`);
}

/** Names that are not in the first column of their section, nor in that of gevent itself. */
function unmentioned(rows: readonly Row[], names: Record<string, string[]>): string[] {
  return Object.entries(names).flatMap(([section, names]) => {
    const mentioned = new Set(
      rows.filter((row) => row.section === section || row.section === "gevent")
        .flatMap((row) => codeIn(row.gevent))
        .flatMap((code) => code.match(/[A-Za-z_]\w*/g) ?? []),
    );
    return names.filter((name) => !mentioned.has(name)).map((name) => `${section}: ${name}`);
  });
}

/** The public names of the gevent that Debian has, by section; what is missing if it is not there. */
function geventNames(): Record<string, string[]> | string {
  const script = fileURLToPath(new URL("gevent_names.py", import.meta.url));
  try {
    const { success, stdout, stderr } = new Deno.Command("/usr/bin/python3", { args: [script] })
      .outputSync();
    const decoder = new TextDecoder();
    if (success) return JSON.parse(decoder.decode(stdout));
    const error = decoder.decode(stderr);
    if (/ModuleNotFoundError/.test(error)) return "python3-gevent is not installed";
    throw new Error(error);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "There is no /usr/bin/python3";
    throw error;
  }
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
  const api = await PublicApi.of("mod.ts", "monkey/mod.ts", "testing/mod.ts");
  const rows = rowsOf(await Deno.readTextFile(PAGE));
  const inPassing = rows.flatMap((row) => codeIn(row.difference)).filter(isAboutVariable);
  const codes = [...rows.flatMap((row) => codeIn(row.here)), ...inPassing];
  assertGreater(codes.length, 300);
  const problems = codes.flatMap((code) => {
    const what = problem(code, api);
    return what === undefined ? [] : [`'${code}' ${what}`];
  });
  assertEquals(problems, []);
});

Deno.test("The check of the names finds what does not exist", async () => {
  const api = await PublicApi.of("mod.ts");
  const wrong = [
    "spwan(fn)",
    "g.unlinkEverything()",
    "pool.track(g)",
    "queue.get({ timeuot })",
    "Deno.x",
  ];
  assertEquals(wrong.filter((code) => problem(code, api) === undefined), []);
  const right = ["spawn(fn)", "timeout.message", "group[Symbol.iterator]()", "Deno.Command"];
  assertEquals(right.filter((code) => problem(code, api) !== undefined), []);
});

Deno.test("Each name that has no counterpart has a reason", async () => {
  assertEquals(unexplained(rowsOf(await Deno.readTextFile(PAGE))), []);
});

const names = geventNames();

Deno.test({
  name: `Each public name of gevent is mentioned${typeof names === "string" ? ` (${names})` : ""}`,
  ignore: typeof names === "string" && Deno.env.get("CI") === undefined,
  async fn() {
    assert(typeof names !== "string", String(names));
    assertGreater(Object.values(names).flat().length, 300);
    assertEquals(unmentioned(rowsOf(await Deno.readTextFile(PAGE)), names), []);
  },
});

Deno.test("The checks of the rows find what is missing", () => {
  const page = [
    "### gevent",
    "| gevent | here | difference |",
    "| ------ | ---- | ---------- |",
    "| `spawn(fn)` | `spawn(fn)` | |",
    "| `fork()`, `reinit()` | none | |",
    "### gevent.queue",
    "| gevent | here | difference |",
    "| ------ | ---- | ---------- |",
    "| `queue.copy()` | none: `Array` | Because |",
    "| `queue.queue` | none | There is a reason |",
    "## What gevent has no name for",
    "| here | what it does |",
    "| ---- | ------------ |",
    "| `trace` | Something |",
  ].join("\n");
  const rows = rowsOf(page);
  assertEquals(rows.map((row) => row.here), [
    "`spawn(fn)`",
    "none",
    "none: `Array`",
    "none",
    "`trace`",
  ]);
  assertEquals(unexplained(rows), ["gevent: `fork()`, `reinit()`", "gevent.queue: `queue.copy()`"]);
  assertEquals(
    unmentioned(rows, { gevent: ["spawn", "trace"], "gevent.queue": ["copy", "fork", "get"] }),
    ["gevent: trace", "gevent.queue: get"],
  );
});
