/** Clients of SQL databases from npm, unchanged, against servers of our own. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import mysql from "mysql2/promise";
import pg from "pg";
import postgres from "postgres";
import { GreenletExit } from "../../core/errors.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Event } from "../../sync/event.ts";
import { greenMysql2 } from "../../monkey/green_mysql2.ts";
import { greenPg } from "../../monkey/green_pg.ts";
import { greenPostgres } from "../../monkey/green_postgres.ts";
import type { ChildServer } from "../helpers/child_server.ts";
import { exerciseClient } from "../helpers/client_exercise.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { seededRandom } from "../helpers/random.ts";
import { noMariadb, noPostgres, startMariadb, startPostgres } from "../helpers/sql_servers.ts";

/** How many connections the clients' own pools have. */
const SIZE = 5;

/** What the tests do with a client; everything through its green object. */
interface Client {
  /** Returns the text that the server was given. */
  echo(text: string): Promise<string>;
  /** Has the server do nothing for a while. */
  sleep(seconds: number): Promise<unknown>;
  /** Runs the body in a transaction that adds `amount` to a table, unless it fails. */
  add(amount: number, body: () => Promise<void>): Promise<void>;
  /** The sum of what was added. */
  sum(): Promise<number>;
  close(): Promise<void>;
}

function pgPool({ port }: ChildServer): Client {
  const pool = new pg.Pool({ host: "127.0.0.1", port, user: "postgres", max: SIZE });
  pool.on("error", () => {}); // idle connections that end with the server
  const green = greenPg(pool);
  return {
    echo: async (text) => (await green.query("select $1::text as v", [text])).rows[0].v,
    sleep: (seconds) => green.query("select pg_sleep($1)", [seconds]),
    async add(amount, body) {
      const client = await green.connect();
      try {
        await client.query("begin");
        await client.query("insert into sums values ($1)", [amount]);
        await body();
        await client.query("commit");
      } catch (error) {
        await client.query("rollback");
        throw error;
      } finally {
        client.release();
      }
    },
    sum: async () =>
      Number((await green.query("select coalesce(sum(n), 0) as v from sums")).rows[0].v),
    close: () => pool.end(),
  };
}

function postgresJs({ port }: ChildServer): Client {
  const sql = postgres({
    host: "127.0.0.1",
    port,
    user: "postgres",
    max: SIZE,
    onnotice: () => {},
  });
  const green = greenPostgres(sql);
  return {
    echo: async (text) => (await green`select ${text}::text as v`)[0]!["v"],
    sleep: async (seconds) => await green`select pg_sleep(${seconds})`,
    async add(amount, body) {
      await green.begin(async (tx) => {
        await tx`insert into sums values (${amount})`;
        await body();
      });
    },
    sum: async () => Number((await green`select coalesce(sum(n), 0) as v from sums`)[0]!["v"]),
    close: () => green.end(),
  };
}

function mysqlPool({ port }: ChildServer): Client {
  const pool = mysql.createPool({
    host: "127.0.0.1",
    port,
    user: "root",
    database: "test",
    connectionLimit: SIZE,
  });
  const green = greenMysql2(pool);
  const rows = async (sql: string, values: unknown[] = []): Promise<Record<string, unknown>> =>
    (await green.query(sql, values) as unknown as [Record<string, unknown>[]])[0][0]!;
  return {
    echo: async (text) => String((await rows("select ? as v", [text]))["v"]),
    sleep: (seconds) => green.query("select sleep(?)", [seconds]),
    async add(amount, body) {
      const connection = await green.getConnection();
      try {
        await connection.beginTransaction();
        await connection.query("insert into sums values (?)", [amount]);
        await body();
        await connection.commit();
      } catch (error) {
        await connection.rollback();
        throw error;
      } finally {
        connection.release();
      }
    },
    sum: async () => Number((await rows("select coalesce(sum(n), 0) as v from sums"))["v"]),
    close: () => pool.end(),
  };
}

/** Tells over a connection of its own what the server does for others. */
interface Observer extends AsyncDisposable {
  connections(): Promise<number>;
  /** How many statements it is at work on. */
  running(): Promise<number>;
  /** How many of its connections run a statement, or are in a transaction. */
  busy(): Promise<number>;
}

