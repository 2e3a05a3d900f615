/** The workloads of monkey patching with everything patched, and clients made green. */

import { patchAll } from "../../../monkey/patch_all.ts";
import { patchClass } from "../../../monkey/patch_class.ts";
import { makeContestant, type MonkeyContestant } from "./monkey_contestant.ts";

const patched: MonkeyContestant = makeContestant({
  // What came before it is what it is to be compared with.
  patch: () => patchAll({ onWarning() {} }),
  patchClass,
  cooperative: true,
});

export default patched;
