import { assertEquals, assertStringIncludes } from "@std/assert";
import composition from "../../examples/tutorial/composition.ts";
import { printedVirtually } from "../helpers/printed.ts";

Deno.test("composition: an error of the second call is caught like any other", async () => {
  const { stdout, stderr } = await printedVirtually(composition);
  assertEquals(stdout, ["42", "null"]);
  assertStringIncludes(stderr, "Error: The egg is bad");
});
