/**
 * The few numbers that sum up a series of measurements.
 *
 * @module
 */

/** The value in the middle, or the mean of the two that are; `NaN` without values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  if (Number.isInteger(middle)) return (sorted[middle - 1]! + sorted[middle]!) / 2;
  return sorted[Math.floor(middle)]!;
}

/** The smallest value that at least `fraction` of all values do not exceed; `NaN` without values. */
export function percentile(sorted: ArrayLike<number>, fraction: number): number {
  const rank = Math.max(Math.ceil(fraction * sorted.length), 1);
  return sorted[rank - 1] ?? NaN;
}

/** The median of each field over several results of the same shape. */
export function medians<K extends string>(
  results: readonly Readonly<Record<K, number>>[],
  fields: readonly K[],
): Record<K, number> {
  const entries = fields.map((field) => [field, median(results.map((result) => result[field]))]);
  return Object.fromEntries(entries) as Record<K, number>;
}
