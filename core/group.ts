/**
 * Greenlets that belong together.
 *
 * @module
 */

import { GroupMembership } from "./_group_membership.ts";
import { requireFunction, requireIterable, requireOptions } from "./arguments.ts";
import { Greenlet, type GreenletClass, type KillOptions, requireGreenlet } from "./greenlet.ts";
import { imap, type ImapOptions, imapUnordered, type Items, requireItems } from "./imap.ts";
import { joinAll } from "./join.ts";
import { LinkedList } from "./linked_list.ts";
import { getCurrent } from "./spawn.ts";
import {
  checkpoint,
  completed,
  countDown,
  parkWait,
  requireWaitOptions,
  type WaitOptions,
} from "./suspend.ts";
import { WaitQueue } from "./wait_queue.ts";
import type { WaitKind } from "./waiter.ts";

const JOIN: WaitKind<boolean> = {
  name: "Group.join",
  expired: (waiter) => void waiter.resume(false),
};

/**
 * What the constructors of `Group` and `Pool` take besides members and size.
 *
 * @example
 * ```ts
 * import { Greenlet, type GroupOptions, Pool } from "@gevent/deno";
 *
 * class Job<T> extends Greenlet<T> {
 *   readonly since = Date.now();
 * }
 * const options: GroupOptions = { greenletClass: Job };
 * const pool = new Pool(2, options);
 * console.assert(await pool.spawn(() => {}) instanceof Job);
 * ```
 */
export interface GroupOptions {
  /** Of which class the greenlets are that it makes; {@link Greenlet} by default. gevent's `greenlet_class`. */
  readonly greenletClass?: GreenletClass;
}

/**
 * What `Group.join` takes.
 *
 * @example
 * ```ts
 * import { Group, type GroupJoinOptions } from "@gevent/deno";
 *
 * const options: GroupJoinOptions = { timeout: 1000, raiseError: true };
 * console.assert(await new Group().join(options));
 * ```
 */
export interface GroupJoinOptions extends WaitOptions {
  /** Throw the first error that ended a member which was in the group when the wait began. */
  readonly raiseError?: boolean;
}

/**
 * A set of running greenlets that can be joined and killed together, and that maps functions over items: gevent's
 * `Group`.
 *
 * A greenlet is a member from `spawn`, `start` or `add` until it ends. `Pool` is a group with a limit.
 *
 * @example
 * ```ts
 * import { Group, sleep } from "@gevent/deno";
 *
 * const group = new Group();
 * await group.spawn(sleep, 1);
 * await group.spawn(sleep, 2);
 * console.assert(group.size === 2);
 * await group.join();
 * console.assert(group.size === 0);
 * ```
 */
export class Group implements AsyncDisposable {
  /** Of which class the greenlets are that `spawn`, `apply`, `map` and the like make; gevent's `greenlet_class`. */
  readonly greenletClass: GreenletClass;
  readonly #members: LinkedList<Greenlet<unknown>> = new LinkedList();
  readonly #joiners: WaitQueue<boolean> = new WaitQueue();
  readonly #onEnd = (greenlet: Greenlet<unknown>): void => this.discard(greenlet);

  /**
   * Starts with these members.
   *
   * @throws {TypeError} When one of them is not a greenlet, or `greenletClass` is not a class of greenlets.
   */
  constructor(greenlets: Iterable<Greenlet<unknown>> = [], options: GroupOptions = {}) {
    requireIterable(greenlets, "greenlets");
    requireOptions(options);
    this.greenletClass = requireGreenletClass(options.greenletClass ?? Greenlet);
    for (const greenlet of greenlets) this.track(greenlet);
  }

  /** How many members there are; gevent's `len(group)`. */
  get size(): number {
    return this.#members.size;
  }

  /** Whether a greenlet is a member. */
  has(greenlet: Greenlet<unknown>): boolean {
    return greenlet instanceof Greenlet && GroupMembership.of(greenlet, this) !== undefined;
  }

  /** The members, in the order in which they came in. */
  [Symbol.iterator](): IterableIterator<Greenlet<unknown>> {
    return this.#members[Symbol.iterator]();
  }

  /** Whether `spawn` would have to wait; never, for a plain group. */
  get full(): boolean {
    return false;
  }

