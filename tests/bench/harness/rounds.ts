/**
 * The order of a comparison.
 *
 * @module
 */

/** What came of one contestant. */
export interface Outcome<R> {
  /** One for each round. */
  readonly results: readonly R[];
  /** Why it took no part, or did not go on. */
  readonly skipped?: string;
}

/**
 * Lets all contestants run once in every round, so that a slow phase of the machine hits all of them, and in the
 * opposite direction in every other round, so that nobody always comes after the same one. Whoever fails is out.
 */
export async function takeTurns<C, R>(
  contestants: readonly C[],
  rounds: number,
  run: (contestant: C, round: number) => Promise<R>,
): Promise<Map<C, Outcome<R>>> {
  const results = new Map(contestants.map((contestant) => [contestant, [] as R[]]));
  const skipped = new Map<C, string>();
  for (let round = 0; round < rounds; round++) {
    for (const contestant of round % 2 === 0 ? contestants : contestants.toReversed()) {
      if (skipped.has(contestant)) continue;
      try {
        results.get(contestant)!.push(await run(contestant, round));
      } catch (error) {
        skipped.set(contestant, error instanceof Error ? error.message : String(error));
      }
    }
  }
  return new Map(contestants.map((contestant) => {
    const reason = skipped.get(contestant);
    const all = reason === undefined ? results.get(contestant)! : [];
    return [
      contestant,
      reason === undefined ? { results: all } : { results: all, skipped: reason },
    ];
  }));
}
