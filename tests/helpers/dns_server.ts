/**
 * A name server for tests, on UDP and TCP at the same port of 127.0.0.1, that answers what it is told to.
 *
 * @module
 */

import dgram from "node:dgram";
import type { DnsRecords } from "../../net/dns_records.ts";

const CODES = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  CAA: 257,
  ANAME: 65305,
} as const satisfies Record<keyof DnsRecords, number>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A record to answer with. */
export interface ServedRecord {
  /** What is in it: a text for addresses and names, else made by the functions of {@link rdata}. */
  readonly data: string | readonly number[];
  /** Its lifetime in seconds; default 60. */
  readonly ttl?: number;
  /** Its type; default that of the question. */
  readonly type?: keyof DnsRecords;
  /** Its name; default that of the question. */
  readonly name?: string;
}

/** What is answered to a question. */
export interface ServedAnswer {
  /** The records; default none. */
  readonly records?: readonly ServedRecord[];
  /** The response code, such as 2 for a failure and 3 for a name that does not exist; default 0. */
  readonly code?: number;
  /** Say over UDP that the answer is too long for it. */
  readonly truncated?: boolean;
  /** The answer is sent only when this is fulfilled. */
  readonly after?: PromiseLike<unknown>;
  /** Nothing is answered. */
  readonly silent?: boolean;
}

/** A question that has come. */
export interface Question {
  /** The name, in lower case. */
  readonly name: string;
  /** The type; a number for those that are not known. */
  readonly type: string;
  /** What it came over. */
  readonly transport: "udp" | "tcp";
}

/** The content of records that are more than one name or address. */
export const rdata = {
  mx: (preference: number, exchange: string): number[] => [...u16(preference), ...domain(exchange)],
  txt: (...texts: string[]): number[] => texts.flatMap(text),
  srv: (priority: number, weight: number, port: number, target: string): number[] => [
    ...[priority, weight, port].flatMap(u16),
    ...domain(target),
  ],
  caa: (flags: number, tag: string, value: string): number[] => [
    flags,
    ...text(tag),
    ...encoder.encode(value),
  ],
  naptr: (
    order: number,
    preference: number,
    flags: string,
    services: string,
    regexp: string,
    replacement: string,
  ): number[] => [
    ...[order, preference].flatMap(u16),
    ...[flags, services, regexp].flatMap(text),
    ...domain(replacement),
  ],
  soa: (mname: string, rname: string, ...numbers: number[]): number[] => [
    ...domain(mname),
    ...domain(rname),
    ...numbers.flatMap(u32),
  ],
};

/** A running name server. */
export class DnsServer implements AsyncDisposable {
  /** The questions that have come, in their order. */
  readonly questions: Question[] = [];
  readonly #answers = new Map<string, ServedAnswer | (() => ServedAnswer)>();
  readonly #udp: dgram.Socket;
  readonly #tcp: Deno.TcpListener;
  readonly #connections = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;

  private constructor(udp: dgram.Socket, tcp: Deno.TcpListener) {
    this.#udp = udp;
    this.#tcp = tcp;
    udp.on(
      "message",
      (message, { port, address }) => void this.#onDatagram(message, port, address),
    );
    this.#accepting = this.#accept();
  }

  /** Starts one at a free port. */
  static async start(): Promise<DnsServer> {
    for (;;) {
      const tcp = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const udp = dgram.createSocket("udp4");
      const bound = await new Promise<boolean>((resolve) => {
        udp.once("error", () => resolve(false));
        udp.bind(tcp.addr.port, "127.0.0.1", () => resolve(true));
      });
      if (bound) return new DnsServer(udp, tcp);
      tcp.close(); // somebody else has the port for UDP
      udp.close();
    }
  }

  /** The port it listens at. */
  get port(): number {
    return this.#tcp.addr.port;
  }

