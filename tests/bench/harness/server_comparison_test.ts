import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { choosePeers, ServerComparison, type ServerPeer } from "./server_comparison.ts";

function peer(name: string, program: string): ServerPeer {
  return { name, title: `The ${name}`, command: [Deno.execPath(), "eval", program] };
}

const PEERS = [
  peer("fast", "console.log(2000); setInterval(() => {}, 1000);"),
  peer("slow", "console.log(1000); setInterval(() => {}, 1000);"),
  peer("absent", "throw new Error('no such module');"),
];

Deno.test({
  name: "ServerComparison.run() compares those that can be started, and says why others cannot",
  timeout: 60_000,
  fn: async () => {
    const comparison = await ServerComparison.run(PEERS, {
      unit: "msg",
      references: ["slow"],
      rounds: 1,
      // The port says how fast the server pretends to be.
      load: (port) =>
        Promise.resolve({ answers: 10, rate: port, p50: 1, p99: 2, max: 3, evenness: NaN }),
    });
    assertEquals(comparison.of("fast")?.rate, 2000);
    assertEquals(comparison.of("absent"), undefined);
    assertEquals(comparison.skipped().length, 1);
    assertStringIncludes(comparison.skipped()[0]!, "The absent");
    assertEquals(comparison.table().includes("served"), false);
    const [, , fast] = comparison.table().split("\n");
    assertEquals(fast?.replaceAll(/\s\s+/g, "|").split("|").slice(0, 2), ["The fast", "2 000"]);
    assertEquals(fast?.endsWith(" 2.00"), true);
    assertStringIncludes(comparison.chart("Echo", "fast"), 'class="highlight"');
  },
});

Deno.test("choosePeers() picks by name and refuses names that nobody has", () => {
  assertEquals(choosePeers(PEERS, ["slow"]).map(({ title }) => title), ["The slow"]);
  assertThrows(() => choosePeers(PEERS, ["slow", "slower"]), TypeError, "slower");
});
