/**
 * Running something as on machines of different speed.
 *
 * @module
 */

/** How much later it is at each look at the time, in ms. */
const STEPS: readonly (() => number)[] = [
  () => 0,
  () => 0.001,
  () => 0.7,
  () => 3,
  () => 1000,
  () => Math.random() * 20,
];

/** Runs a function as it is, and then once for each speed at which real time seems to pass; gives what it gave. */
export async function atEachSpeed<T>(fn: () => Promise<T>): Promise<T[]> {
  const results = [await fn()];
  const real = performance.now;
  try {
    for (const step of STEPS) {
      let time = real.call(performance);
      performance.now = () => time += step();
      results.push(await fn());
    }
  } finally {
    performance.now = real;
  }
  return results;
}
