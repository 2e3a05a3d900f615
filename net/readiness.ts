/**
 * Asking an object whether it could be used without waiting.
 *
 * @module
 */

/**
 * What `select` and its relatives can wait for: the sockets of this library, and whatever tells about itself as they do.
 *
 * @example Something that is readable once
 * ```ts
 * import { select, type Selectable } from "@gevent/deno/net";
 *
 * let tell = () => {};
 * let there = false;
 * const doorbell: Selectable = {
 *   readiness: {
 *     get readable() {
 *       return there;
 *     },
 *     writable: false,
 *     failed: false,
 *     closed: false,
 *     watch(_direction, changed) {
 *       tell = changed;
 *       return () => tell = () => {};
 *     },
 *   },
 * };
 * setTimeout(() => {
 *   there = true;
 *   tell();
 * }, 1);
 * const [readers] = await select([doorbell]);
 * console.assert(readers[0] === doorbell);
 * ```
 */
export interface Selectable {
  /** How it is at this moment: it is asked for anew each time. */
  readonly readiness: Readiness;
}

/**
 * Whether an object could be used without waiting at some moment, and how to learn when that changes.
 *
 * @example
 * ```ts
 * import { type Readiness, socketPair } from "@gevent/deno/net";
 *
 * const [left, right] = await socketPair();
 * const readiness: Readiness = left.readiness;
 * console.assert(!readiness.readable && !readiness.failed);
 * left.close();
 * console.assert(left.readiness.closed && !readiness.closed);
 * right.close();
 * ```
 */
export interface Readiness {
  /** Whether a read would not wait: something is there, or the end, or an error. */
  readonly readable: boolean;
  /** Whether a write would begin at once, or fail. */
  readonly writable: boolean;
  /** Whether it has failed, or was closed. */
  readonly failed: boolean;
  /** Whether it was closed at this end. */
  readonly closed: boolean;
  /**
   * Sees to it that `changed` is called when a read or a write becomes possible without waiting, and whenever that may be so;
   * what it returns takes that back. Nothing is taken out of the object. Must not call `changed` before it returns.
   */
  watch(direction: "read" | "write", changed: () => void): () => void;
}