  /** Makes a greenlet a member until it ends. Adding a member again changes nothing. */
  add(greenlet: Greenlet<unknown>, _options?: WaitOptions): Promise<void> {
    try {
      this.track(greenlet);
    } catch (error) {
      return Promise.reject(error);
    }
    return Promise.resolve();
  }

  /** Forgets a greenlet, which goes on running. */
  discard(greenlet: Greenlet<unknown>): void {
    requireGreenlet(greenlet);
    const membership = GroupMembership.of(greenlet, this);
    if (membership === undefined) return;
    this.#members.remove(membership.place);
    membership.end();
    this.released();
    if (this.#members.size === 0) this.#joiners.resumeAll(true);
  }

  /** Adds a greenlet and starts it. */
  async start(greenlet: Greenlet<unknown>, options?: WaitOptions): Promise<void> {
    await this.add(greenlet, options);
    greenlet.start();
  }

  /** Adds a greenlet and starts it if that is possible without waiting; says whether it was. */
  tryStart(greenlet: Greenlet<unknown>): boolean {
    requireGreenlet(greenlet);
    if (this.full) return false;
    this.track(greenlet);
    greenlet.start();
    return true;
  }

  /**
   * Runs a function in a new member and returns that; a full pool waits for a free slot first. Nothing is started when
   * that wait is interrupted.
   *
   * All further arguments are the function's. To give that wait a time limit or a signal, make the greenlet yourself:
   * `pool.start(new Greenlet(fn, ...args), { timeout, signal })`.
   *
   * @throws {TypeError} When `fn` is not a function.
   */
  async spawn<T, A extends unknown[]>(
    fn: (...args: A) => T | PromiseLike<T>,
    ...args: A
  ): Promise<Greenlet<T>> {
    requireFunction(fn, "fn");
    const greenlet = new this.greenletClass<T>(fn, ...args);
    await this.start(greenlet);
    return greenlet;
  }

  /**
   * Waits until there are no members and says whether that came before the timeout.
   *
   * @throws The first error of a member, with `raiseError`.
   */
  async join(options: GroupJoinOptions = {}): Promise<boolean> {
    const members = [...this.#members];
    const refused = checkpoint(options);
    if (refused !== undefined) await refused;
    const empty =
      await (this.#members.size === 0
        ? completed(true)
        : parkWait<boolean>((wait) => this.#joiners.add(wait), options, JOIN));
    if (options.raiseError) {
      const failed = members.find((greenlet) => greenlet.ready && !greenlet.successful);
      if (failed !== undefined) throw failed.exception;
    }
    return empty;
  }

  /**
   * Raises an exception in every member, once each, and waits until all have ended, including those that join while it
   * waits. Gives up quietly after `options.timeout`.
   */
  async kill(exception?: unknown, options: KillOptions = {}): Promise<void> {
    requireWaitOptions(options);
    if (this.#members.size === 0) return await completed(undefined);
    using remaining = countDown(options.timeout);
    while (this.#members.size > 0) {
      const members = [...this.#members];
      for (const greenlet of members) this.killOne(greenlet, exception, options);
      if (options.block === false) return;
      const ended = await joinAll(members, { timeout: remaining(), signal: options.signal });
      if (ended.length < members.length) return; // the time is over
      await completed(undefined);
      for (const greenlet of members) this.discard(greenlet);
    }
  }

  /** Raises an exception in one member, unless this was done before; does not wait. gevent's `killone`. */
  killOne(
    greenlet: Greenlet<unknown>,
    exception?: unknown,
    options?: Pick<KillOptions, "persistent">,
  ): void {
    requireGreenlet(greenlet);
    requireOptions(options);
    const membership = GroupMembership.of(greenlet, this);
    if (membership === undefined || membership.dying) return;
    membership.dying = true;
    greenlet.throw(exception, options);
  }

  /**
   * Runs a function in a member and returns its result. Called by a member of this very group it runs in place, so that
   * a pool of one cannot block itself.
   *
   * All further arguments are the function's. For a time limit put a `withTimeout` around it; when that, or a kill,
   * ends the wait, the member goes on. One that is to end with the wait: `map` over a single item, which takes
   * `timeout` and `signal`.
   *
   * @throws {TypeError} When `fn` is not a function.
   */
  async apply<T, A extends unknown[]>(
    fn: (...args: A) => T | PromiseLike<T>,
    ...args: A
  ): Promise<T> {
    requireFunction(fn, "fn");
    if (this.has(getCurrent())) return await fn(...args);
    const greenlet = await this.spawn(fn, ...args);
    return await greenlet.get();
  }

  /** {@link Group.apply} in the background: returns a greenlet for the result at once, even when the pool is full. */
  applyAsync<T, A extends unknown[]>(
    fn: (...args: A) => T | PromiseLike<T>,
    ...args: A
  ): Greenlet<T> {
    requireFunction(fn, "fn");
    const greenlet = this.full
      ? new Greenlet<T>(async () => await this.apply(fn, ...args))
      : new this.greenletClass<T>(fn, ...args);
    if (!this.full) this.track(greenlet);
    greenlet.start();
    return greenlet;
  }

  /**
   * Runs a function for every item, each in a member, and returns the results in the order of the items. Whatever ends
   * it early kills what still runs for it.
   *
   * @throws The error of the first item, in that order, whose call failed; or the error of the iterable.
   * @throws {Timeout} When not all results are there within `options.timeout`.
   */
  async map<I, T>(
    fn: (item: I) => T | PromiseLike<T>,
    items: Items<I>,
    options?: WaitOptions,
  ): Promise<T[]> {
    const results: T[] = [];
    const iterator = imap(this, fn, items, options);
    try {
      for await (const result of iterator) results.push(result);
    } finally {
      await iterator.return!(); // the loop does not do so when `next` throws
    }
    return results;
  }

  /**
   * {@link Group.map} in the background: returns a greenlet for the list at once. The time for `options.timeout` begins
   * when that greenlet runs; it ends with the `Timeout`.
   *
   * @throws {TypeError} When `fn` is not a function, or `items` not iterable.
   */
  mapAsync<I, T>(
    fn: (item: I) => T | PromiseLike<T>,
    items: Items<I>,
    options?: WaitOptions,
  ): Greenlet<T[]> {
    requireFunction(fn, "fn");
    requireItems(items);
    requireWaitOptions(options);
    const greenlet = new Greenlet<T[]>(() => this.map(fn, items, options));
    greenlet.start();
    return greenlet;
  }

  /**
   * Runs a function for every item, each in a member, and gives the results in the order of the items as they come.
   *
   * It begins when the first result is asked for. The error of a call is thrown in its place, and the iteration may be
   * continued with `next`; that of the iterable comes after the results before it. `options.maxsize` limits how many
   * finished results are kept for a slow reader. Leaving the loop kills what is still running for it. So does a kill of
   * the greenlet that waits for a result, unless others read from it, too; after a `Timeout` of its own it may go on.
   *
   * `options.timeout` is for all results together, from when the first one is asked for: where `next` would have to
   * wait for longer it throws, kills what still runs, and the iteration is over. `options.signal` does the same.
   *
   * @throws {TypeError} When `fn` is not a function, or `items` not iterable.
   * @throws {RangeError} When `maxsize` is not a positive integer.
   */
  imap<I, T>(
    fn: (item: I) => T | PromiseLike<T>,
    items: Items<I>,
    options?: ImapOptions,
  ): AsyncIterableIterator<T> {
    return imap(this, fn, items, options);
  }

  /** {@link Group.imap}, in the order in which the calls finish. */
  imapUnordered<I, T>(
    fn: (item: I) => T | PromiseLike<T>,
    items: Items<I>,
    options?: ImapOptions,
  ): AsyncIterableIterator<T> {
    return imapUnordered(this, fn, items, options);
  }

  /** The end of an `await using` block: kills the members and waits for their end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  /** Makes a greenlet a member without waiting for a slot; says whether it was not one before. */
  protected track(greenlet: Greenlet<unknown>): boolean {
    requireGreenlet(greenlet);
    if (this.has(greenlet)) return false;
    new GroupMembership(this, greenlet, this.#members.add(greenlet), this.#onEnd);
    return true;
  }

  /** Called after a member has left. */
  protected released(): void {}
}

function requireGreenletClass(value: GreenletClass): GreenletClass {
  if (value === Greenlet || value?.prototype instanceof Greenlet) return value;
  throw new TypeError(
    `Cannot create a group as 'greenletClass' must be a class of greenlets: received ${
      Deno.inspect(value)
    }`,
  );
}