function observePostgres({ port }: ChildServer): Promise<Observer> {
  const sql = postgres({ host: "127.0.0.1", port, user: "postgres", max: 1 });
  const count = async (where: string): Promise<number> =>
    Number(
      (await sql.unsafe(`select count(*) as v from pg_stat_activity
        where backend_type = 'client backend' and pid <> pg_backend_pid() and ${where}`))[0]!["v"],
    );
  return Promise.resolve({
    connections: () => count("true"),
    running: () => count("state = 'active'"),
    busy: () => count("state <> 'idle'"),
    [Symbol.asyncDispose]: () => sql.end(),
  });
}

async function observeMariadb({ port }: ChildServer): Promise<Observer> {
  const connection = await mysql.createConnection({ host: "127.0.0.1", port, user: "root" });
  const count = async (from: string): Promise<number> => {
    const [rows] = await connection.query(`select count(*) as v from information_schema.${from}`);
    return Number((rows as unknown as { v: number }[])[0]!.v);
  };
  const others = "processlist where user = 'root' and id <> connection_id()";
  const isRunning = "command in ('Query', 'Execute')";
  const inTransaction = "id in (select trx_mysql_thread_id from information_schema.innodb_trx)";
  return {
    connections: () => count(others),
    running: () => count(`${others} and ${isRunning}`),
    busy: () => count(`${others} and (${isRunning} or ${inTransaction})`),
    [Symbol.asyncDispose]: () => connection.end(),
  };
}

interface Kind {
  readonly missing: string | undefined;
  /** Starts a server with a table for sums. */
  start(): Promise<ChildServer>;
  open(server: ChildServer): Client;
  observe(server: ChildServer): Promise<Observer>;
}

const KINDS: Record<string, Kind> = {
  "a pool of pg": {
    missing: noPostgres,
    start: startPostgresWithTable,
    open: pgPool,
    observe: observePostgres,
  },
  "postgres": {
    missing: noPostgres,
    start: startPostgresWithTable,
    open: postgresJs,
    observe: observePostgres,
  },
  "a pool of mysql2": {
    missing: noMariadb,
    start: startMariadbWithTable,
    open: mysqlPool,
    observe: observeMariadb,
  },
};

async function startPostgresWithTable(): Promise<ChildServer> {
  const server = await startPostgres();
  const sql = postgres({ host: "127.0.0.1", port: server.port, user: "postgres", max: 1 });
  await sql`create table sums (n int)`;
  await sql.end();
  return server;
}

async function startMariadbWithTable(): Promise<ChildServer> {
  const server = await startMariadb();
  const { port } = server;
  const connection = await mysql.createConnection({ host: "127.0.0.1", port, user: "root" });
  await connection.query("create database if not exists test");
  await connection.query("create table test.sums (n int) engine = innodb");
  await connection.end();
  return server;
}

/** Waits until the server does nothing for anybody, and asserts that the pool has all its connections, and no others. */
async function assertRestored(client: Client, observer: Observer): Promise<void> {
  const isQuiet = async () => await observer.busy() === 0;
  await eventually(isQuiet);
  const sleepers = Array.from({ length: SIZE }, () => spawn(() => client.sleep(300)));
  await eventually(async () => await observer.running() === SIZE);
  assertEquals(await observer.connections(), SIZE);
  for (const g of sleepers) await g.kill();
  await eventually(isQuiet);
}

