/**
 * Those who want to be told when it may have become possible to go on without waiting.
 *
 * @module
 */

import { LinkedList } from "../core/linked_list.ts";

/** Functions to be called until they are taken back. */
export class Watchers {
  readonly #list = new LinkedList<() => void>();

  /** Whether there are any. */
  get any(): boolean {
    return this.#list.size > 0;
  }

  /** Adds one; what it returns takes it back. */
  add(changed: () => void): () => void {
    const node = this.#list.add(changed);
    return () => this.#list.remove(node);
  }

  /** Calls all that are there now. */
  tell(): void {
    for (const changed of this.#list) changed();
  }
}
