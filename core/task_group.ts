/**
 * Structured concurrency: greenlets that do not outlive the block that started them.
 *
 * @module
 */

import { requireFunction } from "./arguments.ts";
import { Greenlet } from "./greenlet.ts";
import { Group } from "./group.ts";
import { GreenletExit, Interrupt } from "./errors.ts";
import { hub } from "./scheduler.ts";
import { currentScope, mainScope, Scope, scopeOfCaller } from "./scope.ts";
import { shield } from "./shield.ts";
import type { WaitOptions } from "./suspend.ts";

/**
 * Raised at the waits of a task group's body when one of its greenlets has failed; what the group throws is the error of
 * that greenlet.
 *
 * @example
 * ```ts
 * import { sleep, TaskGroup, TaskGroupCancelled } from "@gevent/deno";
 *
 * let seen: unknown;
 * await TaskGroup.run(async (group) => {
 *   group.spawn(() => {
 *     throw new RangeError("broken");
 *   });
 *   await sleep(60_000).catch((error) => {
 *     seen = error;
 *     throw error;
 *   });
 * }).catch((error) => console.assert(error instanceof RangeError));
 * console.assert(seen instanceof TaskGroupCancelled);
 * ```
 */
export class TaskGroupCancelled extends Interrupt {
  /** The class name, as for every error. */
  override readonly name: string = "TaskGroupCancelled";
}

/**
 * Greenlets that are all awaited before the block that started them is left.
 *
 * When one fails, the others are killed and the block is interrupted; when all have ended, the error is thrown, or an
 * `AggregateError` of several. `TaskGroup.run(async (group) => …)` waits for all at the end of the function. With
 * `await using group = new TaskGroup()` end the block with `await group.join()`: leaving it in any other way kills what
 * still runs, as JavaScript does not tell whether a block is left because of an error; and when the block is interrupted
 * before that, the error comes as the `error` of a `SuppressedError`. Errors of the greenlets are the group's and are not
 * reported to the hub. The interrupts by which it ends its body and its greenlets are no errors of the group, not even
 * where a group inside it throws one together with errors of its own. gevent has no counterpart.
 *
 * @example
 * ```ts
 * import { sleep, TaskGroup } from "@gevent/deno";
 *
 * const sum = await TaskGroup.run(async (group) => {
 *   const a = group.spawn(async () => {
 *     await sleep(1);
 *     return 1;
 *   });
 *   const b = group.spawn(() => 2);
 *   return await a.get() + await b.get();
 * });
 * console.assert(sum === 3);
 *
 * {
 *   await using group = new TaskGroup();
 *   group.spawn(sleep, 1);
 *   await group.join();
 * }
 * ```
 */
export class TaskGroup implements AsyncDisposable {
  readonly #children: Group = new Group();
  readonly #scope: Scope;
  /** The main scope is that of others, too: their waits are older than the group. */
  readonly #since: number;
  /** What has not been thrown yet. */
  readonly #errors: unknown[] = [];
  #cancellation: TaskGroupCancelled | undefined;
  /** Whether its greenlets are to end: one that is started now would be forgotten. */
  #ending = false;
  #closed = false;

  /** Makes a group whose failing greenlets interrupt the waits of the current scope. */
  constructor() {
    this.#scope = scopeOfCaller();
    this.#since = this.#scope === mainScope ? hub.nextOrder() : 0;
  }

