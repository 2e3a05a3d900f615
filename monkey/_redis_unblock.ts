/**
 * Blocking commands of Redis that were given up, on connections that are used on.
 *
 * The server answers a connection in order, so whatever is sent behind a `BLPOP` that nobody waits for any more would
 * wait with it. The server can be told to end it, over another connection and by the id of the first. It ends what it
 * finds there, so it is told only when the command that was given up is the first without an answer; and as the answer
 * may come at that very moment, it is told to end it with an error, after which a command that was not meant is sent anew.
 *
 * @module
 */

import { giveBack, type GreenCall, type GreenOptions } from "../core/green.ts";
import { Greenlet } from "../core/greenlet.ts";
import { hub } from "../core/scheduler.ts";
import type { Timer } from "../core/timer_heap.ts";
import { Event } from "../sync/event.ts";
import {
  commandOf,
  commandsOf,
  commandsToGiveBack,
  isBlocking,
  type RedisCommand,
} from "./_redis_commands.ts";

/** What differs between client libraries. */
export interface RedisDriver<Client extends object> {
  /** The client whose connection a target uses; `undefined` when it is no client, such as a pipeline. */
  clientOf(target: unknown): Client | undefined;
  /** Calls a function when a connection is made, before anything of the user's is sent, again when it is ready, and now. */
  onConnection(client: Client, listener: () => void): void;
  /** Calls a function each time the connection is lost. */
  onLoss(client: Client, listener: () => void): void;
  /** Whether commands are sent at once. */
  isConnected(client: Client): boolean;
  /** Sends `CLIENT INFO`, before any commands that are waiting for a connection. */
  identify(client: Client): Promise<unknown>;
  /** Sends a command. */
  send(client: Client, command: readonly unknown[]): Promise<unknown>;
  /** Another client of the same server, that does not try again and for which the process does not stay alive. */
  connectAnother(client: Client): Promise<Client>;
  /** Closes a client that `connectAnother` has made. */
  close(client: Client): void;
  /** Closes the connection and makes a new one; the first command without an answer is not sent again. */
  reconnect(client: Client): void;
}

/** What the server says about a connection, when it is asked over that. */
interface Identity {
  readonly id: string;
  /** Both ends, as the server sees them: the same id may belong to somebody else on another server. */
  readonly ends: string;
}

/** A blocking command that has been sent. */
interface BlockingCall {
  /** Whether nobody waits for it any more. */
  abandoned: boolean;
  /** Whether it may have been ended in place of another one. */
  exposed: boolean;
  /** How often the server could not be told to end it. */
  failures: number;
  readonly settled: Event;
}

/** How long, in ms, the other connection is kept when it is not used. */
const KEPT = 1000;

/** How long, in ms, until the server is told again when it found nothing to end: at first, and at most. */
const PAUSES = { first: 1, most: 100 } as const;

/** After so many failures to tell the server the connection is given up. */
const MOST_FAILURES = 3;

/** The blocking commands of one client. */
class BlockingCalls<Client extends object> {
  readonly #driver: RedisDriver<Client>;
  readonly #client: Client;
  /** Who the connection is: `undefined` until the server has answered, `null` if it does not say. */
  #identity: Identity | null | undefined;
  /** Whether it was asked who it is. */
  #asked = false;
  /** Grows with every connection that is lost. */
  #epoch = 0;
  /** Those that have not been answered, in the order in which they were sent. */
  readonly #calls = new Map<GreenCall, BlockingCall>();
  #unblocker: Greenlet<void> | undefined;
  /** Whether the server is being told to end whatever it finds. */
  #telling = false;
  #other: Promise<Client> | undefined;
  #idle: Timer | undefined;
  /** What is being given back over the other connection. */
  readonly #returns = new Set<Promise<void>>();

