/** Giving way with macrotasks: what a program does today that must not shut out I/O. */

import { setImmediate } from "node:timers";
import type { Contestant } from "./core_contestant.ts";

const immediate: Contestant = {
  async switch(operations) {
    const giveWay = async (): Promise<void> => {
      for (let i = 0; i < operations / 2; i++) {
        await new Promise<void>((resolve) => void setImmediate(resolve));
      }
    };
    await Promise.all([giveWay(), giveWay()]);
  },
};

export default immediate;
