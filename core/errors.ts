/**
 * Every error class of the library that a caller may want to catch, in one place.
 *
 * Mistakes of the caller are `TypeError`s and `RangeError`s; the classes here are the ones that carry meaning.
 *
 * @module
 */

/**
 * What is thrown into a greenlet from outside: the base of {@link GreenletExit} and `Timeout`.
 *
 * JavaScript has no `BaseException`, so a broad `catch` sees interrupts too. Code that handles errors in general lets
 * them pass with one line: `if (error instanceof Interrupt) throw error`.
 *
 * @example
 * ```ts
 * import { Interrupt, sleep, spawn } from "@gevent/deno";
 *
 * const stubborn = spawn(async () => {
 *   try {
 *     await sleep(60_000);
 *   } catch (error) {
 *     if (error instanceof Interrupt) throw error; // a kill is not ours to handle
 *     console.error("the work failed", error);
 *   }
 * });
 * await sleep();
 * await stubborn.kill();
 * ```
 */
export abstract class Interrupt extends Error {}

/**
 * Ends a greenlet without being an error: the default exception of `kill`, gevent's `GreenletExit`.
 *
 * A greenlet that dies of it counts as successful, and the instance becomes its `value`.
 *
 * @example
 * ```ts
 * import { GreenletExit, spawn } from "@gevent/deno";
 *
 * const g = spawn(() => {
 *   throw new GreenletExit();
 * });
 * await g.join();
 * console.assert(g.successful && g.value instanceof GreenletExit);
 * ```
 */
export class GreenletExit extends Interrupt {
  /** The class name, as for every error. */
  override readonly name: string = "GreenletExit";
}

/**
 * Thrown into the main function when every greenlet is blocked and nothing can ever wake one: gevent's `LoopExit`.
 *
 * The message lists each blocked greenlet and what it waits for; {@link LoopExit.blocked} holds the same lines.
 *
 * @example
 * ```ts
 * import { LoopExit } from "@gevent/deno";
 * import { runVirtual } from "@gevent/deno/testing";
 * import { Queue } from "@gevent/deno/sync";
 *
 * try {
 *   await runVirtual(async () => await new Queue().get());
 * } catch (error) {
 *   console.assert(error instanceof LoopExit);
 * }
 * ```
 */
export class LoopExit extends Error {
  /** The class name, as for every error. */
  override readonly name: string = "LoopExit";
  /** One line for each blocked greenlet: its name and what it waits for. */
  readonly blocked: readonly string[];

  /** Takes the lines that describe the blocked greenlets. */
  constructor(blocked: readonly string[]) {
    const list = blocked.length === 0 ? "" : `:\n  ${blocked.join("\n  ")}`;
    super(`This operation would block forever${list}`);
    this.blocked = blocked;
  }
}

/**
 * Thrown by a blocking call made inside a hub callback (a raw link, a timer), where nothing can wait: gevent's
 * `BlockingSwitchOutError`.
 *
 * @example
 * ```ts
 * import { BlockingSwitchOutError, sleep, spawn } from "@gevent/deno";
 *
 * const g = spawn(() => {});
 * let refused: unknown;
 * g.rawlink(() => {
 *   sleep(1).catch((error) => refused = error);
 * });
 * await g.join();
 * await sleep(1);
 * console.assert(refused instanceof BlockingSwitchOutError);
 * ```
 */
export class BlockingSwitchOutError extends Error {
  /** The class name, as for every error. */
  override readonly name: string = "BlockingSwitchOutError";

  /** Takes the message, which rarely needs to differ from the default. */
  constructor(message = "Impossible to call blocking function in the event loop callback") {
    super(message);
  }
}

/**
 * Thrown to the second greenlet that wants to use what only one may use at a time, such as the read side of a socket:
 * gevent's `ConcurrentObjectUseError`.
 *
 * @example
 * ```ts
 * import { ConcurrentObjectUseError } from "@gevent/deno";
 *
 * const error = new ConcurrentObjectUseError("This socket is already read by Greenlet-3");
 * console.assert(error.name === "ConcurrentObjectUseError");
 * ```
 */
export class ConcurrentObjectUseError extends Error {
  /** The class name, as for every error. */
  override readonly name: string = "ConcurrentObjectUseError";
}

/**
 * A queue had no item: at once for `getNowait` and `peekNowait`, or within the timeout of `get` and `peek`.
 *
 * @example
 * ```ts
 * import { Empty, Queue } from "@gevent/deno";
 *
 * try {
 *   new Queue().getNowait();
 * } catch (error) {
 *   console.assert(error instanceof Empty);
 * }
 * ```
 */
export class Empty extends Error {
  /** The class name, as for every error. */
  override readonly name: string = "Empty";

  /** Takes the message. */
  constructor(message = "The queue is empty") {
    super(message);
  }
}

/**
 * A queue had no room: at once for `putNowait`, or within the timeout of `put`.
 *
 * @example
 * ```ts
 * import { Full, Queue } from "@gevent/deno";
 *
 * const queue = new Queue<number>({ maxsize: 1 });
 * queue.putNowait(1);
 * try {
 *   queue.putNowait(2);
 * } catch (error) {
 *   console.assert(error instanceof Full);
 * }
 * ```
 */
export class Full extends Error {
  /** The class name, as for every error. */
  override readonly name: string = "Full";

  /** Takes the message. */
  constructor(message = "The queue is full") {
    super(message);
  }
}

/**
 * A pool had no free slot for a greenlet that was not willing to wait, or not that long: gevent's `PoolFull`.
 *
 * @example
 * ```ts
 * import { Greenlet, Pool, PoolFull, sleep } from "@gevent/deno";
 *
 * const pool = new Pool(1);
 * await pool.spawn(sleep, 1);
 * try {
 *   await pool.add(new Greenlet(sleep), { block: false });
 * } catch (error) {
 *   console.assert(error instanceof PoolFull);
 * }
 * await pool.join();
 * ```
 */
export class PoolFull extends Full {
  /** The class name, as for every error. */
  override readonly name: string = "PoolFull";

  /** Takes the message. */
  constructor(message = "The pool is full") {
    super(message);
  }
}

/**
 * A queue was shut down: nothing can be put any more, and all that was in it has been taken.
 *
 * @example
 * ```ts
 * import { Queue, ShutDown } from "@gevent/deno";
 *
 * const queue = new Queue();
 * queue.shutdown();
 * try {
 *   await queue.get();
 * } catch (error) {
 *   console.assert(error instanceof ShutDown);
 * }
 * ```
 */
export class ShutDown extends Error {
  /** The class name, as for every error. */
  override readonly name: string = "ShutDown";

  /** Takes the message. */
  constructor(message = "The queue has been shut down") {
    super(message);
  }
}
