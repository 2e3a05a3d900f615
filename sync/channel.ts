/**
 * Handing items over without storing them.
 *
 * @module
 */

import { Empty, Full } from "../core/errors.ts";
import { checkpoint, completed, parkWait } from "../core/suspend.ts";
import { WaitQueue } from "../core/wait_queue.ts";
import type { WaitKind } from "../core/waiter.ts";
import type { QueueWaitOptions } from "./simple_queue.ts";
import { StopIteration } from "./simple_queue.ts";

// deno-lint-ignore no-explicit-any -- one constant serves the channels of every item type
const GET: WaitKind<any> = {
  name: "Channel.get",
  timeoutError: () => new Empty(),
};
const PUT: WaitKind<void> = {
  name: "Channel.put",
  timeoutError: () => new Full(),
};

/**
 * A rendezvous: `put` waits until somebody gets the item, and stores nothing: gevent's `Channel`.
 *
 * The getter runs before the putter goes on.
 *
 * @example
 * ```ts
 * import { Channel, spawn } from "@gevent/deno";
 *
 * const channel = new Channel<string>();
 * spawn(() => channel.put("here you are"));
 * console.assert(await channel.get() === "here you are");
 * ```
 */
export class Channel<T> implements AsyncIterable<T> {
  readonly #getters: WaitQueue<T> = new WaitQueue();
  readonly #putters: WaitQueue<void> = new WaitQueue();

  /** Always 0: it stores nothing. */
  get qsize(): number {
    return 0;
  }

  /** Always `true`. */
  get empty(): boolean {
    return true;
  }

  /** Always `true`. */
  get full(): boolean {
    return true;
  }

  /** How many more greenlets wait to put than to get; negative when getters are waiting. */
  get balance(): number {
    return this.#putters.size - this.#getters.size;
  }

  /**
   * Hands an item over, waiting for somebody to take it.
   *
   * @throws {Full} When nobody does within `options.timeout`, or at once with `block: false`.
   */
  put(item: T, options?: QueueWaitOptions): Promise<void> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (this.#getters.resumeFirst(item)) {
      return parkWait<void>((wait) => void wait.resume(undefined), undefined, PUT);
    }
    if (options?.block === false) {
      return Promise.reject(new Full("Nobody is waiting to take the item"));
    }
    return parkWait<void>(
      (wait) => {
        this.#putters.add(wait);
        wait.brought = item;
      },
      options,
      PUT,
    );
  }

  /**
   * Hands an item over to somebody who is waiting for one.
   *
   * @throws {Full} When nobody is.
   */
  putNowait(item: T): void {
    if (!this.#getters.resumeFirst(item)) throw new Full("Nobody is waiting to take the item");
  }

  /**
   * Takes an item, waiting for somebody to bring one.
   *
   * @throws {Empty} When nobody does within `options.timeout`, or at once with `block: false`.
   */
  get(options?: QueueWaitOptions): Promise<T> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (this.#putters.size > 0) return completed(this.#take());
    if (options?.block === false) {
      return Promise.reject(new Empty("Nobody is waiting to put an item"));
    }
    return parkWait<T>((wait) => this.#getters.add(wait), options, GET);
  }

  /**
   * Takes an item from somebody who is waiting to put one.
   *
   * @throws {Empty} When nobody is.
   */
  getNowait(): T {
    if (this.#putters.size === 0) throw new Empty("Nobody is waiting to put an item");
    return this.#take();
  }

  /** Gets items until {@link StopIteration} comes. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Exclude<T, typeof StopIteration>, void, void> {
    for (;;) {
      const item = await this.get();
      if (item === StopIteration) return;
      yield item as Exclude<T, typeof StopIteration>;
    }
  }

  /** How many greenlets wait to get and to put. */
  get waiting(): { readonly getters: number; readonly putters: number } {
    return { getters: this.#getters.size, putters: this.#putters.size };
  }

  /** For example `<Channel balance=-1>`. */
  toString(): string {
    return `<Channel balance=${this.balance}>`;
  }

  #take(): T {
    const wait = this.#putters.first!;
    const item = wait.brought as T;
    wait.resume(undefined);
    return item;
  }
}