  constructor(driver: RedisDriver<Client>, client: Client) {
    this.#driver = driver;
    this.#client = client;
    driver.onLoss(client, () => this.#forget());
    driver.onConnection(client, () => void this.#identify());
  }

  /** Makes a call that blocks, of a single command or of a whole pipeline. */
  run(call: GreenCall, proceed: () => unknown, pipeline = false): unknown {
    const sent = proceed();
    if (!(sent instanceof Promise)) return sent;
    const entry: BlockingCall = {
      abandoned: false,
      exposed: this.#telling,
      failures: 0,
      settled: new Event(),
    };
    this.#calls.set(call, entry);
    // A pipeline may fail with its first command, when others are yet to come. It cannot be sent anew.
    const [result, end] = pipeline
      ? [sent, this.#driver.send(this.#client, ["PING"])]
      : [this.#follow(call, entry, sent, proceed), undefined];
    void Promise.allSettled([result, end]).then(() => {
      this.#calls.delete(call);
      entry.settled.set();
      this.#unblockFirst();
    });
    return result;
  }

  /** Has a call end, if it is one that blocks. */
  abandon(call: GreenCall): void {
    const entry = this.#calls.get(call);
    if (entry === undefined) return;
    entry.abandoned = true;
    this.#unblockFirst();
  }

  /** Puts what a command has taken back to where it was. */
  giveBack(command: RedisCommand, late: unknown): void {
    const commands = commandsToGiveBack(command, late);
    if (commands.length === 0) return;
    const giving = this.#send(commands).catch((error) => {
      hub.handleError(`${command.name} to give back ${Deno.inspect(late)}`, error);
    });
    this.#returns.add(giving);
    void giving.then(() => this.#returns.delete(giving));
  }

  async #send(commands: unknown[][]): Promise<void> {
    const other = await this.#connectOther();
    // The database may be another one than that of the client's options.
    const identity = this.#identity;
    const database = identity ? field(await this.#describe(other, identity), "db") : undefined;
    const select = database === undefined ? [] : [["SELECT", database]];
    // In one go, as others give back over the same connection.
    await Promise.all([...select, ...commands].map((words) => this.#driver.send(other, words)));
  }

  async #follow(
    call: GreenCall,
    entry: BlockingCall,
    sent: Promise<unknown>,
    proceed: () => unknown,
  ): Promise<unknown> {
    for (;;) {
      try {
        return await sent;
      } catch (error) {
        if (!entry.exposed || entry.abandoned || !isUnblocked(error)) throw error;
      }
      // It was meant for the one before, which was answered just then.
      sent = proceed() as Promise<unknown>;
      entry.exposed = this.#telling;
      this.#calls.delete(call);
      this.#calls.set(call, entry); // behind all that have been sent by now
    }
  }

  async #identify(): Promise<void> {
    if (this.#asked && this.#identity !== null) return;
    this.#asked = true;
    const epoch = this.#epoch;
    let identity: Identity | null = null;
    try {
      const answer = String(await this.#driver.identify(this.#client));
      const id = field(answer, "id");
      if (id !== undefined) identity = { id, ends: endsOf(answer) };
    } catch {
      // It must not be asked, or is too old to know.
    }
    if (epoch === this.#epoch) this.#identity = identity;
  }

  #forget(): void {
    this.#epoch++;
    this.#asked = false;
    this.#identity = undefined;
    this.#closeOther(); // the server may be another one next time
  }

  #first(): BlockingCall | undefined {
    return this.#calls.values().next().value;
  }

  #unblockFirst(): void {
    const first = this.#first();
    if (this.#unblocker !== undefined || !first?.abandoned) return;
    const unblocker = this.#unblocker = new Greenlet(() => this.#unblock(first));
    unblocker.name = "unblocks Redis";
    unblocker.rawlink(() => {
      this.#unblocker = undefined;
      this.#unblockFirst();
    });
    hub.enqueueCallback(() => unblocker.start()); // not in the context of a greenlet that is about to end
  }

  /** Tells the server until the first call has been answered. */
  async #unblock(first: BlockingCall): Promise<void> {
    let pause: number = PAUSES.first;
    while (!first.settled.isSet) {
      // Without a connection the command waits for one, and there is nothing to end.
      if (this.#driver.isConnected(this.#client) && first.failures < MOST_FAILURES) {
        await this.#tell(first);
        if (first.failures >= MOST_FAILURES && !first.settled.isSet) {
          this.#driver.reconnect(this.#client);
        }
      }
      await first.settled.wait({ timeout: pause });
      pause = Math.min(2 * pause, PAUSES.most);
    }
  }

  async #tell(first: BlockingCall): Promise<void> {
    const epoch = this.#epoch;
    const identity = this.#identity;
    if (identity === undefined) return; // the answer comes before that to the command
    const stillToBeTold = (): boolean => epoch === this.#epoch && !first.settled.isSet;
    try {
      if (identity === null) throw new Error("The server has not said who the connection is");
      const other = await this.#connectOther();
      const described = await this.#describe(other, identity);
      if (!stillToBeTold()) return;
      if (endsOf(described) !== identity.ends) throw new Error("It is another server");
      this.#telling = true;
      for (const call of this.#calls.values()) call.exposed ||= !call.abandoned;
      await this.#driver.send(other, ["CLIENT", "UNBLOCK", identity.id, "ERROR"]);
    } catch {
      // Whatever the reason: when it does not help to try again, the connection is given up.
      if (stillToBeTold()) first.failures += identity === null ? MOST_FAILURES : 1;
    } finally {
      this.#telling = false;
    }
  }

  async #describe(other: Client, { id }: Identity): Promise<string> {
    return String(await this.#driver.send(other, ["CLIENT", "LIST", "ID", id]));
  }

  #connectOther(): Promise<Client> {
    if (this.#idle !== undefined) hub.removeTimer(this.#idle);
    this.#idle = hub.addTimer(KEPT, { fire: () => this.#closeOther() }, 0, false);
    if (this.#other !== undefined) return this.#other;
    const { promise, resolve } = Promise.withResolvers<Client>();
    hub.enqueueCallback(() => resolve(this.#driver.connectAnother(this.#client))); // in no greenlet
    const forget = (): void => {
      if (this.#other === promise) this.#closeOther();
    };
    promise.then((other) => this.#driver.onLoss(other, forget), forget);
    return this.#other = promise;
  }

  #closeOther(): void {
    if (this.#idle !== undefined) hub.removeTimer(this.#idle);
    this.#idle = undefined;
    const other = this.#other;
    this.#other = undefined;
    if (other === undefined) return;
    void Promise.all(this.#returns) // which do not fail
      .then(() => other)
      .then((client) => this.#driver.close(client), () => {});
  }
}

/** The options for `green` that make a client of Redis usable again as soon as a blocking command has been given up. */
export function redisOptions<Client extends object>(driver: RedisDriver<Client>): GreenOptions {
  const known = new WeakMap<Client, BlockingCalls<Client>>();
  /** Pipelines, and whose they are. */
  const pipelines = new WeakMap<object, Client>();
  /** Pipelines with a command that blocks. */
  const blocking = new WeakSet<object>();

  function callsOf(client: Client): BlockingCalls<Client> {
    let calls = known.get(client);
    if (calls === undefined) known.set(client, calls = new BlockingCalls(driver, client));
    return calls;
  }

  return {
    around(call, proceed) {
      const { target, method } = call;
      const client = driver.clientOf(target);
      if (client !== undefined) {
        const calls = callsOf(client);
        if (isBlocking(commandOf(call))) return calls.run(call, proceed);
        const result = proceed();
        if (!PIPELINES.has(method)) return result;
        pipelines.set(result as object, client);
        if (commandsOf(call).some(isBlocking)) blocking.add(result as object);
        return result;
      }
      const owner = pipelines.get(target as object);
      if (owner === undefined) return proceed();
      const pipeline = target as object;
      if (commandsOf(call).some(isBlocking)) blocking.add(pipeline);
      return method.startsWith("exec") && blocking.has(pipeline)
        ? callsOf(owner).run(call, proceed, true)
        : proceed();
    },
    interrupted(call) {
      const client = driver.clientOf(call.target) ?? pipelines.get(call.target as object);
      if (client !== undefined) callsOf(client).abandon(call);
    },
    orphan(late, call) {
      const client = driver.clientOf(call.target);
      return client === undefined
        ? giveBack(late, call)
        : callsOf(client).giveBack(commandOf(call), late);
    },
  };
}

/** Methods whose results collect commands. */
const PIPELINES: ReadonlySet<string> = new Set(["pipeline", "multi", "MULTI"]);

/** A field of what `CLIENT INFO` and `CLIENT LIST` return. */
function field(description: string, name: string): string | undefined {
  return new RegExp(`(?:^| )${name}=(\\S*)`).exec(description)?.[1];
}

function endsOf(description: string): string {
  return `${field(description, "addr")} ${field(description, "laddr")}`;
}

function isUnblocked(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("UNBLOCKED");
}
