/**
 * A long run of everything that can go wrong: clients that connect, send, and are killed or timed out at any moment,
 * against a stream server, an HTTP server and WebSockets in the same process. It ends well when every answer was right,
 * and memory, file descriptors, greenlets and timers are back where they were: `deno task soak`.
 *
 * Options: `--seconds N` (default 300), `--seed N`, `--clients N` (default 100). The last line of its output is a
 * `SoakReport` as JSON; the exit code is 1 when something was wrong.
 *
 * @module
 */

import { parseArgs } from "node:util";
import {
  getHub,
  type Greenlet,
  GreenletExit,
  Group,
  Interrupt,
  main,
  sleep,
  spawn,
  withTimeout,
} from "../../core/mod.ts";
import { connect, type Socket, StreamServer } from "../../net/mod.ts";
import { connectWebSocket, HttpServer, upgradeWebSocket } from "../../http/mod.ts";
import { seededRandom } from "../helpers/random.ts";

/** What the run has seen. */
export interface SoakReport {
  readonly seconds: number;
  readonly seed: number;
  /** Conversations that were begun, by kind. */
  readonly begun: Record<string, number>;
  /** How they ended. */
  readonly ended: Record<string, number>;
  /** Answers that were not what was sent. */
  readonly wrong: number;
  /** MB of heap in use, after collections, at even intervals; the first after warming up. */
  readonly heap: readonly number[];
  /** Open file descriptors before the first client, and after the last. */
  readonly descriptors: readonly [number, number];
  /** Greenlets and timers that are left at the end, besides the one that counts. */
  readonly left: { readonly greenlets: number; readonly timers: number };
  /** What was wrong; nothing when it is empty. */
  readonly complaints: readonly string[];
}

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    seconds: { type: "string", default: "300" },
    seed: { type: "string", default: "1" },
    clients: { type: "string", default: "100" },
  },
});
const seconds = Number(options.seconds);
const seed = Number(options.seed);
const random = seededRandom(seed);
const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) throw new Error("Run this with --v8-flags=--expose-gc");

// With connections that are closed when nobody needs them, so that they can be told from those that are lost.
const client = Deno.createHttpClient({ poolIdleTimeout: 500 });
const SAMPLES = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const begun: Record<string, number> = {};
const ended: Record<string, number> = {};
let wrong = 0;

function count(table: Record<string, number>, key: string): void {
  table[key] = (table[key] ?? 0) + 1;
}

/** Something to say that differs from everything said before. */
function makeText(): string {
  return `${random(1e9)} `.repeat(1 + random(random(10) === 0 ? 5000 : 50));
}

function expect(received: string, sent: string): void {
  if (received !== sent) wrong++;
}

async function echoStream(socket: Socket): Promise<void> {
  for (let data = await socket.recv(); data.length > 0; data = await socket.recv()) {
    await socket.sendAll(data);
  }
}

async function answer(request: Request): Promise<Response | string | AsyncIterable<string>> {
  const { pathname } = new URL(request.url);
  if (pathname === "/ws") {
    return upgradeWebSocket(request, async (socket) => {
      for await (const message of socket) await socket.send(message);
    });
  }
  if (pathname === "/slow") {
    await sleep(random(20));
    return "slow";
  }
  if (pathname === "/stream") {
    return (async function* () {
      for (let i = 0; i < 20; i++) {
        yield `${i}\n`;
        await sleep(random(3));
      }
    })();
  }
  return await request.text();
}

const streams = new StreamServer("127.0.0.1:0", echoStream, { spawn: 200 });
const web = new HttpServer("127.0.0.1:0", answer, { spawn: 200, log: null });

/** What a client may do, each until it is through or somebody ends it. */
const CONVERSATIONS: Record<string, (signal: AbortSignal) => Promise<void>> = {
  async stream() {
    using socket = await connect(streams.address);
    for (let i = random(10); i >= 0; i--) {
      const text = makeText();
      const bytes = encoder.encode(text);
      await socket.sendAll(bytes);
      expect(decoder.decode(await socket.recvExactly(bytes.length)), text);
    }
  },
  async post(signal) {
    const text = makeText();
    const response = await fetch(web.url, { method: "POST", body: text, signal, client });
    expect(await response.text(), text);
  },
  async slow(signal) {
    const response = await fetch(new URL("/slow", web.url), { signal, client });
    expect(await response.text(), "slow");
  },
  async body(signal) {
    const response = await fetch(new URL("/stream", web.url), { signal, client });
    expect(await response.text(), Array.from({ length: 20 }, (_, i) => `${i}\n`).join(""));
  },
  async leave() {
    using socket = await connect(web.address);
    const request = "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n";
    await socket.sendAll(encoder.encode(request.slice(0, 1 + random(request.length))));
    await sleep(random(10));
  },
  async webSocket() {
    const url = new URL("/ws", web.url);
    url.protocol = "ws:";
    await using socket = await connectWebSocket(url);
    for (let i = random(10); i >= 0; i--) {
      const text = makeText();
      await socket.send(text);
      expect(String(await socket.receive()), text);
    }
  },
};
const KINDS = Object.keys(CONVERSATIONS);