for (const [name, { missing, start, open, observe }] of Object.entries(KINDS)) {
  const title = (what: string): string =>
    missing === undefined ? `${name} ${what}` : `${name} ${what} (${missing})`;

  ioTest(
    title("made green works for greenlets that are killed and timed out at random"),
    async () => {
      await using server = await start();
      await using observer = await observe(server);
      for (const seed of [1, 2, 3]) {
        assertEquals(await observer.connections(), 0);
        const client = open(server);
        try {
          const random = seededRandom(seed);
          const before = await client.sum();
          let [begun, committed] = [0, 0];
          await exerciseClient({
            async echo(text) {
              if (random(4) === 0) {
                begun++;
                // Without asking for a second connection: all could have one and wait for another.
                await client.add(1, () => sleep(random(3)));
                committed++;
              }
              return await client.echo(text);
            },
            block: () => client.sleep(60),
            connections: () => observer.connections(),
            mostConnections: SIZE,
          }, seed);
          await assertRestored(client, observer);
          // A kill between the server's commit and its answer leaves open which it was.
          const added = await client.sum() - before;
          assert(added >= committed && added <= begun, `${added} for ${committed} of ${begun}`);
        } finally {
          await client.close();
        }
        await eventually(async () => await observer.connections() === 0);
      }
    },
    { ignore: missing !== undefined },
  );

  ioTest(title("made green ends statements at the server, at once"), async () => {
    await using server = await start();
    await using observer = await observe(server);
    const client = open(server);
    try {
      const sleepers = Array.from({ length: SIZE }, () => spawn(() => client.sleep(300)));
      await eventually(async () => await observer.running() === SIZE);
      for (const g of sleepers) await g.kill();
      for (const g of sleepers) assertInstanceOf(g.value, GreenletExit);
      // They would be busy for five minutes.
      assertEquals(await client.echo("next"), "next");
      await assertRestored(client, observer);
    } finally {
      await client.close();
    }
  }, { ignore: missing !== undefined });

  ioTest(title("made green rolls back the transaction of a greenlet that is killed"), async () => {
    await using server = await start();
    await using observer = await observe(server);
    const client = open(server);
    try {
      const idle = new Event();
      const g = spawn(() => client.add(1, () => (idle.set(), sleep(60_000))));
      const h = spawn(() => client.add(2, async () => void await client.sleep(60)));
      await idle.wait();
      await eventually(async () => await observer.running() === 1);
      await g.kill();
      await h.kill();
      await client.add(4, async () => {});
      assertEquals(await client.sum(), 4);
      await assertRestored(client, observer);
    } finally {
      await client.close();
    }
  }, { ignore: missing !== undefined });
}

ioTest(
  `a Client of pg made green takes a query out of the line when the wait for it ends${
    noPostgres === undefined ? "" : ` (${noPostgres})`
  }`,
  async () => {
    await using server = await startPostgres();
    const { port } = server;
    const raw = new pg.Client({ host: "127.0.0.1", port, user: "postgres" });
    const client = greenPg(raw);
    await client.connect();
    try {
      const first = spawn(() => client.query("select pg_sleep(0.2), 1 as v"));
      const second = spawn(() => client.query("create table should_not_be (n int)"));
      const third = spawn(() => client.query("select 3 as v"));
      await sleep(20);
      await second.kill();
      assertEquals((await first.get()).rows[0].v, 1);
      assertEquals((await third.get()).rows[0].v, 3);
      const { rows } = await client.query("select to_regclass('should_not_be') as v");
      assertEquals(rows[0].v, null);
      const active = spawn(() => client.query("select pg_sleep(300)"));
      await sleep(50);
      await active.kill();
      assertEquals((await client.query("select 4 as v")).rows[0].v, 4);
    } finally {
      await raw.end();
    }
  },
  { ignore: noPostgres !== undefined },
);

const postgresTitle = (what: string): string =>
  `greenPostgres() ${what}${noPostgres === undefined ? "" : ` (${noPostgres})`}`;

ioTest(postgresTitle("ends as often as it is told to, and refuses queries then"), async () => {
  await using server = await startPostgres();
  const raw = postgres({ host: "127.0.0.1", port: server.port, user: "postgres", max: 2 });
  const { end } = raw;
  const sql = greenPostgres(raw);
  assertStrictEquals(raw.end, end);
  const query = spawn(async () => (await sql`select 1 as v`)[0]!["v"]);
  const givenUp = spawn(() => sql.end());
  await sleep();
  await givenUp.kill();
  await sql.end();
  await spawn(() => sql.end()).get();
  assertEquals(await query.get(), 1);
  for (const late of [() => sql`select 2`, () => sql.begin(() => {})]) {
    await spawn(() => assertRejects(async () => await late(), Error, "CONNECTION_ENDED")).get();
  }
}, { ignore: noPostgres !== undefined });

