// What the tests use of ioredis. Its own types bring those of Node along, which contradict Deno's.

type Word = string | number;
type Popped = [key: string, item: string];
type Results = [error: Error | null, result: unknown][];

interface Commands<Result> {
  blpop(...words: Word[]): Result;
  brpop(...words: Word[]): Result;
  get(key: string): Result;
  incr(key: string): Result;
  ping(): Result;
  set(key: string, value: string): Result;
}

export interface Pipeline extends Commands<Pipeline> {
  addBatch(commands: unknown[][]): this;
  exec(): Promise<Results | null>;
}

export interface RedisOptions {
  port?: number;
  host?: string;
  keyPrefix?: string;
  retryStrategy?: () => number;
}

export declare class Redis {
  readonly status: string;
  constructor(options: RedisOptions);
  on(event: "error", listener: (error: Error) => void): this;
  on(event: "message", listener: (channel: string, message: string) => void): this;
  duplicate(): Redis;
  disconnect(): void;
  pipeline(commands?: unknown[][]): Pipeline;
  multi(): Pipeline;
  scanStream(options: { match?: string; count: number }): AsyncIterable<string[]>;
  blmpop(...words: Word[]): Promise<unknown>;
  blpop(...words: Word[]): Promise<Popped | null>;
  blpopBuffer(...words: Word[]): Promise<unknown>;
  brpop(...words: Word[]): Promise<Popped | null>;
  bzmpop(...words: Word[]): Promise<unknown>;
  bzpopmax(...words: Word[]): Promise<unknown>;
  bzpopmin(...words: Word[]): Promise<unknown>;
  call(command: string, ...words: (Word | Word[])[]): Promise<unknown>;
  echo(text: string): Promise<string>;
  get(key: string): Promise<string | null>;
  mset(values: Record<string, string>): Promise<"OK">;
  ping(): Promise<"PONG">;
  publish(channel: string, message: string): Promise<number>;
  set(key: string, value: string): Promise<"OK">;
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  wait(replicas: number, ms: number): Promise<number>;
  xgroup(...words: Word[]): Promise<unknown>;
  xread(...words: Word[]): Promise<unknown>;
  xreadgroup(...words: Word[]): Promise<unknown>;
}

export declare class Cluster {
  constructor(nodes: { port: number }[], options: { lazyConnect: boolean });
}
