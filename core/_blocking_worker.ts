/**
 * The thread that watches the event loop; see `blocking_monitor.ts`.
 *
 * @module
 */

import { Board } from "./_blocking_board.ts";

const { setInterval } = globalThis;
const { addEventListener, postMessage } = globalThis as unknown as {
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  postMessage(message: unknown): void;
};

addEventListener("message", ({ data: { buffer, maxBlockingTime } }) => {
  const board = new Board(buffer);
  let beats = board.beats;
  let lastBeat = performance.now();
  let suspect: string | undefined;
  setInterval(() => {
    const now = performance.now();
    if (board.beats !== beats) {
      if (suspect !== undefined) postMessage({ name: suspect, ms: now - lastBeat });
      suspect = undefined;
      beats = board.beats;
      lastBeat = now;
    } else if (suspect === undefined && now - lastBeat > maxBlockingTime) {
      suspect = board.running;
      // Now, and not only in the report: the loop may never turn again.
      console.error(`${new Date().toISOString()} ${suspect} is blocking the event loop`);
    }
  }, Math.max(maxBlockingTime / 8, 1));
  postMessage("watching");
});
