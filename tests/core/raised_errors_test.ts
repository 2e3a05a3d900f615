import { assert, assertEquals } from "@std/assert";
import { RaisedErrors } from "../../core/_raised_errors.ts";

Deno.test("RaisedErrors knows objects by their identity", () => {
  const raised = new RaisedErrors();
  const [error, other, fn] = [new Error("same"), new Error("same"), () => {}];
  raised.add(error);
  raised.add(fn);
  assertEquals([raised.has(error), raised.has(other), raised.has(fn)], [true, false, true]);
});

Deno.test("RaisedErrors knows other reasons by their value", () => {
  const raised = new RaisedErrors();
  const reasons = ["text", "", 0, NaN, null, undefined, false, 7n, Symbol.iterator];
  for (const reason of reasons) raised.add(reason);
  assert(reasons.every((reason) => raised.has(reason)));
  assertEquals([raised.has("another"), raised.has(1), raised.has(true)], [false, false, false]);
});

Deno.test("RaisedErrors keeps the latest reasons that are no objects, and forgets old ones", () => {
  const raised = new RaisedErrors();
  for (let i = 0; i < 100_000; i++) {
    raised.add(`reason ${i}`);
    assert(raised.has(`reason ${Math.max(i - 4999, 0)}`));
  }
  assert(raised.has("reason 99999"));
  assert(!raised.has("reason 0"));
  raised.add("reason 0");
  assert(raised.has("reason 0"));
});
