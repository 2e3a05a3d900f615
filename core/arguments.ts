/**
 * Refusing arguments that make no sense, before anything is done with them.
 *
 * The messages name the argument and show the value. Types would tell, too, but not to callers in plain JavaScript, nor
 * where a value comes from outside.
 *
 * @module
 */

/** Refuses what cannot be called. */
export function requireFunction(value: unknown, what: string): void {
  if (typeof value === "function") return;
  throw new TypeError(
    `Cannot use '${what}' as it must be a function: received ${Deno.inspect(value)}`,
  );
}

/** Refuses what cannot hold options, such as a number of milliseconds in their place, which would be ignored. */
export function requireOptions(options: unknown): void {
  if (options === undefined || (typeof options === "object" && options !== null)) return;
  throw new TypeError(
    `Cannot use the options as they must be an object: received ${Deno.inspect(options)}`,
  );
}

/** Refuses what cannot be gone over. */
export function requireIterable(value: unknown, what: string): void {
  if (typeof (value as Iterable<unknown> | null)?.[Symbol.iterator] === "function") return;
  throw new TypeError(
    `Cannot use '${what}' as it must be iterable: received ${Deno.inspect(value)}`,
  );
}

/** Refuses what is no number of things: an integer that is not below `least`. */
export function requireCount(value: unknown, what: string, least = 0): void {
  if (Number.isInteger(value) && (value as number) >= least) return;
  throw new RangeError(
    `Cannot use '${what}' as it must be an integer of at least ${least}: received ${
      Deno.inspect(value)
    }`,
  );
}

/** Refuses what is no amount that something can be compared with: a number above 0, or `Infinity`. */
export function requirePositive(value: unknown, what: string): void {
  if (typeof value === "number" && value > 0) return;
  throw new RangeError(
    `Cannot use '${what}' as it must be a positive number: received ${Deno.inspect(value)}`,
  );
}

/** Refuses what is no amount of time: `NaN`, and what is no number. */
export function requireNumber(value: unknown, what: string): void {
  if (typeof value === "number" && !Number.isNaN(value)) return;
  throw new TypeError(
    `Cannot use '${what}' as it must be a number: received ${Deno.inspect(value)}`,
  );
}
