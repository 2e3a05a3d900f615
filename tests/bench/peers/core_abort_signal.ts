/** The timeouts of the web platform. They cannot be cancelled: one has to let go of them. */

import { timerDelay } from "./contestant.ts";
import type { CoreContestant } from "./core_contestant.ts";

const abortSignal: CoreContestant = {
  timeout(operations) {
    const signals: AbortSignal[] = [];
    for (let i = 0; i < operations; i++) signals.push(AbortSignal.timeout(timerDelay(i)));
    return signals.filter(({ aborted }) => !aborted).length;
  },
};

export default abortSignal;
