/** The queue with a limit that the web platform has: a pair of streams. */

import { shuffled } from "./contestant.ts";
import { QUEUE_SIZE, type SyncContestant } from "./sync_contestant.ts";

const streams: SyncContestant = {
  async boundedQueue(operations) {
    const { readable, writable } = new TransformStream<number, number>(
      {},
      new CountQueuingStrategy({ highWaterMark: QUEUE_SIZE }),
    );
    let done = 0;
    let missing = 0;
    const produce = async (): Promise<void> => {
      const writer = writable.getWriter();
      for (let i = 0; i < operations; i++) {
        missing += shuffled(i);
        await writer.ready;
        void writer.write(shuffled(i));
      }
      await writer.close();
    };
    const consume = async (): Promise<void> => {
      for await (const item of readable) {
        missing -= item;
        done++;
      }
    };
    await Promise.all([produce(), consume()]);
    return missing === 0 ? done : NaN;
  },
};

export default streams;
