// What the tutorial uses of ioredis. Its own types bring those of Node along, which contradict Deno's.

export declare class Redis {
  constructor(port: number);
  blpop(key: string, seconds: number): Promise<[key: string, item: string] | null>;
  rpush(key: string, ...items: string[]): Promise<number>;
  ping(): Promise<string>;
  duplicate(): Redis;
  disconnect(): void;
}
