import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { ChatClient, closing } from "../helpers/chat_client.ts";
import { ChatProgram, runChat } from "../helpers/chat_program.ts";

const ROOT = new URL("../../", import.meta.url);

function programTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, timeout: 30_000, fn });
}

async function withFolder(fn: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await fn(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Opens a WebSocket that never reads anything. */
async function openStuck(chat: ChatProgram, query: string): Promise<Deno.Conn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: chat.port });
  const head = [
    `GET /ws?${query} HTTP/1.1`,
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  await conn.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n`));
  return conn;
}

programTest("chat.ts --help prints what there is", async () => {
  const { code, stdout, stderr } = await runChat("--help");
  assertEquals([code, stderr], [0, ""]);
  for (const option of ["--port", "--host", "--db", "--grace", "--help"]) {
    assert(stdout.includes(`  ${option} `), option);
  }
});

programTest("chat.ts says in one line what is wrong with its command line", async () => {
  const wrong = [["--prot", "1"], ["--port"], ["--port", "x"], ["--port", "65536"], ["extra"]];
  for (const args of wrong) {
    const { code, stdout, stderr } = await runChat(...args);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assertMatch(stderr, /^chat: .+--help tells what there is\n$/);
  }
});

programTest("chat.ts says in one line that the port is taken", async () => {
  await using chat = await ChatProgram.start();
  const { code, stdout, stderr } = await runChat("--port", String(chat.port));
  assertEquals({ code, stdout, stderr }, {
    code: 1,
    stdout: "",
    stderr: `chat: Port ${chat.port} of 127.0.0.1 is taken; try another --port\n`,
  });
});

programTest("chat.ts says in one line that it cannot use an address or a database", async () => {
  const address = await runChat("--port", "0", "--host", "192.0.2.1");
  assertEquals([address.code, address.stdout], [1, ""]);
  assertMatch(address.stderr, /^chat: .*192\.0\.2\.1.*\n$/);
  const database = await runChat("--port", "0", "--db", "/nowhere/chat.db");
  assertEquals([database.code, database.stdout], [1, ""]);
  assertMatch(database.stderr, /^chat: Cannot use the database \/nowhere\/chat\.db: .*\n$/);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  programTest(`chat.ts says goodbye and exits with 0 on ${signal}`, async () => {
    await using chat = await ChatProgram.start();
    const ann = await ChatClient.join(chat, "ann");
    const ben = await ChatClient.join(chat, "ben");
    const cid = await ChatClient.join(chat, "cid");
    using _stuck = await openStuck(chat, cid.query);
    const closed = closing(await ann.open());
    await ben.pollUntil(() => ben.events.at(-1)?.type === "rooms"); // after that, nothing happens any more
    // One of two polls ends the other one. When that is answered, it is certain that the first one waits.
    const polls = [1, 2].map(() => chat.post(`/api/poll?${ben.query}`));
    assertEquals((await Promise.race(polls)).status, 409);
    const { code, stderr } = await chat.stop(signal);
    assertEquals([code, stderr], [0, ""]);
    assertEquals(await closed, 1001);
    assertEquals(ann.events.at(-1), { type: "bye" });
    const answers = await Promise.all(polls);
    const last = answers.find(({ status }) => status === 200);
    assertEquals(last?.body.events, [{ type: "bye" }]);
  });
}

programTest("chat.ts --db keeps rooms and messages", async () => {
  await withFolder(async (folder) => {
    const args = ["--db", join(folder, "chat.db")];
    let ann: ChatClient;
    {
      await using chat = await ChatProgram.start(args);
      await chat.post("/api/rooms", { name: "attic" });
      ann = await ChatClient.join(chat, "ann", "attic");
      await ann.say("one");
      await ann.poll();
      await ann.say("two", "key-2");
      const second = await runChat("--port", "0", ...args);
      assertEquals(second.code, 1, "a database belongs to one program");
      assertMatch(second.stderr, /^chat: Cannot use the database .*locked\n$/);
      await chat.stop("SIGKILL");
    }
    await using chat = await ChatProgram.start(args);
    const again = await ChatClient.join(chat, "ann", "attic", ann.resume);
    assertNotEquals(again.token, ann.token);
    assertEquals(again.epoch, ann.epoch);
    assertEquals(await again.say("two", "key-2"), 2, "it was said before");
    await again.say("three");
    await again.pollUntil(() => again.texts.length >= 2);
    assertEquals([...ann.texts, ...again.texts], ["one", "two", "three"]);
    assertEquals((await chat.stop()).code, 0);
  });
});

programTest("chat.ts without --db forgets everything", async () => {
  const epochs: string[] = [];
  for (let n = 0; n < 2; n++) {
    await using chat = await ChatProgram.start();
    const ann = await ChatClient.join(chat, "ann");
    epochs.push(ann.epoch);
    assertEquals(await ann.say("hello"), 1);
  }
  assertNotEquals(epochs[0], epochs[1]);
});

programTest("chat.ts runs from a URL", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      const type = pathname.endsWith(".ts") ? "application/typescript" : "text/plain";
      const bytes = await Deno.readFile(new URL(`.${pathname}`, ROOT));
      return new Response(bytes, { headers: { "content-type": type } });
    },
  );
  await withFolder(async (folder) => {
    await using chat = await ChatProgram.start([], {
      program: `http://127.0.0.1:${server.addr.port}/examples/chat.ts`,
      env: { DENO_DIR: folder }, // so that the random port does not fill up the user's cache
    });
    const page = await fetch(chat.url);
    assertMatch(await page.text(), /<title>Chat<\/title>/);
    assertEquals((await chat.stop()).code, 0);
    await assertRejects(() => fetch(chat.url));
  });
});
