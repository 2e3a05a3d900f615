// The npm build of Deno's standard library has no types, so they are declared by hand.
// @ts-types="./std_assert.d.ts"
export * from "deno-std/assert/mod.js";