  /** It as the option `nameServer`. */
  get nameServer(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Says what is answered to a question from now on. Until then, and for everything else, the name does not exist. */
  on(name: string, type: keyof DnsRecords, answer: ServedAnswer | (() => ServedAnswer)): void {
    this.#answers.set(`${name.toLowerCase()} ${type}`, answer);
  }

  /** The questions for a name that have come, as texts such as `"A"`. */
  asked(name: string): string[] {
    return this.questions.filter((question) => question.name === name).map(({ type }) => type);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#udp.close(() => resolve()));
    this.#tcp.close();
    await this.#accepting;
    await Promise.all(this.#connections);
  }

  async #onDatagram(message: Uint8Array, port: number, address: string): Promise<void> {
    const response = await this.#respond(message, "udp");
    if (response === undefined) return;
    try {
      this.#udp.send(response, port, address);
    } catch (error) {
      if ((error as { code?: string }).code !== "ERR_SOCKET_DGRAM_NOT_RUNNING") throw error;
    }
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#tcp) {
      const serving = this.#serve(conn).finally(() => this.#connections.delete(serving));
      this.#connections.add(serving);
    }
  }

  async #serve(conn: Deno.Conn): Promise<void> {
    using _ = conn;
    const buffer = new Uint8Array(65536);
    const count = await conn.read(buffer) ?? 0;
    const response = await this.#respond(buffer.subarray(2, count), "tcp");
    if (response !== undefined) {
      await conn.write(new Uint8Array([...u16(response.length), ...response]));
    }
  }

  async #respond(query: Uint8Array, transport: "udp" | "tcp"): Promise<Uint8Array | undefined> {
    const { name, code, end } = readQuestion(query);
    const type = Object.entries(CODES).find(([, number]) => number === code)?.[0] ?? String(code);
    this.questions.push({ name, type, transport });
    const wanted = this.#answers.get(`${name} ${type}`) ?? { code: 3 };
    const answer = typeof wanted === "function" ? wanted() : wanted;
    await answer.after;
    if (answer.silent) return undefined;
    const truncated = answer.truncated === true && transport === "udp";
    const records = truncated ? [] : answer.records ?? [];
    return new Uint8Array([
      ...query.subarray(0, 2),
      0x81 | (truncated ? 2 : 0),
      0x80 | (answer.code ?? 0),
      ...[1, records.length, 0, 0].flatMap(u16),
      ...query.subarray(12, end),
      ...records.flatMap((record) => encodeRecord(record, name, code)),
    ]);
  }
}

function readQuestion(query: Uint8Array): { name: string; code: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(decoder.decode(query.subarray(at + 1, at + 1 + length)));
    at += length + 1;
  }
  const code = query[at + 1]! * 256 + query[at + 2]!;
  return { name: labels.join(".").toLowerCase(), code, end: at + 5 };
}

function encodeRecord(record: ServedRecord, name: string, asked: number): number[] {
  const code = record.type === undefined ? asked : CODES[record.type];
  const data = typeof record.data === "string" ? encodeText(record.data, code) : record.data;
  return [
    ...domain(record.name ?? name),
    ...[code, 1].flatMap(u16),
    ...u32(record.ttl ?? 60),
    ...u16(data.length),
    ...data,
  ];
}

function encodeText(text: string, code: number): number[] {
  if (code === CODES.A) return text.split(".").map(Number);
  if (code !== CODES.AAAA) return domain(text);
  const [head = "", tail = ""] = text.split("::");
  const groups = (part: string): number[] =>
    part === "" ? [] : part.split(":").flatMap((group) => u16(parseInt(group, 16)));
  const [before, after] = [groups(head), groups(tail)];
  return [...before, ...new Array(16 - before.length - after.length).fill(0), ...after];
}

function domain(name: string): number[] {
  return [...name.split(".").filter((label) => label !== "").flatMap(text), 0];
}

function text(content: string): number[] {
  const bytes = encoder.encode(content);
  return [bytes.length, ...bytes];
}

function u16(number: number): number[] {
  return [number >> 8 & 255, number & 255];
}

function u32(number: number): number[] {
  return [...u16(number >>> 16), ...u16(number)];
}
