/**
 * Statements that were given up, on connections to databases that are used on.
 *
 * A server works on a statement until it is told to stop, and whatever is sent over the same connection waits behind it.
 * So when the wait for a statement is interrupted, the server is told, and until it has heard and the statement is over
 * the connection is kept back: nothing else is sent over it, or the stop would hit that, and it does not return to its pool.
 *
 * @module
 */

import { GreenletExit } from "../core/errors.ts";
import type { GreenCall, GreenOptions } from "../core/green.ts";
import { Greenlet } from "../core/greenlet.ts";
import { hub } from "../core/scheduler.ts";
import { withTimeout } from "../core/timeout.ts";
import { until } from "../core/until.ts";

/** How the statements of a connection are stopped; connections are objects that stand for them. */
export interface StatementStopper<Connection extends object> {
  /** Takes a statement out of the line, if it stands there. */
  remove(connection: Connection, statement: object): boolean;
  /** Whether the server is working on a statement, as far as the client knows. */
  isActive(connection: Connection, statement: object): boolean;
  /** Tells the server to stop what it does for a connection; settled once it has heard. */
  stop(connection: Connection, statement: object | undefined): Promise<void>;
  /** Closes a connection for good, its pool then makes another one. */
  destroy(connection: Connection): void;
}

/** What differs between clients whose connections are objects that one gets to see. */
export interface SqlDriver<Connection extends object> extends StatementStopper<Connection> {
  /** The connection behind a target; `undefined` when it is something else. */
  connectionOf(target: unknown): Connection | undefined;
  /** Whether a target is a pool that runs statements itself. */
  isPool(target: unknown): boolean;
  /** Checks out a connection of a pool, as an object with the methods that run statements. */
  checkOut(pool: never): Promise<object>;
  /** Returns a connection that was checked out. */
  release(checkedOut: never): void;
  /** Something that stands for the statement that was begun or put in line last. */
  latest(connection: Connection): object | undefined;
}

type Statements = Record<string, (...args: unknown[]) => Promise<unknown>>;

/** The methods that run a statement. */
const STATEMENTS: ReadonlySet<string> = new Set(["query", "execute"]);

/** The methods that have the server do something, whose work a stop that comes late would hit. */
const HELD_BACK: ReadonlySet<string> = new Set([
  ...STATEMENTS,
  "beginTransaction",
  "changeUser",
  "commit",
  "ping",
  "prepare",
  "reset",
  "rollback",
]);

/** How long, in ms, a server that was told to stop may take before the connection is given up. */
const PATIENCE = 5000;

/** How long the server gets until it is told again, in ms; twice as long each time. */
const FIRST_PAUSE = 20;

/** A statement that was begun. */
export interface RunningStatement<Connection> {
  readonly connection: Connection;
  readonly statement: object | undefined;
  /** Settled when it is over. */
  readonly done: Promise<unknown>;
  /** Called when that will never be settled, as the statement is not sent, or its connection was closed. */
  readonly dropped?: () => void;
}

/** Ends statements that nobody waits for, and says until when their connections are kept back. */
export class AbandonedStatements<Connection extends object> {
  readonly #stopper: StatementStopper<Connection>;
  readonly #kept = new WeakMap<Connection, Promise<void>>();

  constructor(stopper: StatementStopper<Connection>) {
    this.#stopper = stopper;
  }

  /** Settled when a connection is free; `undefined` when it is. */
  free(connection: Connection): Promise<void> | undefined {
    return this.#kept.get(connection);
  }

  /** Has a statement ended, in a greenlet of its own, and its connection kept back. */
  end(running: RunningStatement<Connection>): void {
    const { connection } = running;
    const ending = new Greenlet(() => this.#end(running));
    ending.name = "ends a statement";
    const ended = new Promise<void>((resolve) => ending.rawlink(() => resolve()));
    const before = this.#kept.get(connection);
    const free = before === undefined ? ended : before.then(() => ended);
    this.#kept.set(connection, free);
    void free.then(() => {
      if (this.#kept.get(connection) === free) this.#kept.delete(connection);
    });
    ending.start();
  }

  async #end(running: RunningStatement<Connection>): Promise<void> {
    const { connection, statement, done, dropped } = running;
    const stopper = this.#stopper;
    if (statement !== undefined && stopper.remove(connection, statement)) return dropped?.();
    let over = false;
    const isOver = done.then(() => {}, () => {}).then(() => void (over = true));
    const deadline = hub.clock.now() + PATIENCE;
    for (let pause = FIRST_PAUSE; !over; pause *= 2) {
      if (hub.clock.now() >= deadline) {
        stopper.destroy(connection);
        return dropped?.();
      }
      // More than once: a server that has not read the statement yet does not know what to stop.
      if (statement === undefined || stopper.isActive(connection, statement)) {
        await stopper.stop(connection, statement)
          .catch((error) => hub.handleError(stopper.stop, error));
      }
      await limitedTo(pause, isOver);
    }
  }
}

async function limitedTo(ms: number, promise: Promise<void>): Promise<void> {
  await withTimeout(ms, () => until(promise), { timeoutValue: undefined });
}

/** The options for `green` that make a client of a database tell its server, and keep its connections clean. */
export function sqlOptions<Connection extends object>(driver: SqlDriver<Connection>): GreenOptions {
  const running = new WeakMap<GreenCall, RunningStatement<Connection>>();
  const abandoned = new WeakSet<GreenCall>();
  const statements = new AbandonedStatements(driver);

  function note(call: GreenCall, connection: Connection, result: unknown): Promise<unknown> {
    const done = Promise.resolve(result);
    const statement = driver.latest(connection);
    return new Promise((resolve, reject) => {
      done.then(resolve, reject);
      const dropped = (): void => reject(new GreenletExit("The statement was given up"));
      running.set(call, { connection, statement, done, dropped });
    });
  }

  /** What a pool does for a single statement, with a connection that is known. */
  async function runInPool(call: GreenCall): Promise<unknown> {
    const checkedOut = await driver.checkOut(call.target as never);
    const connection = driver.connectionOf(checkedOut)!;
    try {
      if (abandoned.has(call)) throw new GreenletExit("The statement was given up before it began");
      const result = (checkedOut as Statements)[call.method]!(...call.args);
      return await note(call, connection, result);
    } finally {
      await statements.free(connection);
      driver.release(checkedOut as never);
    }
  }

  return {
    around(call, proceed) {
      const { target, method } = call;
      if (STATEMENTS.has(method) && driver.isPool(target)) return runInPool(call);
      const connection = driver.connectionOf(target);
      if (connection === undefined) return proceed();
      const begin = (): unknown => {
        const result = proceed();
        const isStatement = STATEMENTS.has(method) && result instanceof Promise;
        return isStatement ? note(call, connection, result) : result;
      };
      const free = statements.free(connection);
      if (free === undefined) return begin();
      if (method === "release") return void free.then(() => proceed());
      if (!HELD_BACK.has(method)) return proceed();
      return (async () => {
        await free;
        if (abandoned.has(call)) throw new GreenletExit("The statement was given up in line");
        return await begin();
      })();
    },
    interrupted(call) {
      abandoned.add(call);
      const found = running.get(call);
      if (found !== undefined) statements.end(found);
    },
  };
}
