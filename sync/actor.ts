/**
 * Actors: greenlets that are talked to by messages only, and looked after when they fail.
 *
 * @module
 */

import {
  requireCount,
  requireFunction,
  requireOptions,
  requirePositive,
} from "../core/arguments.ts";
import { GreenletExit } from "../core/errors.ts";
import { Greenlet, killerOf, watchEnd } from "../core/greenlet.ts";
import { hub } from "../core/scheduler.ts";
import { getCurrent } from "../core/spawn.ts";
import type { WaitOptions } from "../core/suspend.ts";
import { Queue } from "./queue.ts";
import type { StopIteration } from "./simple_queue.ts";

/**
 * What happens to an actor whose `receive` fails: it goes on with the next message after `restarted` was called, it
 * fails as a greenlet and so does the actor that looks after it, or it just ends.
 *
 * @example
 * ```ts
 * import type { Supervision } from "@gevent/deno";
 *
 * const decisions: Supervision[] = ["restart", "escalate", "stop"];
 * console.assert(decisions.length === 3);
 * ```
 */
export type Supervision = "restart" | "escalate" | "stop";

/**
 * What the constructor of `Actor` takes.
 *
 * @example
 * ```ts
 * import type { ActorOptions } from "@gevent/deno";
 *
 * const options: ActorOptions = { inboxSize: 100, supervise: () => "restart", maxRestarts: 3, within: 60_000 };
 * console.assert(options.maxRestarts === 3);
 * ```
 */
export interface ActorOptions {
  /** How many messages may wait before `send` has to; default 1000. */
  readonly inboxSize?: number;
  /**
   * Decides what happens when `receive` fails, also with a `Timeout`; by default it escalates. It is not asked when the
   * actor is being killed, nor when `receive` throws a `GreenletExit`, which ends any greenlet well.
   */
  readonly supervise?: (error: unknown, message: unknown) => Supervision | PromiseLike<Supervision>;
  /** How many restarts are granted within {@link ActorOptions.within}; more escalate. Default 10. */
  readonly maxRestarts?: number;
  /** The time, in ms, in which restarts are counted; default 60 000. */
  readonly within?: number;
}

/**
 * A greenlet with an inbox, whose `receive` is called for one message after the other.
 *
 * Derive a class, override {@link Actor.receive}, start it, and `send` it messages. A full inbox makes the sender wait.
 * An actor may look after others: those that it was told to {@link Actor.supervise} fail into it and end with it.
 *
 * @example
 * ```ts
 * import { Actor } from "@gevent/deno";
 *
 * class Counter extends Actor<number> {
 *   total = 0;
 *   override receive(n: number): void {
 *     this.total += n;
 *   }
 * }
 *
 * const counter = new Counter();
 * counter.start();
 * await counter.send(1);
 * await counter.send(2);
 * await counter.stop();
 * console.assert(counter.total === 3);
 * ```
 */
export abstract class Actor<M> extends Greenlet<void> {
  /** Messages that have been sent and not been received. */
  readonly inbox: Queue<M | typeof StopIteration>;
  readonly #supervise: NonNullable<ActorOptions["supervise"]>;
  readonly #maxRestarts: number;
  readonly #within: number;
  readonly #children = new Set<Actor<never>>();
  #restarts: number[] = [];
  #supervisor: Actor<never> | undefined;

  /**
   * Makes an actor that has not been started.
   *
   * @throws {RangeError} When a number in the options makes no sense.
   * @throws {TypeError} When `supervise` is not a function.
   */
  constructor(options: ActorOptions = {}) {
    super();
    requireOptions(options);
    const { inboxSize = 1000, supervise = escalate, maxRestarts = 10, within = 60_000 } = options;
    if (inboxSize !== Infinity) requireCount(inboxSize, "inboxSize");
    if (maxRestarts !== Infinity) requireCount(maxRestarts, "maxRestarts");
    requirePositive(within, "within");
    requireFunction(supervise, "supervise");
    this.inbox = new Queue({ maxsize: inboxSize });
    this.#supervise = supervise;
    this.#maxRestarts = maxRestarts;
    this.#within = within;
  }

  /** Deals with one message; the next one waits until this is done. */
  abstract receive(message: M): unknown;

  /** Called after `receive` has failed and before the next message, when the decision was to restart. */
  restarted(_error: unknown): unknown {
    return undefined;
  }

  /**
   * Puts a message into the inbox, waiting for room.
   *
   * @throws {ShutDown} When the actor has ended.
   */
  send(message: M, options?: WaitOptions): Promise<void> {
    return this.inbox.put(message, options);
  }

  /** Starts an actor and looks after it: when it fails, this one fails with its error; when this one ends, it is killed. */
  supervise(child: Actor<never>): void {
    if (!(child instanceof Actor)) {
      throw new TypeError(
        `Cannot supervise as 'child' must be an Actor: received ${Deno.inspect(child)}`,
      );
    }
    child.#supervisor = this as unknown as Actor<never>;
    this.#children.add(child);
    watchEnd(child, () => this.#children.delete(child));
    child.start();
    if (this.dead) child.throw();
  }

  /**
   * Lets it deal with what is in its inbox, then end, and waits for that, unless it is called by the actor itself; nothing
   * more can be sent.
   */
  async stop(options?: WaitOptions): Promise<void> {
    if (!this.started) this.throw();
    this.inbox.shutdown();
    if (getCurrent() !== this as Greenlet<unknown>) await this.join(options);
  }

  /** What the greenlet does: receives until it is stopped. */
  override async run(): Promise<void> {
    let survived: unknown; // the last kill that `receive` has got over
    for await (const message of this.inbox) {
      try {
        await this.receive(message as M);
        survived = killerOf(this as Greenlet);
      } catch (error) {
        // A kill, or the failure of one that it looks after, is none of its own, whatever its clean-up makes of it.
        const isDying = killerOf(this as Greenlet) !== survived;
        if (isDying || error instanceof GreenletExit) throw error;
        if (!await this.#goOn(error, message)) return;
      }
    }
  }

  /** An escalated error is the supervisor's. */
  protected override report(error: unknown): void {
    if (this.#supervisor !== undefined && this.#supervisor.started) this.#supervisor.throw(error);
    else hub.handleError(this, error);
  }

  /** Takes its children with it, and turns away who still wants to send. */
  protected override ended(): void {
    this.inbox.shutdown({ immediate: true });
    for (const child of this.#children) child.throw();
  }

  async #goOn(error: unknown, message: unknown): Promise<boolean> {
    const decision = await this.#supervise(error, message);
    if (decision === "stop") return false;
    if (decision !== "restart") throw error;
    const now = hub.clock.now();
    this.#restarts = this.#restarts.filter((time) => time > now - this.#within);
    if (this.#restarts.push(now) > this.#maxRestarts) throw error;
    await this.restarted(error);
    return true;
  }
}

function escalate(): Supervision {
  return "escalate";
}