/** Killed while it cleaned up after a timeout. */
function isInterrupted(error: unknown): boolean {
  return error instanceof SuppressedError && error.error instanceof Interrupt;
}

/** One conversation, in a greenlet of its own, that may be killed or timed out at any moment. */
async function converse(): Promise<void> {
  const kind = KINDS[random(KINDS.length)]!;
  count(begun, kind);
  const conversation: Greenlet<void> = spawn(async () => {
    const { signal } = conversation;
    if (random(3) > 0) return await CONVERSATIONS[kind]!(signal);
    const controller = new AbortController();
    const ends = AbortSignal.any([signal, controller.signal]);
    try {
      await withTimeout(random(30), () => CONVERSATIONS[kind]!(ends), { timeoutValue: undefined });
    } finally {
      controller.abort(new GreenletExit());
    }
  });
  try {
    if (random(3) === 0) {
      await sleep(random(30));
      await conversation.kill();
    } else {
      await conversation.join();
    }
  } finally {
    await conversation.kill();
  }
  const { exception } = conversation;
  const killed = conversation.value instanceof GreenletExit || isInterrupted(exception);
  count(ended, killed ? "killed" : conversation.successful ? "ended" : String(exception));
}

async function beClient(): Promise<void> {
  for (;;) await converse();
}

function descriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

/** What is in use when everything that can be collected has been. */
async function heapMegabytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collect!();
    await sleep(20);
  }
  return Math.round(Deno.memoryUsage().heapUsed / 1e4) / 100;
}

/** Waits, for no longer than it takes the runtime to let go of what was closed. */
async function eventually(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !condition(); i++) await sleep(50);
}

async function run(): Promise<SoakReport> {
  await streams.start();
  await web.start();
  await converse(); // what is made once is there before anything is counted
  for (const kind of KINDS) await CONVERSATIONS[kind]!(new AbortController().signal);
  await sleep(200);
  const before = { descriptors: descriptors(), ...getHub().stats };
  const heap: number[] = [];
  for (let sample = 0; sample <= SAMPLES; sample++) {
    const clients = new Group();
    for (let i = 0; i < Number(options.clients); i++) await clients.spawn(beClient);
    await sleep(seconds * 1000 / (SAMPLES + 1));
    await clients.kill();
    await eventually(() => getHub().stats.greenlets <= before.greenlets);
    heap.push(await heapMegabytes());
    console.error(`${heap.at(-1)} MB, ${descriptors()} descriptors`, JSON.stringify(begun));
  }
  await eventually(() =>
    descriptors() <= before.descriptors && getHub().stats.timers <= before.timers
  );
  const after = { descriptors: descriptors(), ...getHub().stats };
  await Promise.all([streams.stop(), web.stop()]);

  const complaints: string[] = [];
  if (wrong > 0) complaints.push(`${wrong} answers were wrong`);
  for (const [end, times] of Object.entries(ended)) {
    if (end !== "killed" && end !== "ended") complaints.push(`${times} times ${end}`);
  }
  const half = heap.slice(1, 1 + SAMPLES / 2);
  const rest = heap.slice(1 + SAMPLES / 2);
  const growth = Math.min(...rest) / Math.max(...half);
  if (growth > 1.1) complaints.push(`The heap grew by a factor of ${growth.toFixed(2)}`);
  if (after.descriptors > before.descriptors) {
    complaints.push(`${after.descriptors - before.descriptors} descriptors are left`);
  }
  const left = {
    greenlets: after.greenlets - before.greenlets,
    timers: after.timers - before.timers,
  };
  if (left.greenlets > 0) complaints.push(`${left.greenlets} greenlets are left`);
  if (left.timers > 0) complaints.push(`${left.timers} timers are left`);
  for (const kind of KINDS) if (!begun[kind]) complaints.push(`There was no ${kind}`);
  return {
    seconds,
    seed,
    begun,
    ended,
    wrong,
    heap,
    descriptors: [before.descriptors, after.descriptors],
    left,
    complaints,
  };
}

main(async () => {
  const report = await run();
  console.log(JSON.stringify(report));
  Deno.exit(report.complaints.length > 0 ? 1 : 0);
});
