/**
 * Who awaits what fails, in the stacks of errors.
 *
 * @module
 */

/** Errors that have been added to: what many get shows who got it first. */
const shown = new WeakSet<Error>();

/** What stands in front of the functions of greenlets only for the engine to see. */
const OWN = "theGreenletItself";

/**
 * Adds to the stack of an error that came from elsewhere which frames await the promise that the current microtask is
 * about to reject with it. The engine would have shown them, had the code awaited the operation itself.
 */
export function addAwaitingFrames(error: unknown): void {
  if (!(error instanceof Error) || typeof error.stack !== "string") return;
  if (shown.has(error)) return;
  const { stack } = error;
  const holder: { stack?: unknown } = {};
  Error.captureStackTrace(holder, addAwaitingFrames);
  if (typeof holder.stack !== "string") return; // somebody prepares stack traces in a way of their own
  const frames = holder.stack.split("\n").filter((line) =>
    line.startsWith("    at async ") && !line.includes(OWN)
  );
  const isKnown = frames.some((line) => stack.includes(placeIn(line)));
  if (frames.length === 0 || isKnown) return;
  shown.add(error);
  Reflect.set(error, "stack", [stack, ...frames].join("\n"));
}

/** The file and the line in a line of a stack trace. */
function placeIn(frame: string): string {
  return /\S+:\d+(?=:\d+\)?$)/.exec(frame)?.[0] ?? frame;
}
