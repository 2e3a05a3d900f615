/**
 * The client `pg` for PostgreSQL.
 *
 * @module
 */

import { green } from "../core/green.ts";
import { requestCancel } from "./_pg_cancel.ts";
import { type SqlDriver, sqlOptions } from "./_statements.ts";

/** What is used of a `Client`. */
interface PgClient {
  readonly processID: number | null;
  readonly secretKey: number | null;
  readonly host: string;
  readonly port: number;
  readonly _queryQueue: object[];
  _getActiveQuery(): object | null;
  end(): Promise<void>;
  release?(destroy?: boolean): void;
}

/** What is used of a `Pool`. */
interface PgPool {
  readonly totalCount: number;
  connect(): Promise<object>;
}

const driver: SqlDriver<PgClient> = {
  connectionOf: (target) => isClient(target) ? target : undefined,
  isPool,
  checkOut: (pool: PgPool) => pool.connect(),
  release: (client: PgClient) => client.release!(),
  destroy: (client) => {
    if (client.release === undefined) void client.end();
    else client.release(true);
  },
  latest: (client) => client._queryQueue.at(-1) ?? client._getActiveQuery() ?? undefined,
  remove: (client, query) => {
    const at = client._queryQueue.indexOf(query);
    if (at !== -1) client._queryQueue.splice(at, 1);
    return at !== -1;
  },
  isActive: (client, query) => client._getActiveQuery() === query,
  stop: cancel,
};

const options = sqlOptions(driver);

/**
 * Makes a `Client` or a `Pool` of the npm package `pg` cooperative, as `green` does, so that a killed or timed-out query ends
 * at the server, too.
 *
 * When the wait for `query` is interrupted, the server gets a cancel request, and the connection is kept back until
 * the query is over: what is sent over it next waits, and `release` takes effect then. A query that stood in line behind
 * others is never sent. A connection whose server does not end the query within 5 s is closed, and its pool makes
 * another one. A client that arrives when nobody waits for `connect` any more is released. Roll a transaction back in a
 * `finally` or `catch` block, as ever.
 *
 * @throws {TypeError} When it is neither.
 *
 * @example
 * ```ts ignore
 * import { greenPg } from "@gevent/deno/monkey";
 * import { withTimeout } from "@gevent/deno";
 * import pg from "npm:pg";
 *
 * const pool = greenPg(new pg.Pool());
 * await withTimeout(1000, () => pool.query("select pg_sleep(60)"), { timeoutValue: undefined });
 * ```
 */
export function greenPg<T extends object>(client: T): T {
  if (!isClient(client) && !isPool(client)) {
    throw new TypeError(
      `Cannot adapt what is neither a Client nor a Pool of pg: received ${Deno.inspect(client)}`,
    );
  }
  return green(client, options) as T;
}

function isClient(value: unknown): value is PgClient {
  const { _queryQueue, _getActiveQuery } = Object(value);
  return Array.isArray(_queryQueue) && typeof _getActiveQuery === "function";
}

function isPool(value: unknown): boolean {
  const { totalCount, connect: checkOut } = Object(value);
  return typeof totalCount === "number" && typeof checkOut === "function";
}

async function cancel({ host, port, processID, secretKey }: PgClient): Promise<void> {
  if (processID === null || secretKey === null) return;
  await requestCancel(host, port, processID, secretKey);
}
