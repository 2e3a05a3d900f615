import { assertEquals } from "@std/assert";
import { formatNumber, formatTable } from "./table.ts";

Deno.test("formatTable() aligns names to the left and numbers to the right", () => {
  assertEquals(
    formatTable(["who", "msg/s"], [["gevent", "7"], ["a loop", "152 000"]]),
    [
      "who       msg/s",
      "---------------",
      "gevent        7",
      "a loop  152 000",
    ].join("\n"),
  );
});

Deno.test("formatTable() takes rows that end early", () => {
  assertEquals(formatTable(["who", "msg/s"], [["x"]]), "who  msg/s\n----------\nx");
});

Deno.test("formatNumber() shows about three digits", () => {
  assertEquals(
    [1234567.8, 999.4, 99.44, 9.876, 0.1234, 0.01234, 0, -1234].map(formatNumber),
    ["1 234 568", "999", "99.4", "9.88", "0.12", "0.012", "0.00", "-1 234"],
  );
});

Deno.test("formatNumber() shows a dash for what is not known", () => {
  assertEquals([undefined, NaN].map(formatNumber), ["-", "-"]);
});
