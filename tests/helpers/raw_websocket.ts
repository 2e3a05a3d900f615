/**
 * WebSocket clients and servers that do everything by hand, and can be rude.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { HttpServer } from "../../http/server.ts";
import { Socket } from "../../net/socket.ts";
import { RawClient, type RawResponse } from "./http.ts";
import { bytes, text } from "./sockets.ts";

export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** What a WebSocket request has to have. */
export const HANDSHAKE: Readonly<Record<string, string>> = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  "sec-websocket-version": "13",
};

/** The whole of it. */
export const REQUEST: string = `GET / HTTP/1.1\r\nhost: localhost\r\n${
  Object.entries(HANDSHAKE).map(([key, value]) => `${key}: ${value}\r\n`).join("")
}\r\n`;

/** One frame. */
export interface Frame {
  readonly opcode: number;
  readonly payload: Uint8Array;
}

/** What is wrong about a frame. */
export interface FrameOptions {
  /** Whether it is masked, as the frames of clients have to be; with zeros, which change nothing. */
  readonly mask?: boolean;
  /** The bytes that say how long it is, in place of the right ones. */
  readonly length?: readonly number[];
}

/** The bytes of a frame; `first` is its first byte: flags and opcode. */
export function frameOf(
  first: number,
  payload: Uint8Array | string | readonly number[] = [],
  { mask = true, length }: FrameOptions = {},
): Uint8Array<ArrayBuffer> {
  const data = typeof payload === "string" ? bytes(payload) : payload;
  const [start = 0, ...more] = length ?? lengthOf(data.length);
  const head = [first, start | (mask ? 0x80 : 0), ...more, ...(mask ? [0, 0, 0, 0] : [])];
  const frame = new Uint8Array(head.length + data.length);
  frame.set(head);
  frame.set(data, head.length);
  return frame;
}

function lengthOf(size: number): number[] {
  if (size < 126) return [size];
  if (size < 65536) return [126, size >> 8, size & 255];
  return [127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((bits) => (size >> bits) & 255)];
}

/** Asks a server for a WebSocket and returns what it answers. */
export async function askForWebSocket(
  server: HttpServer,
  headers: Record<string, string | undefined> = {},
  line = "GET /",
): Promise<{ client: RawClient; response: RawResponse }> {
  const client = await RawClient.connect(server.address);
  const all = Object.entries({ ...HANDSHAKE, ...headers });
  const given = all.filter((entry): entry is [string, string] => entry[1] !== undefined);
  await client.request(line, Object.fromEntries(given));
  return { client, response: await client.head() };
}

/** An open connection, of a client unless told otherwise. */
export class RawWebSocket implements Disposable {
  readonly client: RawClient;
  readonly #mask: boolean;

  constructor(client: RawClient, { mask = true }: FrameOptions = {}) {
    this.client = client;
    this.#mask = mask;
  }

  static async open(
    server: HttpServer,
    headers: Record<string, string> = {},
  ): Promise<RawWebSocket> {
    const { client, response } = await askForWebSocket(server, headers);
    if (response.status !== 101) throw new Error(`Answered with ${response.status}`);
    return new RawWebSocket(client);
  }

  /** Sends a frame, masked if it comes from a client. */
  async send(opcode: number, payload: Uint8Array | string, fin = true): Promise<void> {
    await this.client.send(frameOf(opcode | (fin ? 0x80 : 0), payload, { mask: this.#mask }));
  }

  /** Receives a frame; its payload without the mask, if it has one. */
  async frame(): Promise<Frame> {
    const { socket } = this.client;
    const [first, second] = await socket.recvExactly(2);
    let length = second! & 127;
    const more = length === 126 ? 2 : length === 127 ? 8 : 0;
    if (more > 0) {
      length = 0;
      for (const byte of await socket.recvExactly(more)) length = length * 256 + byte;
    }
    const mask = second! & 0x80 ? await socket.recvExactly(4) : undefined;
    const payload = await socket.recvExactly(length);
    if (mask !== undefined) payload.forEach((byte, i) => payload[i] = byte ^ mask[i % 4]!);
    return { opcode: first! & 15, payload };
  }

  /** Receives a text message. */
  async text(): Promise<string> {
    const { opcode, payload } = await this.frame();
    if (opcode !== TEXT) throw new Error(`Not a text: ${opcode} ${text(payload)}`);
    return text(payload);
  }

  /** Receives the closing frame, skipping what comes before; its code and reason. */
  async closing(): Promise<[code: number, reason: string]> {
    for (;;) {
      const { opcode, payload } = await this.frame();
      if (opcode === CLOSE) return [payload[0]! * 256 + payload[1]!, text(payload.subarray(2))];
    }
  }

  /** Sends a closing frame. */
  async close(code = 1000): Promise<void> {
    await this.send(CLOSE, new Uint8Array([code >> 8, code & 255]));
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

/** A server that does everything by hand; for one client at a time. */
export class RawWebSocketServer implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/`;
  }

  /** Waits for a client, and reads the head of its request. */
  async request(): Promise<{ client: RawClient; headers: Headers }> {
    const client = new RawClient(new Socket(await this.#listener.accept()));
    const { headers } = await client.head();
    return { client, headers };
  }

  /** Waits for a client, and opens the WebSocket; further lines go into the answer. */
  async accept(...lines: string[]): Promise<RawWebSocket> {
    const { client, headers } = await this.request();
    const key = acceptKeyFor(headers.get("sec-websocket-key")!);
    const all = [
      "HTTP/1.1 101 Switching Protocols",
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Accept: ${key}`,
      ...lines,
    ];
    await client.send(`${all.join("\r\n")}\r\n\r\n`);
    return new RawWebSocket(client, { mask: false });
  }

  [Symbol.dispose](): void {
    this.#listener.close();
  }
}

/** What a server answers to the key of a client. */
export function acceptKeyFor(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}
