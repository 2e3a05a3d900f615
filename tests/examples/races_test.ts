import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import * as checkThenAct from "../../examples/races/check_then_act.ts";
import * as lostWakeUp from "../../examples/races/lost_wake_up.ts";
import { exploreSchedules } from "../../testing/explore_schedules.ts";
import { runVirtual } from "../../testing/virtual_clock.ts";

const RACES = {
  "check_then_act.ts": { program: checkThenAct.program, message: "The balance is -60" },
  "lost_wake_up.ts": { program: lostWakeUp.program, message: "This operation would block forever" },
};

for (const [file, { program, message }] of Object.entries(RACES)) {
  Deno.test(`${file} is right in the plain order, and exploreSchedules() finds where not`, async () => {
    await runVirtual(program);
    const { explored, failure } = await exploreSchedules(program);
    assert(failure !== undefined, `Nothing was found in ${explored} orders`);
    assertStringIncludes((failure.error as Error).message, message);
  });

  Deno.test({
    name: `${file} prints the order that fails`,
    timeout: 30_000,
    async fn() {
      const url = new URL(`../../examples/races/${file}`, import.meta.url).href;
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-config", "--no-lock", "--no-prompt", url],
        env: { NO_COLOR: "1" },
      }).output();
      const [line] = new TextDecoder().decode(stdout).split("\n");
      assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
      assert(/^Order \d+ fails: /.test(line!), line);
      assertStringIncludes(line!, message);
    },
  });
}
