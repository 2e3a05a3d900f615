import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describeBlocked } from "../../core/inspect.ts";
import { hub } from "../../core/scheduler.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import type { Greenlet } from "../../core/greenlet.ts";
import { Timeout } from "../../core/timeout.ts";
import { BackdoorSession, type SessionSettings } from "../../net/_backdoor_session.ts";
import { Socket } from "../../net/socket.ts";
import { FakeConn } from "../helpers/fake_conn.ts";
import { bytes, text } from "../helpers/sockets.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

/** A session whose user is the test. */
class User {
  readonly conn = new FakeConn();
  readonly socket = new Socket(this.conn);
  readonly greenlet: Greenlet<void>;
  #seen = 0;

  constructor(settings: Partial<SessionSettings> = {}) {
    void this.conn.flow();
    const session = new BackdoorSession(this.socket, {
      locals: {},
      banner: "Welcome",
      token: null,
      ...settings,
    });
    this.greenlet = spawn(() => session.run());
  }

  /** What was written since the last time. */
  async shown(): Promise<string> {
    await turns(30);
    const all = this.conn.written.map(text).join("");
    const fresh = all.slice(this.#seen);
    this.#seen = all.length;
    return fresh;
  }

  /** Types a line, and returns what is written then. */
  async type(line: string, end = "\n"): Promise<string> {
    await turns();
    await this.conn.feed(bytes(line + end));
    return await this.shown();
  }

  /** Ends the input. */
  async end(): Promise<void> {
    await turns();
    await this.conn.feed(null);
    await this.greenlet.join();
  }
}

/** Registers a test of a session that has greeted its user. */
function sessionTest(
  name: string,
  fn: (user: User) => Promise<void>,
  settings?: Partial<SessionSettings>,
): void {
  virtualTest(name, async () => {
    const user = new User(settings);
    if (user !== undefined && (settings?.token ?? null) === null) {
      assertEquals(await user.shown(), "Welcome\n>>> ");
    }
    await fn(user);
    user.socket.close();
    await user.greenlet.join();
  });
}

sessionTest("BackdoorSession shows values and errors, and asks for more", async (user) => {
  assertEquals(await user.type("1 + 1"), "2\n>>> ");
  assertEquals(await user.type("const a = 1"), ">>> ");
  assertEquals(await user.type("({ a, b: [_] })"), "{ a: 1, b: [ 2 ] }\n>>> ");
  assertEquals(await user.type(""), ">>> ");
  assertEquals(await user.type("'text'"), '"text"\n>>> ');
  assertStringIncludes(
    await user.type("nothing"),
    "Uncaught ReferenceError: nothing is not defined",
  );
  assertStringIncludes(await user.type("throw 7"), "Uncaught 7\n>>> ");
  assertEquals(
    await user.type("({ [Symbol.for('Deno.customInspect')]() { throw 'no' } })"),
    "[cannot be shown: no]\n>>> ",
  );
});

sessionTest(
  "BackdoorSession takes line ends of both kinds, and several lines at a time",
  async (user) => {
    assertEquals(await user.type("1 + 1", "\r\n"), "2\n>>> ");
    assertEquals(await user.type("1\n2\r\n3"), "1\n>>> 2\n>>> 3\n>>> ");
  },
);

sessionTest(
  "BackdoorSession asks for the rest of what is incomplete, until an empty line",
  async (user) => {
    assertEquals(await user.type("function f() {"), "... ");
    assertEquals(await user.type("  return 5"), "... ");
    assertEquals(await user.type("}"), ">>> ");
    assertEquals(await user.type("f() +"), "... ");
    assertEquals(await user.type("1"), "6\n>>> ");
    assertEquals(await user.type("(("), "... ");
    assertStringIncludes(await user.type(""), "Uncaught SyntaxError");
  },
);

sessionTest("BackdoorSession awaits, and shows what is printed meanwhile", async (user) => {
  assertEquals(
    await user.type("for (const i of [1, 2]) { print('at', i); await sleep(10) } 'done'"),
    "at 1\n",
  );
  assertEquals(now(), 0);
  await sleep(10);
  assertEquals(await user.shown(), "at 2\n");
  await sleep(10);
  assertEquals(await user.shown(), '"done"\n>>> ');
  assertEquals(
    await user.type("console.log('a', { b: 1 }); console.error('c')"),
    "a { b: 1 }\nc\n>>> ",
  );
});

sessionTest("BackdoorSession shows greenlets", async (user) => {
  const sleeping = spawn(sleep, 1000);
  sleeping.name = "sleeper";
  assertStringIncludes(await user.type("printRunInfo()"), '<Greenlet "sleeper": sleep>');
  assertStringIncludes(await user.type("GreenletTree.current()"), '<Greenlet "sleeper": sleep>');
  assertStringIncludes(await user.type("getHub().stats.timers"), "1\n");
  await sleeping.kill();
  assertStringIncludes(await user.type("help()"), "quit()");
});

sessionTest(
  "BackdoorSession gives the variables that it was told to, also in place of its own",
  async (user) => {
    assertEquals(await user.type("answer"), "42\n>>> ");
    assertEquals(await user.type("print"), "7\n>>> ");
  },
  { locals: { answer: 42, print: 7 } },
);

for (const words of ["quit()", "exit()", "quit(); print('bye')", "\x04"]) {
  sessionTest(`BackdoorSession ends when ${JSON.stringify(words)} is typed`, async (user) => {
    const shown = await user.type(words);
    assertEquals(shown, words.includes("bye") ? "bye\n" : "");
    await user.greenlet.join();
  });
}

sessionTest("BackdoorSession ends with the input, after what was typed last", async (user) => {
  await user.conn.feed(bytes("1 + 1"));
  await user.end();
  assertEquals(await user.shown(), "2\n>>> ");
  assertEquals(user.greenlet.exception, undefined);
});

sessionTest("BackdoorSession ends when the client has gone, and reports nothing", async (user) => {
  await turns();
  user.conn.failRead(new Deno.errors.ConnectionReset("gone"));
  await user.greenlet.join();
  assertEquals(user.greenlet.exception, undefined);
});

sessionTest("BackdoorSession can be killed while it waits for what was typed", async (user) => {
  await user.type("try { await sleep(60_000) } finally { globalThis.backdoorEnded = true }");
  await user.greenlet.kill();
  const global = globalThis as { backdoorEnded?: boolean };
  assert(global.backdoorEnded);
  delete global.backdoorEnded;
});

sessionTest(
  "BackdoorSession can be killed while it waits for a promise of somebody else",
  async (user) => {
    await user.type("await new Promise(() => {})");
    await user.greenlet.kill();
    assert(user.greenlet.dead);
  },
);

sessionTest(
  "BackdoorSession shows what becomes of a promise that fails and that nobody awaits",
  async (user) => {
    const shown = await user.type("Promise.reject(new Error('later'))");
    assertStringIncludes(shown, "Uncaught (in promise) Error: later");
  },
);

sessionTest(
  "BackdoorSession shows a timeout that the user has started and forgotten, and goes on",
  async (user) => {
    assertStringIncludes(await user.type("Timeout.start(5)"), ">>> ");
    assertStringIncludes(await user.type("await sleep(100)"), "");
    await sleep(5);
    assertStringIncludes(await user.shown(), "Uncaught Timeout: 5 ms");
    await user.type("Timeout.start(5)");
    await sleep(5);
    assertStringIncludes(await user.shown(), "Uncaught Timeout: 5 ms");
    assertEquals(await user.type("1"), "1\n>>> ");
  },
  { locals: { Timeout } },
);

sessionTest("BackdoorSession drops output that nobody reads, and goes on", async (user) => {
  const shown = await user.type("for (let i = 0; i < 40; i++) print('x'.repeat(100_000))");
  assertStringIncludes(shown, "[Some output was dropped]");
  assert(shown.length < 1_200_000, `${shown.length}`);
  assertEquals(await user.type("1"), "1\n>>> ");
});

sessionTest("BackdoorSession refuses lines without end", async (user) => {
  await turns();
  for (let sent = 0; sent <= 1 << 20;) {
    const size = user.conn.readSizes.at(-1)!;
    await user.conn.feed(new Uint8Array(size).fill(97));
    sent += size;
    await turns();
    if (!user.conn.reading) break;
  }
  await user.greenlet.join();
  assertStringIncludes(await user.shown(), "The line is longer than 1048576 bytes");
});

sessionTest("BackdoorSession leaves when a web page has found it", async (user) => {
  assertEquals(await user.type("POST / HTTP/1.1\r\nHost: x\r\n\r\nglobalThis.hacked = 1"), "");
  await user.greenlet.join();
  assert(!("hacked" in globalThis));
});

virtualTest("BackdoorSession can be killed while the client does not read", async () => {
  const socket = new Socket(new FakeConn());
  const session = new BackdoorSession(socket, { locals: {}, banner: "Welcome", token: null });
  const running = spawn(() => session.run());
  await turns();
  await running.kill();
  assertEquals(describeBlocked().filter((line) => line.includes("output of")), []);
  socket.close();
});

sessionTest("BackdoorSession prints nothing any more after its end", async (user) => {
  await user.type("spawn(async () => { await sleep(10); print('late') })");
  await user.type("quit()");
  await user.greenlet.join();
  await sleep(20);
  assertEquals(await user.shown(), "");
  assertEquals(hub.timers.size, 0);
});

await import("node:crypto"); // takes real time, of which virtual time knows nothing

const TOKEN = { token: "sesame" };

sessionTest(
  "BackdoorSession asks for the token",
  async (user) => {
    assertEquals(await user.shown(), "Token: ");
    assertEquals(await user.type("sesame", "\r\n"), "Welcome\n>>> ");
    assertEquals(await user.type("1"), "1\n>>> ");
  },
  TOKEN,
);

sessionTest(
  "BackdoorSession lets nobody in who has not got the token, and takes its time",
  async (user) => {
    for (const token of ["sesam", "", "Sesame"]) {
      await user.type(token);
      await sleep(999);
      assert(!user.conn.reading, "It can be tried again at once");
      await sleep(1);
      await turns();
    }
    await user.greenlet.join();
    const shown = user.conn.written.map(text).join("");
    assertEquals(shown.split("Wrong token").length, 4, shown);
    assert(!shown.includes("Welcome"));
  },
  TOKEN,
);

sessionTest(
  "BackdoorSession leaves when a web page has found it, before it asks for the token again",
  async (user) => {
    assertEquals(await user.type("GET /?sesame HTTP/1.1\r\n\r\nsesame"), "Token: ");
    await user.greenlet.join();
  },
  TOKEN,
);

sessionTest(
  "BackdoorSession does not wait for the token for ever",
  async (user) => {
    await user.shown();
    await user.greenlet.join();
    assertEquals(now(), 60_000);
  },
  TOKEN,
);
