/** The workloads of monkey patching with `patchAwaits`. */

import { patchAwaits } from "../../../monkey/patch_awaits.ts";
import { makeContestant, type MonkeyContestant, UNPATCHED } from "./monkey_contestant.ts";

const awaits: MonkeyContestant = makeContestant({ ...UNPATCHED, patch: () => patchAwaits() });

export default awaits;
