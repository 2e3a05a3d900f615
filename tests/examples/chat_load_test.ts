import { assert, assertEquals } from "@std/assert";
import { ChatClient, connectRaw, upgradeRaw } from "../helpers/chat_client.ts";
import { ChatProgram } from "../helpers/chat_program.ts";

/** How many clients of each kind there are, 500 together: those who live, and those who are in the way. */
const LISTENING = 230;
const LOSING_CONNECTION = 20;
const POLLING = 150;
const STUCK = 30;
const ABSENT = 20;
const KILLED = 25;
const KILLED_POLLING = 25;

const SPEAKERS = 20;
const EACH_SAYS = 10;

/** Registers a test that looks at the memory of the server, which only Linux tells. */
function loadTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, timeout: 90_000, ignore: Deno.build.os !== "linux", fn });
}

/** How much memory a program has, in MiB. */
async function memoryOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/** Runs a function for 0, 1, 2 …, a few at a time. */
async function times<T>(count: number, fn: (n: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const n = next++;
      results[n] = await fn(n);
    }
  };
  await Promise.all(Array.from({ length: 25 }, worker));
  return results;
}

async function assertWorks(chat: ChatProgram): Promise<void> {
  const late = await ChatClient.join(chat, "late");
  await late.open();
  const id = await late.say("still there?");
  await late.until(() => late.messages.at(-1)?.id === id);
  await late.close();
}

loadTest(
  "500 clients, some slow or killed: all others get each message once, in order",
  async () => {
    await using chat = await ChatProgram.start(["--grace", "5"]);
    const total = SPEAKERS * EACH_SAYS;
    const isDone = (client: ChatClient) => (): boolean => client.texts.length >= total;
    const joinAndOpen = async (name: string): Promise<ChatClient> => {
      const client = await ChatClient.join(chat, name);
      await client.open();
      return client;
    };

    const listening = await times(LISTENING, (n) => joinAndOpen(`listening ${n}`));
    const losing = await times(LOSING_CONNECTION, (n) => joinAndOpen(`losing ${n}`));
    const polls: Promise<void>[] = [];
    const polling = await times(POLLING, async (n) => {
      const client = await ChatClient.join(chat, `polling ${n}`);
      polls.push(client.pollUntil(isDone(client)));
      return client;
    });
    const stuck = await times(STUCK, async (n) => {
      const { query } = await ChatClient.join(chat, `stuck ${n}`);
      return (await upgradeRaw(chat, `/ws?${query}`)).conn;
    });
    const killed = await times(KILLED, async (n) => {
      const { query } = await ChatClient.join(chat, `killed ${n}`);
      return (await upgradeRaw(chat, `/ws?${query}`)).conn;
    });
    const killedPolling = await times(KILLED_POLLING, async (n) => {
      const { query } = await ChatClient.join(chat, `killed polling ${n}`);
      return await connectRaw(chat, `POST /api/poll?${query}`, { "Content-Length": "0" });
    });
    await times(ABSENT, (n) => ChatClient.join(chat, `absent ${n}`));
    const memory = await memoryOf(chat.pid);

    const speakers = [...listening.slice(0, SPEAKERS / 2), ...polling.slice(0, SPEAKERS / 2)];
    const speak = (from: number, to: number): Promise<void[]> =>
      Promise.all(speakers.map(async (client, speaker) => {
        for (let n = from; n < to; n++) {
          const key = `${speaker}-${n}`;
          if (client.socket === undefined) await client.say(key, key);
          else client.send({ type: "send", key, text: key });
        }
      }));
    await speak(0, EACH_SAYS / 2);
    for (const conn of [...killed, ...killedPolling]) conn.close();
    await Promise.all(losing.map((client) => client.close()));
    const speaking = speak(EACH_SAYS / 2, EACH_SAYS);
    const back = await times(LOSING_CONNECTION, async (n) => {
      const client = await ChatClient.join(chat, `losing ${n}`, "lobby", losing[n]!.resume);
      await client.open();
      return client;
    });
    await speaking;

    await Promise.all(polls);
    await Promise.all(listening.map((client) => client.until(isDone(client))));
    const seen = [...listening, ...polling].map((client) => client.messages);
    for (const [n, client] of back.entries()) {
      const before = losing[n]!.messages;
      await client.until(() => before.length + client.texts.length >= total);
      assertEquals(client.token, losing[n]!.token);
      seen.push([...before, ...client.messages]);
    }
    const [first = []] = seen;
    assertEquals(first.length, total);
    assert(first.every(({ id }, i) => i === 0 || id > first[i - 1]!.id));
    for (let speaker = 0; speaker < SPEAKERS; speaker++) {
      const said = first.map(({ text }) => text).filter((text) => text.startsWith(`${speaker}-`));
      assertEquals(said, Array.from({ length: EACH_SAYS }, (_, n) => `${speaker}-${n}`));
    }
    for (const messages of seen) assertEquals(messages, first);
    const growth = await memoryOf(chat.pid) - memory;
    assert(growth < 200, `The server has grown by ${growth} MiB`);

    // Those who poll are gone now, too; the stuck ones are there until the server finds out.
    const [witness] = listening;
    const alive = LISTENING + LOSING_CONNECTION + STUCK;
    await witness!.until(() => witness!.rooms.some(({ users }) => users > 0 && users <= alive));
    await assertWorks(chat);
    await Promise.all([...listening, ...back].map((client) => client.close()));
    const { code, stderr } = await chat.stop();
    assertEquals([code, stderr], [0, ""]);
    for (const conn of stuck) conn.close();
  },
);

loadTest("Clients that do not read cost the server no memory, however much is said", async () => {
  await using chat = await ChatProgram.start(["--grace", "60"]);
  const longest = "€".repeat(2000);
  const total = 4000;
  const stuck = await times(20, async (n) => {
    const { query } = await ChatClient.join(chat, `stuck ${n}`);
    return (await upgradeRaw(chat, `/ws?${query}`)).conn;
  });
  await times(20, (n) => ChatClient.join(chat, `absent ${n}`));
  const speaker = await ChatClient.join(chat, "speaker");
  await speaker.open();
  const memory = await memoryOf(chat.pid);
  for (let n = 0; n < total; n++) {
    speaker.send({ type: "send", key: `${n}`, text: longest });
    if (n % 50 === 49) await speaker.until(() => speaker.replies.length > n);
    if (n % 500 === 499) await speaker.until(() => speaker.messages.length > n);
  }
  // All that was said, for all who did not hear it, would be close to 1 GiB.
  const growth = await memoryOf(chat.pid) - memory;
  assert(growth < 250, `The server has grown by ${growth} MiB`);
  assertEquals(
    speaker.messages.map(({ key }) => key),
    Array.from({ length: total }, (_, n) => `${n}`),
  );
  await assertWorks(chat);
  await speaker.close();
  const { code, stderr } = await chat.stop();
  assertEquals([code, stderr], [0, ""]);
  for (const conn of stuck) conn.close();
});
