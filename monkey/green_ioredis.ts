/**
 * The client `ioredis` for Redis.
 *
 * @module
 */

import { green } from "../core/green.ts";
import { isBlocking } from "./_redis_commands.ts";
import { type RedisDriver, redisOptions } from "./_redis_unblock.ts";

/** What is used of a client. */
interface IoredisClient {
  readonly status: string;
  readonly isCluster: boolean;
  readonly stream?: { unref(): void };
  /** What was sent over a connection that was lost, and is going to be sent again. */
  readonly prevCommandQueue?: Resent | null;
  on(event: string, listener: () => void): void;
  once(event: string, listener: () => void): void;
  connect(): Promise<void>;
  disconnect(reconnect?: boolean): void;
  duplicate(options: object): IoredisClient;
  call(command: string, ...args: unknown[]): Promise<unknown>;
}

interface Resent {
  peekFront(): { readonly command: ResentCommand } | undefined;
  shift(): unknown;
}

interface ResentCommand {
  readonly name: string;
  readonly args: readonly unknown[];
  reject(error: Error): void;
}

const driver: RedisDriver<IoredisClient> = {
  clientOf: (target) => isClient(target) ? target : undefined,
  onConnection(client, listener) {
    // It sends what has been waiting, and only then says that it is ready.
    for (const event of ["connect", "ready"]) client.on(event, listener);
    if (client.status === "connect" || client.status === "ready") listener();
  },
  onLoss: (client, listener) => client.on("close", listener),
  isConnected: (client) => client.status === "ready",
  identify: (client) => client.call("client", "INFO"),
  send: (client, [name, ...args]) => client.call(String(name).toLowerCase(), ...args),
  async connectAnother(client) {
    const other = client.duplicate({
      lazyConnect: true,
      keyPrefix: "",
      retryStrategy: null,
      sentinelRetryStrategy: null,
      enableAutoPipelining: false,
    });
    other.on("error", () => {}); // it is what the calls are rejected with
    await other.connect();
    other.stream?.unref();
    return other;
  },
  close: (client) => client.disconnect(),
  reconnect(client) {
    client.once("close", () => {
      const command = client.prevCommandQueue?.peekFront()?.command;
      if (command === undefined || !isBlocking(command)) return;
      client.prevCommandQueue!.shift();
      command.reject(new Error("The connection was closed as nobody waits for the answer"));
    });
    client.disconnect(true);
  },
};

const options = redisOptions(driver);

/**
 * Makes a client of the npm package `ioredis` cooperative, as `green` does, so that it can be used at once when a blocking
 * command was killed or has timed out.
 *
 * Such commands are `blpop`, `brpop`, `blmpop`, `blmove`, `brpoplpush`, `bzpopmin`, `bzpopmax`, `bzmpop`, `wait`,
 * `waitaof`, and `xread` and `xreadgroup` with `BLOCK`; through `call` and in pipelines, too. The server is told to end
 * them (`CLIENT UNBLOCK`), over another connection that is made when first needed and closed when it was idle for a
 * second. Where the server does not let itself be told, as with versions before 6.2, the connection is replaced.
 *
 * What a command takes when nobody waits for it any more goes back to the end of the list it came from, or into its
 * sorted set; what `blmove` and `brpoplpush` moved stays where it went, and what `xreadgroup` delivered stays pending.
 * What blocking commands in pipelines take, and ordinary commands such as `lpop`, is lost.
 *
 * A client has one connection: a blocking command holds up all that is sent behind it. Use `duplicate` for those.
 *
 * @throws {TypeError} When it is not a client, or when it is one of a cluster: that has many connections.
 *
 * @example
 * ```ts ignore
 * import { greenIoredis } from "@gevent/deno/monkey";
 * import { withTimeout } from "@gevent/deno";
 * import { Redis } from "npm:ioredis";
 *
 * const redis = greenIoredis(new Redis());
 * const job = await withTimeout(1000, () => redis.blpop("jobs", 0), { timeoutValue: null });
 * ```
 */
export function greenIoredis<T extends object>(client: T): T {
  if (!isClient(client)) {
    throw new TypeError(
      `Cannot adapt what is not a client of ioredis with one connection: received ${
        Deno.inspect(client, { depth: -1 })
      }`,
    );
  }
  return green<T>(client, options);
}

function isClient(value: unknown): value is IoredisClient {
  const { status, isCluster, call, duplicate, disconnect } = Object(value);
  return typeof status === "string" && isCluster === false &&
    [call, duplicate, disconnect].every((method) => typeof method === "function");
}
