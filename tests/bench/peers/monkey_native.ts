/** The workloads of monkey patching with nothing patched. */

import { makeContestant, type MonkeyContestant, UNPATCHED } from "./monkey_contestant.ts";

const native: MonkeyContestant = makeContestant(UNPATCHED);

export default native;
