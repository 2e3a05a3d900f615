/** For `--preload`: a program in deep mode from its first line on. */

import { patchAwaits } from "../../monkey/patch_awaits.ts";

patchAwaits();
