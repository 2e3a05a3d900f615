// The npm build of Deno's standard library has no types, so they are declared by hand.
// @ts-types="./std_async.d.ts"
export { deadline } from "deno-std/async/deadline.js";
// @ts-types="./std_async.d.ts"
export { pooledMap } from "deno-std/async/pool.js";
