/**
 * A box for one value or error that greenlets can wait for.
 *
 * @module
 */

import { requireFunction } from "../core/arguments.ts";
import { Greenlet } from "../core/greenlet.ts";
import { type Linkable, Links } from "../core/links.ts";
import { checkpoint, completed, parkWait, type WaitOptions } from "../core/suspend.ts";
import { Timeout } from "../core/timeout.ts";
import { WaitQueue } from "../core/wait_queue.ts";
import type { WaitKind } from "../core/waiter.ts";

const GET: WaitKind<void> = { name: "AsyncResult.get" };
const WAIT: WaitKind<void> = {
  name: "AsyncResult.wait",
  expired: (waiter) => void waiter.resume(),
};

/**
 * What `AsyncResult.get` takes.
 *
 * @example
 * ```ts
 * import { AsyncResult, type AsyncResultGetOptions } from "@gevent/deno";
 *
 * const options: AsyncResultGetOptions = { block: false };
 * const result = new AsyncResult<number>();
 * result.set(1);
 * console.assert(await result.get(options) === 1);
 * ```
 */
export interface AsyncResultGetOptions extends WaitOptions {
  /** Whether to wait for a result that is not there yet (default), or to raise a `Timeout` at once. */
  readonly block?: boolean;
}

/**
 * Holds a value or an error for whoever waits for it: gevent's `AsyncResult`.
 *
 * Setting it again replaces what it holds for later readers. It can be given to `Greenlet.link`.
 *
 * @example
 * ```ts
 * import { AsyncResult, spawn } from "@gevent/deno";
 *
 * const result = new AsyncResult<string>();
 * spawn(() => result.set("Hello!"));
 * console.assert(await result.get() === "Hello!");
 * ```
 */
export class AsyncResult<T = unknown> implements Linkable {
  #state: "empty" | "value" | "error" = "empty";
  #content: unknown;
  readonly #waiters: WaitQueue<void> = new WaitQueue();
  #links: Links<AsyncResult<T>> | undefined;

  /** Whether it holds a value or an error. */
  get ready(): boolean {
    return this.#state !== "empty";
  }

  /** Whether it holds a value. */
  get successful(): boolean {
    return this.#state === "value";
  }

  /** The value, if it holds one. */
  get value(): T | undefined {
    return this.#state === "value" ? this.#content as T : undefined;
  }

  /** The error, if it holds one. */
  get exception(): unknown {
    return this.#state === "error" ? this.#content : undefined;
  }

  /** Stores a value and wakes all who wait. Never blocks. */
  set(value: T): void {
    this.#fill("value", value);
  }

  /** Stores an error, which every `get` throws, and wakes all who wait. Never blocks. gevent's `set_exception`. */
  setException(error: unknown): void {
    this.#fill("error", error);
  }

  /**
   * Takes over what a greenlet has ended with, or what another result holds; this is what makes it a target for
   * `Greenlet.link`. gevent's `result(source)`.
   *
   * @throws {TypeError} When the source is neither, or has nothing to take over yet.
   */
  setFrom(source: Greenlet<T> | AsyncResult<T>): void {
    if (!(source instanceof Greenlet || source instanceof AsyncResult) || !source.ready) {
      throw new TypeError(
        `Cannot take over a result as 'source' must be a greenlet that has ended, or a result: received ${
          Deno.inspect(source)
        }`,
      );
    }
    if (source.successful) this.set(source.value as T);
    else this.setException(source.exception);
  }

  /**
   * Waits for the value and returns it.
   *
   * @throws The error, if it holds one.
   * @throws {Timeout} When nothing is stored within `options.timeout`, or at once with `block: false`.
   */
  get(options?: AsyncResultGetOptions): Promise<T> {
    if (this.ready) {
      const refused = checkpoint(options);
      if (refused !== undefined) return refused;
      return this.#state === "error"
        ? Promise.reject(this.#content)
        : completed(this.#content as T);
    }
    if (options?.block === false) return Promise.reject(new Timeout(0));
    return this.#park(options, GET).then(() => this.getNowait());
  }

  /**
   * The value, which must be there.
   *
   * @throws The error, if it holds one.
   * @throws {Timeout} When it holds nothing.
   */
  getNowait(): T {
    if (this.#state === "empty") throw new Timeout(0);
    if (this.#state === "error") throw this.#content;
    return this.#content as T;
  }

  /** Waits until it holds something; returns the value, or `undefined` for an error and after its own timeout. */
  async wait(options?: WaitOptions): Promise<T | undefined> {
    if (this.ready) await (checkpoint(options) ?? completed(undefined));
    else await this.#park(options, WAIT);
    return this.value;
  }

  /** Has a function called in the hub once something is stored, or soon if it holds something already. */
  rawlink(callback: (result: this) => void): void {
    requireFunction(callback, "callback");
    this.#links ??= new Links<AsyncResult<T>>(this);
    this.#links.add(callback as (result: AsyncResult<T>) => void);
    if (this.ready) this.#links.notify();
  }

  /** Takes a function back. */
  unlink(callback: (result: this) => void): void {
    this.#links?.unlink(callback);
  }

  /** How many greenlets wait for it. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** For example `<AsyncResult value waiting=0>`. */
  toString(): string {
    return `<AsyncResult ${this.#state} waiting=${this.waiting}>`;
  }

  #fill(state: "value" | "error", content: unknown): void {
    this.#state = state;
    this.#content = content;
    this.#waiters.resumeAll(undefined);
    this.#links?.notify();
  }

  #park(options: WaitOptions | undefined, kind: WaitKind<void>): Promise<void> {
    return parkWait<void>((wait) => this.#waiters.add(wait), options, kind);
  }
}
