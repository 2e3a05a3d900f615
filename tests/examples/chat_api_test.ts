import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ChatClient, closing } from "../helpers/chat_client.ts";
import { ChatProgram } from "../helpers/chat_program.ts";

/** Registers a test with a chat of its own. */
function chatTest(
  name: string,
  fn: (chat: ChatProgram) => Promise<void>,
  args: string[] = [],
): void {
  Deno.test({
    name,
    timeout: 30_000,
    async fn() {
      await using chat = await ChatProgram.start(args);
      await fn(chat);
      assertEquals((await chat.stop()).stderr, "", "Errors were printed");
    },
  });
}

/** Asks for a WebSocket and returns the status line; a browser would set the headers. */
async function upgradeStatus(chat: ChatProgram, path: string, origin?: string): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: chat.port });
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${chat.port}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...origin === undefined ? [] : [`Origin: ${origin}`],
  ];
  await conn.write(new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`));
  const buffer = new Uint8Array(1024);
  const size = await conn.read(buffer) ?? 0;
  return new TextDecoder().decode(buffer.subarray(0, size)).split("\r\n")[0]!;
}

chatTest(
  "The page and all its files are served with headers that keep strangers out",
  async (chat) => {
    const page = await fetch(chat.url);
    assertEquals(page.status, 200);
    assertStringIncludes(page.headers.get("content-type")!, "text/html");
    const html = await page.text();
    const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!);
    const types = ["icon.svg", "chat.css", "chat.js"].map((name) => files.includes(`/${name}`));
    assertEquals(types, [true, true, true]);
    for (const path of new Set(["/", "/connection.js", ...files])) {
      const response = await fetch(new URL(path, chat.url));
      await response.body?.cancel();
      assertEquals(response.status, 200, path);
      const policy = response.headers.get("content-security-policy")!;
      assertStringIncludes(policy, "default-src 'self'");
      assert(!policy.includes("unsafe"));
      assertEquals(response.headers.get("x-content-type-options"), "nosniff");
      assertEquals(response.headers.get("referrer-policy"), "no-referrer");
    }
    const head = await fetch(chat.url, { method: "HEAD" });
    assertEquals([head.status, await head.text()], [200, ""]);
  },
);

chatTest("What is not there gives 404, and a wrong method 405", async (chat) => {
  for (const path of ["/nothing", "/api/", "/toString", "/../chat.ts", "/api/join/"]) {
    assertEquals((await chat.get(path)).status, 404, path);
  }
  assertEquals((await chat.get("/api/join")).status, 405);
  assertEquals((await chat.post("/")).status, 405);
  assertMatch((await chat.get("/api/join")).body.error, /does not take GET/);
});

chatTest("POST /api/rooms makes a room once", async (chat) => {
  assertEquals(await chat.get("/api/rooms"), {
    status: 200,
    body: { rooms: [{ name: "lobby", users: 0 }, { name: "deno", users: 0 }] },
  });
  assertEquals(await chat.post("/api/rooms", { name: "  tea\u0020\u3000room " }), {
    status: 201,
    body: { name: "tea room" },
  });
  for (const name of ["tea room", "Tea  Room", "LOBBY", "ｌｏｂｂｙ"]) {
    assertEquals((await chat.post("/api/rooms", { name })).status, 409, name);
  }
  for (
    const name of [undefined, 1, "", " ", "a".repeat(33), "a\nb", "a\u202eb", "\u200b", "\ud800"]
  ) {
    const { status, body } = await chat.post("/api/rooms", { name });
    assertEquals(status, 400, Deno.inspect(name));
    assertMatch(body.error, /^The name of the room /);
  }
  assertEquals((await chat.post("/api/rooms", { name: "a".repeat(32) })).status, 201);
  for (let n = 4; n < 100; n++) {
    assertEquals((await chat.post("/api/rooms", { name: `room ${n}` })).status, 201);
  }
  assertEquals((await chat.post("/api/rooms", { name: "one more" })).status, 503);
  assertEquals((await chat.get("/api/rooms")).body.rooms.length, 100);
});

chatTest("POST /api/join refuses what cannot be", async (chat) => {
  const status = async (body: unknown): Promise<number> => {
    const answer = await chat.post("/api/join", body);
    if (answer.status !== 200) assertEquals(typeof answer.body.error, "string");
    return answer.status;
  };
  for (const name of [undefined, null, "", "a".repeat(25), "a\u0000", "a\u2066b", ["a"]]) {
    assertEquals(await status({ name, room: "lobby" }), 400, Deno.inspect(name));
  }
  assertEquals(await status({ name: "ann" }), 400);
  assertEquals(await status({ name: "ann", room: "attic" }), 404);
  assertEquals(await status({ name: "ann", room: "lobby", after: "x" }), 400);
  assertEquals(await status({ name: "ann", room: "lobby", after: -2 }), 400);
  for (const body of ["", "{", "[]", "null", "3", '"a"', '{"name": "ann"', "\u0000"]) {
    assertEquals(await status(body), 400, body);
  }
  assertEquals(await status({ name: "ann", room: "lobby", more: "x".repeat(8192) }), 413);
  const chunked = await fetch(new URL("/api/join", chat.url), {
    method: "POST",
    body: ReadableStream.from(Array(9).fill(new Uint8Array(1024).fill(0x20))),
  });
  await chunked.body?.cancel();
  assertEquals(chunked.status, 413);
  assertEquals(await status({ name: "Ann", room: "lobby" }), 200);
  for (const name of ["Ann", "ann", " ANN ", "Ａnn"]) {
    assertEquals(await status({ name, room: "deno" }), 409, name);
  }
  assertEquals((await chat.get("/api/rooms")).body.rooms[0], { name: "lobby", users: 1 });
});

chatTest("POST /api/join shows the last 25 messages and who is here", async (chat) => {
  const ann = await ChatClient.join(chat, "ann");
  assertEquals(ann.events, [{
    type: "reset",
  }, {
    type: "here",
    users: ["ann"],
    rooms: [{ name: "lobby", users: 1 }, { name: "deno", users: 0 }],
  }]);
  for (let n = 1; n <= 30; n++) await ann.say(`message ${n}`);
  const ben = await ChatClient.join(chat, "ben");
  assertEquals(ben.texts, Array.from({ length: 25 }, (_, i) => `message ${i + 6}`));
  const [message] = ben.messages;
  assertEquals([message?.user, typeof message?.at, message?.id], ["ann", "number", 6]);
  const here = ben.events.at(-1);
  assertEquals(here?.type === "here" && here.users, ["ann", "ben"]);
  const other = await ChatClient.join(chat, "cid", "deno");
  assertEquals(other.texts, []);
});

chatTest("POST /api/poll tells of joins, messages, leaves and rooms, in order", async (chat) => {
  const ann = await ChatClient.join(chat, "ann");
  ann.events.length = 0;
  const ben = await ChatClient.join(chat, "ben");
  await ben.say("hello");
  assertEquals((await chat.post(`/api/leave?token=${ben.token}`)).status, 204);
  await chat.post("/api/rooms", { name: "attic" });
  const isLast = (): boolean => {
    const event = ann.events.findLast((event) => event.type === "rooms");
    return event?.rooms.length === 3 && event.rooms[0]?.users === 1;
  };
  await ann.pollUntil(isLast);
  const events = ann.events.filter((event) => event.type !== "rooms");
  assertEquals(events.map((event) => event.type), ["join", "message", "leave"]);
  assertEquals(ann.texts, ["hello"]);
  for (const path of ["poll", "send", "leave"]) {
    const { status } = await chat.post(`/api/${path}?token=${ben.token}`, { key: "k", text: "t" });
    assertEquals(status, 404, path);
    assertEquals((await chat.post(`/api/${path}`)).status, 404, path);
  }
  assertEquals((await chat.post(`/api/poll?token=${ann.token}&seen=x`)).status, 400);
  assertEquals((await ChatClient.join(chat, "ben")).texts, ["hello"], "the name is free again");
});

chatTest("POST /api/poll repeats an answer that got lost", async (chat) => {
  const ann = await ChatClient.join(chat, "ann");
  await ann.say("one");
  await ann.poll();
  await ann.say("two");
  await ann.poll({ isLost: true });
  await ann.say("three");
  await ann.poll({ isLost: true });
  await ann.pollUntil(() => ann.texts.length >= 3);
  await ann.say("four");
  await ann.pollUntil(() => ann.texts.length >= 4);
  assertEquals(ann.texts, ["one", "two", "three", "four"]);
});

chatTest("POST /api/send says something once for each key", async (chat) => {
  const ann = await ChatClient.join(chat, "ann");
  const ben = await ChatClient.join(chat, "ben");
  const id = await ann.say("hello", "key-1");
  assertEquals(await ann.say("hello", "key-1"), id);
  assertEquals(await ben.say("hello", "key-1"), id + 1, "keys of others do not matter");
  await ann.pollUntil(() => ann.texts.length >= 2);
  assertEquals(ann.messages.map(({ user, key }) => [user, key]), [["ann", "key-1"], [
    "ben",
    "key-1",
  ]]);
  assertEquals(ann.messages[0]?.id, id);

  const status = async (body: unknown): Promise<number> =>
    (await chat.post(`/api/send?token=${ann.token}`, body)).status;
  for (const text of [undefined, "", "\n ", "x".repeat(2001), "a\u0007", "a\u009b", "\ud800", {}]) {
    assertEquals(await status({ key: "k", text }), 400, Deno.inspect(text));
  }
  for (const key of [undefined, "", "a b", "x".repeat(65), 7]) {
    assertEquals(await status({ key, text: "hello" }), 400, Deno.inspect(key));
  }
  assertEquals(await status("{"), 400);
  assertEquals(await status({ key: "k", text: "x".repeat(9000) }), 413);
  const longest = `${"€\n\t".repeat(666)}!!`;
  await ann.say(longest);
  await ann.say("two\r\nlines \n\n");
  await ann.pollUntil(() => ann.texts.length >= 4);
  assertEquals(ann.texts.slice(2), [longest, "two\nlines"]);
});

chatTest(
  "A client that was away gets what it has missed, however much, and nothing twice",
  async (chat) => {
    const ann = await ChatClient.join(chat, "ann");
    const ben = await ChatClient.join(chat, "ben");
    await ben.say("0");
    await ann.poll();
    for (let n = 1; n <= 130; n++) await ben.say(`${n}`);
    const again = await ChatClient.join(chat, "ann", "lobby", ann.resume);
    assertEquals(again.token, ann.token, "it is the same session");
    await again.pollUntil(() => again.texts.length >= 130);
    await ben.say("131");
    await again.pollUntil(() => again.texts.at(-1) === "131");
    assertEquals([...ann.texts, ...again.texts], Array.from({ length: 132 }, (_, n) => `${n}`));
    assertEquals(again.events.filter((event) => event.type === "reset"), []);
    assertEquals(ben.events.filter((event) => event.type === "leave"), [], "ann has not left");
  },
);

chatTest("A client of another database begins anew", async (chat) => {
  const ann = await ChatClient.join(chat, "ann");
  for (let n = 1; n <= 3; n++) await ann.say(`${n}`);
  await ann.poll();
  const again = await ChatClient.join(chat, "ann", "lobby", { ...ann.resume, epoch: "another" });
  assertEquals(again.events[0]?.type, "reset");
  assertEquals(again.texts, ["1", "2", "3"]);
});

chatTest("A room keeps 1000 messages; who has missed more begins anew", async (chat) => {
  const ann = await ChatClient.join(chat, "ann");
  const ben = await ChatClient.join(chat, "ben", "deno");
  await ann.say("first");
  const after = await ann.say("second");
  await ann.poll();
  const socket = await ben.open();
  const text = (n: number): string => `text ${n}`;
  await chat.post(`/api/leave?token=${ann.token}`);
  const cid = await ChatClient.join(chat, "cid");
  await cid.open();
  for (let n = 0; n < 1000; n++) {
    cid.send({ type: "send", key: `key-${n}`, text: text(n) });
    if (n % 50 === 49) await cid.until(() => cid.replies.length > n); // it may not be sent too much at once
  }
  await cid.until(() => cid.texts.length >= 1002);
  const { epoch } = ann;
  const onTheEdge = await ChatClient.join(chat, "edge", "lobby", { epoch, after });
  assertEquals(onTheEdge.texts[0], text(0));
  await cid.say("one more");
  const tooLate = await ChatClient.join(chat, "late", "lobby", { epoch, after });
  assertEquals(tooLate.events[0]?.type, "reset");
  assertEquals([tooLate.texts.length, tooLate.texts.at(-1)], [25, "one more"]);
  const inTime = await ChatClient.join(chat, "in time", "lobby", { epoch, after: after + 1 });
  assertEquals(inTime.texts[0], text(1));
  await Promise.all([cid.close(), ben.close()]);
  assertEquals(socket.readyState, WebSocket.CLOSED);
});

chatTest("GET /ws delivers and answers", async (chat) => {
  const ann = await ChatClient.join(chat, "ann");
  await ann.say("before it is open");
  await ann.open();
  ann.send({ type: "send", key: "k1", text: "one" });
  ann.send({ type: "send", key: "k1", text: "one" });
  ann.send({ type: "send", key: "k2", text: " " });
  ann.send({ type: "send", text: "no key" });
  ann.send({ type: "ping" });
  ann.send("{");
  ann.send({ type: "constructor" });
  ann.socket!.send(new Uint8Array([0xff]));
  await ann.until(() => ann.replies.length === 8 && ann.texts.length === 2);
  assertEquals(ann.texts, ["before it is open", "one"]);
  assertEquals(ann.replies, [
    { type: "sent", key: "k1", id: 2 },
    { type: "sent", key: "k1", id: 2 },
    { type: "error", key: "k2", error: "The message is empty" },
    { type: "error", error: "The key must be 1 to 64 letters, digits, - or _" },
    { type: "pong" },
    { type: "error", error: "Expected JSON" },
    { type: "error", error: "Expected the type 'send' or 'ping'" },
    { type: "error", error: "Expected JSON" },
  ]);
  const closed = closing(ann.socket!);
  ann.send({ type: "send", key: "k3", text: "x".repeat(9000) });
  assertEquals(await closed, 1009);
});

chatTest("GET /ws is for known tokens and the own page only", async (chat) => {
  const { query } = await ChatClient.join(chat, "ann");
  const own = new URL(chat.url).origin;
  assertMatch(await upgradeStatus(chat, "/ws?token=unknown"), / 404 /);
  assertMatch(await upgradeStatus(chat, "/ws"), / 404 /);
  assertMatch(await upgradeStatus(chat, `/ws?${query}&seen=x`), / 101 /, "the first one counts");
  assertMatch(await upgradeStatus(chat, `/ws?${query.replace("seen=", "seen=x")}`), / 400 /);
  for (const origin of ["https://evil.example", "null", `${own}.evil.example`, `${own}0`]) {
    assertMatch(await upgradeStatus(chat, `/ws?${query}`, origin), / 403 /, origin);
    const { status } = await chat.post("/api/join", { name: "eve", room: "lobby" }, { origin });
    assertEquals(status, 403, origin);
  }
  assertMatch(await upgradeStatus(chat, `/ws?${query}`, own), / 101 /);
  assertEquals((await chat.get(`/ws?${query}`)).status, 426, "not a WebSocket");
});

chatTest("A session has one client at a time, the latest", async (chat) => {
  const ann = await ChatClient.join(chat, "ann");
  const first = await ann.open();
  const closed = closing(first);
  const second = await ChatClient.join(chat, "ann", "lobby", ann.resume);
  await second.open();
  assertEquals(await closed, 4001);
  const third = await ChatClient.join(chat, "ann", "lobby", second.resume);
  const overtaken = closing(second.socket!);
  const poll = chat.post(`/api/poll?${third.query}`);
  assertEquals(await overtaken, 4001);
  const fourth = await ChatClient.join(chat, "ann", "lobby", third.resume);
  await fourth.open();
  assertEquals((await poll).status, 409);
  await fourth.say("hello");
  await fourth.until(() => fourth.texts.length > 0);
  assertEquals(fourth.texts, ["hello"]);
  assertEquals([ann.texts, second.texts, third.texts], [[], [], []]);
  await fourth.close();
});

chatTest(
  "Who goes on in another room, or under another name, leaves the one before",
  async (chat) => {
    const ben = await ChatClient.join(chat, "ben");
    const ann = await ChatClient.join(chat, "ann");
    const { token } = ann;
    const moved = await ChatClient.join(chat, "ann", "deno", { token });
    assertEquals((await chat.post(`/api/poll?token=${token}`)).status, 404);
    const renamed = await ChatClient.join(chat, "Ann B.", "deno", { token: moved.token });
    await ben.pollUntil(() => ben.events.some((event) => event.type === "leave"));
    const names = (events: ChatClient): string[] => {
      const here = events.events.findLast((event) => event.type === "here");
      return here?.type === "here" ? [...here.users] : [];
    };
    assertEquals(names(renamed), ["Ann B."]);
    assertEquals(names(await ChatClient.join(chat, "ann")), ["ben", "ann"]);
  },
);

chatTest("Who loads the page again does not leave, who closes it does", async (chat) => {
  const ben = await ChatClient.join(chat, "ben");
  await ben.open();
  const ann = await ChatClient.join(chat, "ann");
  await ann.open();
  const cid = await ChatClient.join(chat, "cid");
  for (const { token } of [cid, ann]) {
    assertEquals((await chat.post(`/api/leave?token=${token}&soon`)).status, 204);
  }
  const again = await ChatClient.join(chat, "ann", "lobby", { token: ann.token });
  await again.open();
  await ben.until(() => ben.events.some((event) => event.type === "leave"));
  const left = ben.events.filter((event) => event.type === "leave");
  assertEquals(left, [{ type: "leave", user: "cid" }]);
  await Promise.all([again.close(), ben.close()]);
});

chatTest("Who loses the connection leaves after a while", async (chat) => {
  const ben = await ChatClient.join(chat, "ben");
  await ben.open();
  const ann = await ChatClient.join(chat, "ann");
  await ann.open();
  await ann.close();
  await ben.until(() => ben.events.some((event) => event.type === "leave"));
  assertEquals((await chat.post(`/api/poll?token=${ann.token}`)).status, 404);
  await ben.close();
}, ["--grace", "2"]);
