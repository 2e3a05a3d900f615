import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { runToEnd } from "./command.ts";
import { atLeast } from "./verdicts.ts";
import { type ComparisonPlan, runComparison, WorkloadComparison } from "./workload_comparison.ts";

const PLAN: ComparisonPlan<"switch" | "park"> = {
  family: "core",
  workloads: {
    // Nobody can switch with p-limit.
    switch: { title: "switching", operations: { greenlets: 5000, bare: 5000, p_limit: 5000 } },
    park: { title: "parking", operations: { greenlets: 1000 } },
  },
  judge: (comparison) => [atLeast("promises", comparison.against("switch", "bare"), 0)],
};

Deno.test({
  name: "WorkloadComparison.run() compares those that do the work, and says why others cannot",
  timeout: 60_000,
  fn: async () => {
    const turns: string[] = [];
    const progress = (text: string): void => void turns.push(text);
    const comparison = await WorkloadComparison.run(PLAN, { rounds: 2, quick: true, progress });
    assertEquals(turns.length, 7);
    assertStringIncludes(turns[0]!, "round 1 of 2: switching, @gevent/deno");

    assert(comparison.of("switch", "greenlets")! > 0);
    assert(comparison.of("park", "greenlets", "heap")! > 100);
    assertEquals(comparison.of("switch", "p_limit"), undefined);
    assertEquals(comparison.of("switch", "gevent"), undefined);
    assert(comparison.against("switch", "bare")! > 0);

    assertEquals(comparison.skipped().length, 1);
    assertStringIncludes(comparison.skipped()[0]!, "p-limit");
    assertStringIncludes(comparison.skipped()[0]!, "does not have it");

    const [, , ours, bare, heap, resident] = comparison.table().split("\n");
    assert(ours!.startsWith("switching: @gevent/deno") && ours!.endsWith(" 1.00"));
    assertStringIncludes(bare!, "µs");
    assertStringIncludes(heap!, "B heap");
    assertStringIncludes(resident!, "B resident");
    const numbers = comparison.toJSON() as { operations: number; results: unknown[] }[];
    assertEquals(numbers.map(({ operations }) => operations), [1000, 1000, 1000, 200]);
    assertEquals(numbers.map(({ results }) => results.length), [2, 2, 0, 2]);
  },
});

Deno.test("runComparison() refuses workloads that there are not", async () => {
  await assertRejects(
    () => runComparison(PLAN, { quick: true, only: "switch,swatch" }),
    TypeError,
    "swatch",
  );
});

for (
  const [family, workload, reference, heading] of [
    ["core", "local", "greenlets", "times ours"],
    ["sync", "lock", "greenlets", "times ours"],
    ["monkey", "until", "native", "times native"],
  ] as const
) {
  Deno.test({
    name: `${family}_compare.ts prints a table and writes the numbers as JSON`,
    timeout: 120_000,
    fn: async () => {
      const folder = await Deno.makeTempDir();
      try {
        const program = fileURLToPath(new URL(`../${family}_compare.ts`, import.meta.url));
        const options = ["--quick", "--only", workload, "--out", folder];
        const command = [Deno.execPath(), "run", "-A", program, ...options] as const;
        const output = await runToEnd(command, { limit: 120_000 });
        assertStringIncludes(output, heading);
        const report = JSON.parse(await Deno.readTextFile(`${folder}/${family}.json`));
        assertEquals(report.measurements[0].peer, reference);
        assertEquals(report.measurements[0].results.length, 1);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
