/**
 * The client `mysql2/promise` for MariaDB and MySQL.
 *
 * @module
 */

import { green } from "../core/green.ts";
import { until } from "../core/until.ts";
import { type SqlDriver, sqlOptions } from "./_statements.ts";

/** What is used of the object behind the one with promises. */
interface CoreConnection {
  readonly threadId: number | null;
  readonly config: unknown;
  readonly _command: object | undefined;
  readonly _commands: CommandQueue;
  destroy(): void;
}

/** What its versions have in common: one can only go round. */
interface CommandQueue {
  readonly length: number;
  push(command: object): unknown;
  shift(): object | undefined;
}

/** Runs statements with callbacks; made with a config. */
interface ControlConnection {
  query(sql: string, callback: (error: Error | null) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  destroy(): void;
}

type CoreClass = new (options: { config: unknown }) => ControlConnection;

/** What is used of a `PromiseConnection`. */
interface MysqlConnection {
  readonly connection: CoreConnection;
  release?(): void;
}

/** What is used of a `PromisePool`. */
interface MysqlPool {
  getConnection(): Promise<MysqlConnection>;
}

const driver: SqlDriver<CoreConnection> = {
  connectionOf(target) {
    if (isConnection(target)) return target.connection;
    const { _connection: connection } = Object(Object(target).statement); // of a prepared statement
    return isConnection({ connection }) ? connection : undefined;
  },
  isPool,
  checkOut: (pool: MysqlPool) => pool.getConnection(),
  release: (connection: MysqlConnection) => connection.release!(),
  destroy: (core) => core.destroy(),
  latest: (core) => {
    let last = core._command;
    goRound(core._commands, (command) => (last = command, true));
    return last;
  },
  remove: (core, command) => {
    const { length } = core._commands;
    goRound(core._commands, (other) => other !== command);
    return core._commands.length < length;
  },
  isActive: (core, command) => core._command === command,
  stop: killQuery,
};

const options = sqlOptions(driver);

/**
 * Makes a connection or a pool of the npm package `mysql2/promise` cooperative, as `green` does, so that a killed or timed-out
 * statement ends at the server, too.
 *
 * When the wait for `query` or `execute`, also of a prepared statement, is interrupted, `KILL QUERY` goes to the server over
 * a connection that is made for it with the same settings, and the connection itself is kept back until the statement is over: what is sent over
 * it next, such as `rollback`, waits, and `release` takes effect then. A statement that stood in line behind others is never sent. A
 * connection whose server does not end the statement within 5 s is closed, and its pool makes another one. Roll a
 * transaction back in a `finally` or `catch` block, as ever.
 *
 * @throws {TypeError} When it is neither.
 *
 * @example
 * ```ts ignore
 * import { greenMysql2 } from "@gevent/deno/monkey";
 * import { withTimeout } from "@gevent/deno";
 * import { createPool } from "npm:mysql2/promise";
 *
 * const pool = greenMysql2(createPool({ host: "localhost" }));
 * await withTimeout(1000, () => pool.query("select sleep(60)"), { timeoutValue: undefined });
 * ```
 */
export function greenMysql2<T extends object>(client: T): T {
  if (!isConnection(client) && !isPool(client)) {
    throw new TypeError(
      `Cannot adapt what is neither a connection nor a pool of mysql2/promise: received ${
        Deno.inspect(client)
      }`,
    );
  }
  return green(client, options) as T;
}

function isConnection(value: unknown): value is MysqlConnection {
  const { connection } = Object(value);
  return typeof connection === "object" && connection !== null && "threadId" in connection &&
    "_commands" in connection;
}

function isPool(value: unknown): boolean {
  const { pool, getConnection } = Object(value);
  return typeof pool === "object" && typeof getConnection === "function";
}

/** Has the server end the current statement of a connection; returns when it has heard. */
async function killQuery(core: CoreConnection): Promise<void> {
  if (core.threadId === null) return;
  const Connection = classOf(core);
  const control = new Connection({ config: core.config });
  try {
    await until(
      new Promise<void>((resolve, reject) => {
        control.on("error", reject);
        control.query(`KILL QUERY ${Number(core.threadId)}`, (error) => {
          if (error === null) resolve();
          else reject(error);
        });
      }),
      { timeout: 5000 },
    );
  } finally {
    control.destroy();
  }
}

/** Looks at all commands in line, in their order, and keeps those that are to be kept. */
function goRound(commands: CommandQueue, keep: (command: object) => boolean): void {
  for (let left = commands.length; left > 0; left--) {
    const command = commands.shift()!;
    if (keep(command)) commands.push(command);
  }
}

/** The class of connections that are in no pool. */
function classOf(core: CoreConnection): CoreClass {
  const { constructor } = core as { constructor: unknown };
  return ("_pool" in core ? Object.getPrototypeOf(constructor) : constructor) as CoreClass;
}
