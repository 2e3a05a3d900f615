// What the tests use of the npm package `redis`. Its own types bring those of Node along, which contradict Deno's.

type Popped = { key: string; element: string };
type Scored = { key: string; value: string; score: number };
type Stream = { key: string; id: string };

export interface Multi {
  blPop(key: string, seconds: number): Multi;
  brPop(key: string, seconds: number): Multi;
  get(key: string): Multi;
  incr(key: string): Multi;
  set(key: string, value: string): Multi;
  exec(): Promise<unknown[]>;
  execAsPipeline(): Promise<unknown[]>;
}

export interface Client {
  on(event: "error", listener: (error: Error) => void): this;
  connect(): Promise<this>;
  destroy(): void;
  duplicate(): Client;
  multi(): Multi;
  scanIterator(options: { COUNT: number }): AsyncIterable<string[]>;
  sendCommand(words: string[]): Promise<unknown>;
  withTypeMapping(mapping: Record<number, unknown>): Client;
  BLPOP(key: string, seconds: number): Promise<Popped | null>;
  blPop(key: string, seconds: number): Promise<Popped | null>;
  blmPop(
    seconds: number,
    key: string,
    end: "LEFT" | "RIGHT",
    options: { COUNT: number },
  ): Promise<unknown>;
  brPop(keys: string | string[], seconds: number): Promise<Popped | null>;
  bzPopMax(key: string, seconds: number): Promise<Scored | null>;
  bzPopMin(key: string, seconds: number): Promise<Scored | null>;
  bzmPop(
    seconds: number,
    key: string,
    end: "MIN" | "MAX",
    options: { COUNT: number },
  ): Promise<unknown>;
  echo(text: string): Promise<string>;
  get(key: string): Promise<string | null>;
  mSet(values: Record<string, string>): Promise<string>;
  publish(channel: string, message: string): Promise<number>;
  subscribe(channel: string, listener: (message: string) => void): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  xGroupCreate(
    key: string,
    group: string,
    id: string,
    options: { MKSTREAM: boolean },
  ): Promise<string>;
  xRead(stream: Stream, options: { BLOCK: number }): Promise<unknown>;
  xReadGroup(
    group: string,
    consumer: string,
    stream: Stream,
    options: { BLOCK: number },
  ): Promise<unknown>;
}

export interface ClientOptions {
  socket: { port: number; host: string; reconnectStrategy: () => number };
}

export declare function createClient(options: ClientOptions): Client;

export declare function createClientPool(): object;

export declare const RESP_TYPES: { readonly BLOB_STRING: number };
