/** Giving way with macrotasks: what a program does today that must not shut out I/O. */

import { setImmediate } from "node:timers";
import type { CoreContestant } from "./core_contestant.ts";

const immediate: CoreContestant = {
  async switch(operations) {
    let done = 0;
    const giveWay = async (): Promise<void> => {
      for (let i = 0; i < operations / 2; i++) {
        await new Promise<void>((resolve) => void setImmediate(resolve));
        done++;
      }
    };
    await Promise.all([giveWay(), giveWay()]);
    return done;
  },
};

export default immediate;
