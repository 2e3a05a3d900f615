/**
 * A WebSocket client that does everything by hand, and can be rude.
 *
 * @module
 */

import type { HttpServer } from "../../http/server.ts";
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

/** One frame. */
export interface Frame {
  readonly opcode: number;
  readonly payload: Uint8Array;
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

/** An open connection. */
export class RawWebSocket implements Disposable {
  readonly client: RawClient;

  constructor(client: RawClient) {
    this.client = client;
  }

  static async open(
    server: HttpServer,
    headers: Record<string, string> = {},
  ): Promise<RawWebSocket> {
    const { client, response } = await askForWebSocket(server, headers);
    if (response.status !== 101) throw new Error(`Answered with ${response.status}`);
    return new RawWebSocket(client);
  }

  /** Sends a frame, masked as clients have to; with zeros, which change nothing. */
  async send(opcode: number, payload: Uint8Array | string, fin = true): Promise<void> {
    const data = typeof payload === "string" ? bytes(payload) : payload;
    const { length } = data;
    const head = [opcode | (fin ? 0x80 : 0)];
    if (length < 126) head.push(0x80 | length);
    else if (length < 65536) head.push(0x80 | 126, length >> 8, length & 255);
    else head.push(0x80 | 127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((bits) => (length >> bits) & 255));
    await this.client.send(new Uint8Array([...head, 0, 0, 0, 0]));
    await this.client.send(data);
  }

  /** Receives a frame. */
  async frame(): Promise<Frame> {
    const { socket } = this.client;
    const [first, second] = await socket.recvExactly(2);
    let length = second! & 127;
    const more = length === 126 ? 2 : length === 127 ? 8 : 0;
    if (more > 0) {
      length = 0;
      for (const byte of await socket.recvExactly(more)) length = length * 256 + byte;
    }
    return { opcode: first! & 15, payload: await socket.recvExactly(length) };
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
