/** The workloads of monkey patching with `patchAwaits` that records places. */

import { patchAwaits } from "../../../monkey/patch_awaits.ts";
import { makeContestant, type MonkeyContestant, UNPATCHED } from "./monkey_contestant.ts";

const sites: MonkeyContestant = makeContestant({
  ...UNPATCHED,
  patch: () => patchAwaits({ sites: true }),
});

export default sites;
