import { assertThrows } from "@std/assert";
import {
  requireCount,
  requireFunction,
  requireIterable,
  requireNumber,
  requireOptions,
  requirePositive,
} from "../../core/arguments.ts";

Deno.test("requireFunction() refuses what cannot be called, and names it", () => {
  for (const value of [undefined, null, "x", {}]) {
    const message = `Cannot use 'fn' as it must be a function: received ${Deno.inspect(value)}`;
    assertThrows(() => requireFunction(value, "fn"), TypeError, message);
  }
  requireFunction(() => {}, "fn");
  requireFunction(class {}, "fn");
});

Deno.test("requireOptions() takes objects and nothing else, save nothing at all", () => {
  for (const value of [null, 5, true, "x", () => {}]) {
    assertThrows(() => requireOptions(value), TypeError, `received ${Deno.inspect(value)}`);
  }
  requireOptions(undefined);
  requireOptions({});
});

Deno.test("requireIterable() refuses what cannot be gone over", () => {
  for (const value of [undefined, null, 5, {}]) {
    assertThrows(
      () => requireIterable(value, "items"),
      TypeError,
      "'items' as it must be iterable",
    );
  }
  for (const value of [[], "text", new Set(), new Map()]) requireIterable(value, "items");
});

Deno.test("requireCount() takes integers from the least one on", () => {
  for (const value of [-1, 0.5, NaN, Infinity, "5", null, 5n]) {
    assertThrows(() => requireCount(value, "count"), RangeError, "an integer of at least 0");
  }
  assertThrows(() => requireCount(0, "count", 1), RangeError, "of at least 1: received 0");
  requireCount(0, "count");
  requireCount(1, "count", 1);
});

Deno.test("requirePositive() takes numbers above 0", () => {
  for (const value of [0, -1, NaN, -Infinity, "5", null]) {
    assertThrows(() => requirePositive(value, "ms"), RangeError, `received ${Deno.inspect(value)}`);
  }
  for (const value of [0.5, 1, Infinity]) requirePositive(value, "ms");
});

Deno.test("requireNumber() takes numbers, also negative and endless ones", () => {
  for (const value of [NaN, "5", null, undefined, 5n]) {
    assertThrows(() => requireNumber(value, "ms"), TypeError, `received ${Deno.inspect(value)}`);
  }
  for (const value of [-1, 0.5, Infinity]) requireNumber(value, "ms");
});
