import { assertEquals } from "@std/assert";
import { takeTurns } from "./rounds.ts";

Deno.test("takeTurns() alternates contestants and directions", async () => {
  const order: string[] = [];
  const outcomes = await takeTurns(["a", "b", "c"], 3, (name, round) => {
    order.push(name);
    return Promise.resolve(`${name}${round}`);
  });
  assertEquals(order.join(""), "abccbaabc");
  assertEquals(outcomes.get("b"), { results: ["b0", "b1", "b2"] });
});

Deno.test("takeTurns() drops a contestant that fails, with the reason", async () => {
  const order: string[] = [];
  const outcomes = await takeTurns(["a", "b"], 3, (name, round) => {
    order.push(name);
    if (name === "b" && round === 1) return Promise.reject(new Error("broken"));
    return Promise.resolve(round);
  });
  assertEquals(order.join(""), "abbaa");
  assertEquals(outcomes.get("a"), { results: [0, 1, 2] });
  assertEquals(outcomes.get("b"), { results: [], skipped: "broken" });
});
