/**
 * The client `postgres` (Postgres.js).
 *
 * @module
 */

import { GreenletExit } from "../core/errors.ts";
import { green, type GreenCall, type GreenOptions } from "../core/green.ts";
import type { Greenlet } from "../core/greenlet.ts";
import { currentScope } from "../core/scope.ts";
import { spawn } from "../core/spawn.ts";
import { countDown } from "../core/suspend.ts";
import { Semaphore } from "../sync/semaphore.ts";
import { requestCancel } from "./_pg_cancel.ts";
import { AbandonedStatements } from "./_statements.ts";

type AnyFunction = (...args: unknown[]) => unknown;

/** What is used of a query. */
interface PgQuery extends PromiseLike<unknown> {
  /** What sends it: the one of a transaction or a reserved connection is for that connection only. */
  handler: object;
  readonly executed: boolean;
  readonly active: boolean;
  readonly state: { readonly pid: number; readonly secret: number } | null;
  cancel(): unknown;
}

/** What is used of `sql`. */
interface Sql {
  (strings: TemplateStringsArray): PgQuery;
  readonly options: {
    readonly host: readonly string[];
    readonly port: readonly number[];
    readonly path: string | false;
    readonly max: number;
  };
  reserve(): Promise<Sql & { release(): void }>;
  end(options: EndOptions): Promise<void>;
}

interface EndOptions {
  /** In seconds, after which connections are closed whatever they are doing. */
  readonly timeout?: number | null;
}

/** The options of each: they know who has its connections. */
const adapted = new WeakMap<object, GreenOptions>();

/** A query that is never sent, to see what would send it. */
function handlerOf(sql: Sql): object {
  return sql(Object.assign([""], { raw: [""] })).handler;
}

function isQuery(value: unknown): value is PgQuery {
  const { handler, cancel, executed } = Object(value);
  return typeof handler === "function" && typeof cancel === "function" && executed !== undefined;
}

/**
 * What the package refuses queries with after `end`. It is told of that only when all connections are back: a query that an
 * open transaction makes beside itself and that stood in line until then would wait for that very transaction.
 */
function endedError({ options: { host, port, path } }: Sql): Error {
  const code = "CONNECTION_ENDED";
  const where = path ? { address: path } : { address: host, port };
  return Object.assign(new Error(`write ${code} ${path || `${host}:${port}`}`), {
    code,
    errno: code,
    ...where,
  });
}

