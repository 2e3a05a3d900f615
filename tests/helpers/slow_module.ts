/**
 * A module that waits while it is loaded.
 *
 * @module
 */

import { sleep } from "../../core/sleep.ts";

await sleep(5);

/** Shows that it was. */
export const loaded: string = "loaded";