ioTest(postgresTitle("ends in spite of queries when the time is over"), async () => {
  await using server = await startPostgres();
  const options = { host: "127.0.0.1", port: server.port, user: "postgres", max: 1 };
  const sql = greenPostgres(postgres(options));
  await using observer = await observePostgres(server);
  const failing = (query: () => PromiseLike<unknown>) =>
    spawn(() => assertRejects(async () => await query(), Error, "CONNECTION_"));
  const running = failing(() => sql`select pg_sleep(300)`);
  await eventually(async () => await observer.running() === 1);
  const inLine = failing(() => sql`select 2`);
  await sleep();
  await sql.end({ timeout: 0.05 });
  await running.get();
  await inLine.get();
}, { ignore: noPostgres !== undefined });

ioTest(postgresTitle("refuses what open transactions want of it when it is ending"), async () => {
  await using server = await startPostgres();
  const options = { host: "127.0.0.1", port: server.port, user: "postgres", max: 1 };
  const sql = greenPostgres(postgres(options));
  const inTransaction = new Event();
  const isEnding = new Event();
  const transaction = spawn(() =>
    sql.begin(async (tx) => {
      await tx`select 1`;
      inTransaction.set();
      await isEnding.wait();
      for (const late of [() => sql`select 2`, () => sql.begin(() => {})]) {
        const error = await assertRejects(async () => await late(), Error, "CONNECTION_ENDED");
        assertEquals((error as Error & { code: string }).code, "CONNECTION_ENDED");
      }
      return (await tx`select 3 as v`)[0]!["v"];
    })
  );
  await inTransaction.wait();
  const ended = spawn(() => sql.end());
  await sleep(); // it waits for the transaction now
  isEnding.set();
  assertEquals(await transaction.get(), 3);
  await ended.get();
}, { ignore: noPostgres !== undefined });

ioTest(postgresTitle("leaves queries outside greenlets to the package"), async () => {
  await using server = await startPostgres();
  const order: string[] = [];
  const sql = greenPostgres(postgres({
    host: "127.0.0.1",
    port: server.port,
    user: "postgres",
    max: 1,
    debug: (_connection, query) => void order.push(query),
  }));
  await sql`select 0`;
  // Sent ahead over the one connection, which a query that has it for itself would have to wait for.
  await Promise.all([
    sql`select pg_sleep(0.1)`.then(() => order.push("answered")),
    sql`select 1`,
  ]);
  assertEquals(order.slice(-3), ["select pg_sleep(0.1)", "select 1", "answered"]);
  await sql.end();
}, { ignore: noPostgres !== undefined });

ioTest(
  `greenMysql2() stops prepared statements, and holds them back${
    noMariadb === undefined ? "" : ` (${noMariadb})`
  }`,
  async () => {
    await using server = await startMariadb();
    const { port } = server;
    const raw = await mysql.createConnection({ host: "127.0.0.1", port, user: "root" });
    const connection = greenMysql2(raw);
    try {
      await using observer = await observeMariadb(server);
      const endless = await connection.prepare("select sleep(300)");
      const other = await connection.prepare("select 1 as v");
      for (
        const begin of [() => endless.execute([]), () => connection.query("select sleep(300)")]
      ) {
        const killed = spawn(begin);
        await eventually(async () => await observer.running() === 1);
        await killed.kill();
        assertInstanceOf(killed.value, GreenletExit);
        const next = spawn(() => other.execute([]));
        await sleep();
        // deno-lint-ignore no-explicit-any -- what is in line at the connection behind it has no types
        assertEquals((raw as any).connection._commands.length, 0);
        const [rows] = await next.get() as unknown as [{ v: number }[]];
        assertEquals(rows[0]!.v, 1);
      }
    } finally {
      await raw.end();
    }
  },
  { ignore: noMariadb !== undefined },
);

Deno.test("greenPg(), greenPostgres() and greenMysql2() refuse what they do not know", () => {
  for (const adapt of [greenPg, greenPostgres, greenMysql2]) {
    assertThrows(() => adapt({ query: 1 }), TypeError, "{ query: 1 }");
    assertThrows(() => adapt(null as never), TypeError, "null");
  }
});