  /**
   * Runs a function with a new group, and waits for all greenlets of it.
   *
   * @returns What the function returns, when nothing failed.
   * @throws The error of the function or of a greenlet; an `AggregateError` when there are several.
   */
  static async run<T>(fn: (group: TaskGroup) => T | PromiseLike<T>): Promise<T> {
    requireFunction(fn, "fn");
    const scope = new Scope(scopeOfCaller());
    try {
      return await currentScope.run(scope, () => scope.follow(new TaskGroup().#runBody(fn)));
    } finally {
      scope.close();
    }
  }

  /** How many of its greenlets are alive. */
  get size(): number {
    return this.#children.size;
  }

  /**
   * Starts a function in a greenlet of the group. While the group is failing, the greenlet is killed before it runs.
   *
   * @throws {TypeError} When `fn` is not a function, or the group has ended.
   */
  spawn<T, A extends unknown[]>(fn: (...args: A) => T | PromiseLike<T>, ...args: A): Greenlet<T> {
    requireFunction(fn, "fn");
    if (this.#closed) throw new TypeError("Cannot spawn in a task group that has ended");
    const child = new Child<T>(fn, args, (error) => this.#onFailure(error));
    this.#children.tryStart(child);
    if (this.#ending) this.#children.killOne(child);
    return child;
  }

  /** Kills all greenlets of the group, without waiting for their end. */
  cancel(): void {
    for (const child of this.#children) this.#children.killOne(child);
  }

  /**
   * Waits until all greenlets have ended; returns quietly after its own timeout.
   *
   * @throws The error of the one that failed; an `AggregateError` when several did.
   */
  async join(options?: WaitOptions): Promise<void> {
    try {
      if (!await this.#children.join(options)) return;
    } catch (error) {
      if (error !== this.#cancellation) throw error;
      await this.#finish();
    }
    this.#throwErrors();
  }

  /** The end of an `await using` block: kills what still runs, waits for its end, and throws what was not thrown yet. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending = true;
    this.cancel();
    await this.#finish();
    this.#closed = true;
    this.#throwErrors();
  }

  async #runBody<T>(fn: (group: TaskGroup) => T | PromiseLike<T>): Promise<T> {
    let result: T | undefined;
    try {
      result = await fn(this);
      await this.#children.join();
    } catch (error) {
      this.#ending = true;
      this.cancel();
      const cancellation = this.#cancellation;
      this.#note(error, (one) => cancellation !== undefined && one === cancellation);
    }
    await this.#finish();
    this.#closed = true;
    this.#throwErrors();
    return result as T;
  }

  /** Waits for greenlets that have been killed; nothing may keep the block from doing so. */
  async #finish(): Promise<void> {
    await shield(() => this.#children.join());
    if (this.#cancellation !== undefined) this.#scope.withdraw(this.#cancellation);
  }

  /** Keeps what there is to an error, once; says whether there was anything. */
  #note(error: unknown, isNone: (error: unknown) => boolean): boolean {
    const left = without(isNone, error);
    for (const one of left) if (!this.#errors.includes(one)) this.#errors.push(one);
    return left.length > 0;
  }

  #throwErrors(): void {
    this.#ending = false;
    const errors = this.#errors.splice(0);
    if (errors.length === 0) return;
    if (errors.length === 1) throw errors[0];
    throw new AggregateError(errors, "A task group failed with several errors");
  }

  #onFailure(error: unknown): void {
    // A greenlet that is killed has ended well, also when that comes out of a group inside it together with an error.
    const failed = this.#note(error, (one) => one instanceof GreenletExit);
    if (!failed || this.#ending) return;
    this.#ending = true;
    this.cancel();
    this.#cancellation = new TaskGroupCancelled("A greenlet of the task group failed");
    this.#scope.interrupt(this.#cancellation, this.#since);
  }
}

/** A greenlet whose error belongs to its group. */
class Child<T> extends Greenlet<T> {
  readonly #onFailure: (error: unknown) => void;

  constructor(
    // deno-lint-ignore no-explicit-any -- `spawn` has checked the arguments against the function
    fn: (...args: any[]) => T | PromiseLike<T>,
    args: unknown[],
    onFailure: (error: unknown) => void,
  ) {
    super(fn, ...args);
    this.#onFailure = onFailure;
  }

  protected override report(error: unknown): void {
    this.#onFailure(error);
  }
}

/** What is left of an error without those for which a function says so: itself, a smaller one, or nothing. */
function without(isNone: (error: unknown) => boolean, error: unknown): [] | [unknown] {
  if (isNone(error)) return [];
  if (error instanceof AggregateError) {
    const { errors } = error;
    const left = errors.flatMap((one) => without(isNone, one));
    if (left.length === errors.length && left.every((one, index) => one === errors[index])) {
      return [error];
    }
    if (left.length < 2) return left as [] | [unknown];
    return [new AggregateError(left, error.message, { cause: error.cause })];
  }
  if (error instanceof SuppressedError) {
    const [last, first] = [without(isNone, error.error), without(isNone, error.suppressed)];
    if (last.length === 0) return first;
    if (first.length === 0) return last;
    if (last[0] === error.error && first[0] === error.suppressed) return [error];
    return [new SuppressedError(last[0], first[0], error.message)];
  }
  return [error];
}
