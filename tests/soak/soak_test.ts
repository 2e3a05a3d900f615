import { assertEquals } from "@std/assert";
import type { SoakReport } from "./soak.ts";

Deno.test({
  name:
    "Servers and clients that are killed and timed out at random lose nothing and leave nothing behind",
  timeout: 120_000,
  async fn() {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        "--v8-flags=--expose-gc",
        new URL("soak.ts", import.meta.url).href,
        "--seconds=20",
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).output();
    const report: SoakReport = JSON.parse(new TextDecoder().decode(stdout));
    assertEquals(report.complaints, [], JSON.stringify(report, null, 2));
  },
});
