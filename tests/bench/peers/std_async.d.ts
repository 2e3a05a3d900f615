// Types of the `async` package of Deno's standard library, as far as the benches use it.

export declare function deadline<T>(promise: Promise<T>, ms: number): Promise<T>;
export declare function pooledMap<T, R>(
  poolLimit: number,
  array: Iterable<T>,
  iteratorFn: (data: T) => Promise<R>,
): AsyncIterableIterator<R>;
