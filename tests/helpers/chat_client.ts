/**
 * A scripted client of the chat.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { RoomInfo } from "../../examples/chat/rooms.ts";
import type { ChatEvent, Delivery } from "../../examples/chat/session.ts";
import type { Message } from "../../examples/chat/store.ts";
import type { ChatProgram } from "./chat_program.ts";

/** Where to go on after the connection was lost. */
interface Resume {
  readonly token?: string | undefined;
  readonly epoch?: string | undefined;
  readonly after?: number;
}

/** Somebody who has joined, and what has come to them. */
export class ChatClient {
  readonly chat: ChatProgram;
  readonly token: string;
  readonly epoch: string;
  /** All events that have come, in order. */
  readonly events: ChatEvent[] = [];
  /** What was received through a WebSocket and is no delivery. */
  readonly replies: unknown[] = [];
  socket: WebSocket | undefined;
  #at: { seen: number; after: number } = { seen: -1, after: -1 };
  #changed: PromiseWithResolvers<void> = Promise.withResolvers();

  private constructor(chat: ChatProgram, token: string, epoch: string) {
    this.chat = chat;
    this.token = token;
    this.epoch = epoch;
  }

  /** Joins, which must work. */
  static async join(
    chat: ChatProgram,
    name: string,
    room = "lobby",
    resume: Resume = {},
  ): Promise<ChatClient> {
    const { status, body } = await chat.post("/api/join", { name, room, ...resume });
    assertEquals([status, body.error], [200, undefined]);
    const client = new ChatClient(chat, body.token, body.epoch);
    client.take(body);
    return client;
  }

  /** The messages that have come since the last reset. */
  get messages(): Message[] {
    const reset = this.events.findLastIndex((event) => event.type === "reset");
    return this.events.slice(reset + 1).filter((event) => event.type === "message");
  }

  /** The texts of {@link ChatClient.messages}. */
  get texts(): string[] {
    return this.messages.map((message) => message.text);
  }

  /** What it takes to go on in another client. */
  get resume(): Resume & { readonly after: number } {
    return { token: this.token, epoch: this.epoch, after: this.#at.after };
  }

  /** The rooms, as far as is known. */
  get rooms(): readonly RoomInfo[] {
    const last = this.events.findLast((event) => event.type === "rooms" || event.type === "here");
    return last?.rooms ?? [];
  }

  /** What is said of this client in the query of a request. */
  get query(): string {
    return `token=${this.token}&seen=${this.#at.seen}&after=${this.#at.after}`;
  }

  /** Takes a delivery in. */
  take({ seen, after, events }: Delivery): void {
    this.#at = { seen, after };
    this.events.push(...events);
    this.#wake();
  }

  /** Waits until something is the case, which is looked at whenever something comes. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#changed.promise;
  }

  /** Polls once; `isLost` throws the answer away, like a network might. */
  async poll({ isLost = false }: { isLost?: boolean } = {}): Promise<readonly ChatEvent[]> {
    const { status, body } = await this.chat.post(`/api/poll?${this.query}`);
    assertEquals([status, body.error], [200, undefined]);
    if (!isLost) this.take(body);
    return body.events;
  }

  /** Polls until something is the case. */
  async pollUntil(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.poll();
  }

  /** Says something with a request; returns the id. */
  async say(text: string, key: string = crypto.randomUUID()): Promise<number> {
    const { status, body } = await this.chat.post(`/api/send?token=${this.token}`, { key, text });
    assertEquals([status, body.error], [200, undefined]);
    return body.id;
  }

  /** Opens a WebSocket, which must work. */
  async open(): Promise<WebSocket> {
    const socket = new WebSocket(new URL(`/ws?${this.query}`, this.chat.url.replace("http", "ws")));
    this.socket = socket;
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "events") return this.take(message);
      this.replies.push(message);
      this.#wake();
    };
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onclose = ({ code }) => reject(new Error(`The WebSocket was closed with ${code}`));
    });
    return socket;
  }

  /** Sends something through the WebSocket; a string is sent as it is. */
  send(message: unknown): void {
    this.socket!.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** Closes the WebSocket and waits for its end. */
  async close(): Promise<void> {
    if (this.socket === undefined) return;
    const closed = closing(this.socket);
    this.socket.close();
    await closed;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** Waits until a WebSocket is closed, and returns the code. */
export function closing(socket: WebSocket): Promise<number> {
  if (socket.readyState === WebSocket.CLOSED) return Promise.resolve(0);
  return new Promise((resolve) => socket.addEventListener("close", ({ code }) => resolve(code)));
}

/** A connection for what no well-behaved client does; `request` is the request line. */
export async function connectRaw(
  chat: ChatProgram,
  request: string,
  headers: Record<string, string> = {},
): Promise<Deno.Conn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: chat.port });
  const lines = [`${request} HTTP/1.1`, `Host: 127.0.0.1:${chat.port}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  await conn.write(new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`));
  return conn;
}

/** Asks for a WebSocket and reads no more than the beginning of the answer, which is returned too. */
export async function upgradeRaw(
  chat: ChatProgram,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ conn: Deno.Conn; statusLine: string }> {
  const conn = await connectRaw(chat, `GET ${path}`, {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
  });
  const buffer = new Uint8Array(1024);
  const size = await conn.read(buffer) ?? 0;
  const [statusLine = ""] = new TextDecoder().decode(buffer.subarray(0, size)).split("\r\n");
  return { conn, statusLine };
}
