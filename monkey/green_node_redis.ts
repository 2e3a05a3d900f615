/**
 * The client `redis` for Redis, which is also called node-redis.
 *
 * @module
 */

import { green } from "../core/green.ts";
import { type RedisDriver, redisOptions } from "./_redis_unblock.ts";

/** What is used of a client. */
interface NodeRedisClient {
  /** What the objects share that stand for the same client with other options, and have its connection. */
  readonly _self?: NodeRedisClient;
  readonly isReady: boolean;
  readonly options?: { readonly socket?: object };
  on(event: string, listener: () => void): void;
  connect(): Promise<unknown>;
  destroy(): void;
  unref(): void;
  duplicate(options: object): NodeRedisClient;
  sendCommand(
    command: readonly (string | Uint8Array)[],
    options?: { readonly asap: boolean },
  ): Promise<unknown>;
}

const driver: RedisDriver<NodeRedisClient> = {
  clientOf: (target) => isClient(target) ? target._self ?? target : undefined,
  onConnection(client, listener) {
    // With its handshake it sends what has been waiting, and only then says that it is ready.
    for (const event of ["connect", "ready"]) client.on(event, listener);
    if (client.isReady) listener();
  },
  onLoss(client, listener) {
    for (const event of ["reconnecting", "terminated", "end"]) client.on(event, listener);
  },
  isConnected: (client) => client.isReady,
  identify: (client) => client.sendCommand(["CLIENT", "INFO"], { asap: true }),
  send: (client, command) => client.sendCommand(command.map(toArgument)),
  async connectAnother(client) {
    const other = client.duplicate({
      socket: { ...client.options?.socket, reconnectStrategy: false },
      commandOptions: undefined,
    });
    other.on("error", () => {}); // it is what the calls are rejected with
    other.unref();
    await other.connect();
    return other;
  },
  close: (client) => client.destroy(),
  reconnect(client) {
    client.destroy();
    client.connect().catch(() => {}); // the client emits it as well
  },
};

const options = redisOptions(driver);

/**
 * Makes a client of the npm package `redis` (node-redis) cooperative, as `green` does, so that it can be used at once when
 * a blocking command was killed or has timed out.
 *
 * Such commands are `blPop`, `brPop`, `blmPop`, `blMove`, `brPopLPush`, `bzPopMin`, `bzPopMax`, `bzmPop`, `wait`,
 * and `xRead` and `xReadGroup` with `BLOCK`; through `sendCommand` and in pipelines, too. The server is told to end them
 * (`CLIENT UNBLOCK`), over another connection that is made when first needed and closed when it was idle for a second.
 * Where the server does not let itself be told, as with versions before 6.2, the client is connected anew, and commands
 * that wait behind the blocking one fail.
 *
 * What a command takes when nobody waits for it any more goes back to the end of the list it came from, or into its
 * sorted set; what `blMove` and `brPopLPush` moved stays where it went, and what `xReadGroup` delivered stays pending.
 * What blocking commands in pipelines take, and ordinary commands such as `lPop`, is lost.
 *
 * A client has one connection: a blocking command holds up all that is sent behind it. Use `duplicate` for those.
 *
 * @throws {TypeError} When it is not a client; clusters, sentinels and pools have many connections.
 *
 * @example
 * ```ts ignore
 * import { greenNodeRedis } from "@gevent/deno/monkey";
 * import { withTimeout } from "@gevent/deno";
 * import { createClient } from "npm:redis";
 *
 * const redis = greenNodeRedis(createClient());
 * await redis.connect();
 * const job = await withTimeout(1000, () => redis.blPop("jobs", 0), { timeoutValue: null });
 * ```
 */
export function greenNodeRedis<T extends object>(client: T): T {
  if (!isClient(client)) {
    throw new TypeError(
      `Cannot adapt what is not a client of redis with one connection: received ${
        Deno.inspect(client, { depth: -1 })
      }`,
    );
  }
  return green<T>(client, options);
}

function isClient(value: unknown): value is NodeRedisClient {
  const { isReady, sendCommand, duplicate, destroy, unref } = Object(value);
  return typeof isReady === "boolean" &&
    [sendCommand, duplicate, destroy, unref].every((method) => typeof method === "function");
}

function toArgument(value: unknown): string | Uint8Array {
  return value instanceof Uint8Array ? value : String(value);
}