function optionsFor(sql: Sql): GreenOptions {
  const pooled = handlerOf(sql);
  // They stand in line here and not in the package, whose line mixes up who wants a connection for long and who does not.
  const connections = new Semaphore(sql.options.max);
  const running = new WeakMap<GreenCall, { query: PgQuery; done: Promise<unknown> }>();
  const abandoned = new WeakSet<GreenCall>();
  const statements = new AbandonedStatements<object>({
    remove: () => false,
    isActive: (_connection, query) => (query as PgQuery).active,
    stop: async (_connection, query) => {
      const { host, port } = sql.options;
      const { state } = query as PgQuery;
      if (state !== null) await requestCancel(host[0]!, port[0]!, state.pid, state.secret);
    },
    destroy: () => {}, // there is no way to; the connection is busy until the server is done
  });

  let ending: Greenlet<void> | undefined;
  /** Whether the package has been told of the end, and refuses the queries that were in line. */
  let ended = false;

  /** Waits until all connections are back: one that is given back after the package's own `end` would never be closed. */
  async function end({ timeout }: EndOptions = {}): Promise<void> {
    using left = countDown(timeout == null ? undefined : 1000 * timeout);
    let taken = 0;
    while (taken < sql.options.max && await connections.acquire({ timeout: left() })) taken++;
    ended = true;
    const limit = left();
    const over = sql.end(typeof limit === "number" ? { timeout: Math.max(0, limit) / 1000 } : {});
    while (taken-- > 0) connections.release(); // for those in line, to be refused
    await over;
  }

  function start(call: GreenCall, query: PgQuery): Promise<unknown> {
    const done = new Promise((resolve, reject) => void query.then(resolve, reject));
    running.set(call, { query, done });
    return done;
  }

  /** Over a connection of its own: one that is shared, others would be hit when the query is stopped. */
  async function runReserved(call: GreenCall, query: PgQuery): Promise<unknown> {
    return await connected(call, async () => {
      if (ended) return await start(call, query);
      const reserved = await sql.reserve();
      try {
        if (abandoned.has(call)) throw new GreenletExit("The query was given up before it began");
        query.handler = handlerOf(reserved);
        return await start(call, query);
      } finally {
        await statements.free(query.handler);
        reserved.release();
      }
    });
  }

  async function connected(call: GreenCall, fn: () => unknown): Promise<unknown> {
    await connections.acquire();
    try {
      if (abandoned.has(call)) throw new GreenletExit("The call was given up in line");
      return await fn();
    } finally {
      connections.release();
    }
  }

  /** In a transaction, after a query of it that was given up. */
  async function runIn(call: GreenCall, query: PgQuery): Promise<unknown> {
    await statements.free(query.handler);
    if (abandoned.has(call)) throw new GreenletExit("The query was given up in line");
    return await start(call, query);
  }

  /** The same function; the transaction is ended only when nothing is being stopped any more. */
  function keeping(call: GreenCall, fn: AnyFunction): AnyFunction {
    return async (tx) => {
      try {
        if (abandoned.has(call)) throw new GreenletExit("The transaction was given up in line");
        return await fn(tx);
      } finally {
        await statements.free(handlerOf(tx as Sql));
      }
    };
  }

  return {
    around(call, proceed) {
      const { target, method, args } = call;
      if (method === "end" && target === sql) {
        return (ending ??= spawn(end, args[0] as EndOptions)).get();
      }
      const isNew = method === "then" && isQuery(target) && !target.executed;
      const isForPool = isNew ? target.handler === pooled : method === "begin";
      if (ending !== undefined && isForPool) return Promise.reject(endedError(sql));
      if (currentScope.getStore() === undefined) return proceed();
      if (isNew) return isForPool ? runReserved(call, target) : runIn(call, target);
      const last = args.at(-1);
      if ((method === "begin" || method === "savepoint") && typeof last === "function") {
        const begin = (): unknown =>
          proceed([...args.slice(0, -1), keeping(call, last as AnyFunction)]);
        return method === "begin" ? connected(call, begin) : begin();
      }
      return proceed();
    },
    interrupted(call) {
      abandoned.add(call);
      const found = running.get(call);
      if (found === undefined) return;
      // Not with its own `cancel`: of a query that is not sent yet that makes the connection forget its turn.
      const { query, done } = found;
      statements.end({ connection: query.handler, statement: query, done });
    },
  };
}

/**
 * Makes the `sql` function of the npm package `postgres` cooperative, as `green` does, so that a killed or timed-out query
 * ends at the server, too.
 *
 * Queries stay as lazy as they are. In a greenlet each gets a connection of its own while it runs: what is sent ahead of
 * the answers to others could not be stopped alone. End with `end` of what this returns: it waits for those
 * connections, and refuses new queries meanwhile. When the wait for a query is interrupted, the server gets a cancel
 * request, and the connection is kept back until the query is over. In `sql.begin` the interrupt is raised inside the
 * function at what it waits for, and the transaction is rolled back. There is no way to give a connection up whose server does
 * not end the query: it stays busy until then.
 *
 * @throws {TypeError} When it is not such a function.
 *
 * @example
 * ```ts ignore
 * import { greenPostgres } from "@gevent/deno/monkey";
 * import { withTimeout } from "@gevent/deno";
 * import postgres from "npm:postgres";
 *
 * const sql = greenPostgres(postgres());
 * await withTimeout(1000, () => sql`select pg_sleep(60)`, { timeoutValue: undefined });
 * ```
 */
export function greenPostgres<T extends object>(sql: T): T {
  if (typeof sql !== "function" || typeof (sql as { begin?: unknown }).begin !== "function") {
    throw new TypeError(
      `Cannot adapt what is not the sql function of postgres: received ${Deno.inspect(sql)}`,
    );
  }
  const known = adapted.get(sql);
  if (known !== undefined) return green(sql, known);
  const options = optionsFor(sql as unknown as Sql);
  adapted.set(sql, options);
  return green(sql, options);
}
