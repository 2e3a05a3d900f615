/**
 * Who awaits what fails, in the stacks of errors.
 *
 * @module
 */

/** What stands in front of the functions of greenlets only for the engine to see. */
const OWN = "theGreenletItself";

/** So many waits at most are looked at for one error, as it may be that of many. */
const MOST = 8;

/** A stack trace, which the engine makes a text of only when that is asked for. */
interface Trace {
  readonly stack?: unknown;
}

/** Where errors have passed by, for as long as they live. */
const traces = new WeakMap<Error, Trace[]>();

/** Rejects a promise by way of its `resolve`, in a microtask in which it can be seen who awaits it: for the error's stack. */
export function rejectVisibly(resolve: (value: never) => void, error: unknown): void {
  const then = (_resolve: unknown, reject: (error: unknown) => void): void => {
    addAwaitingFrames(error);
    reject(error);
  };
  resolve({ then } as never);
}

/**
 * Has the stack of an error that came from elsewhere show which frames await the promise that the current microtask is about
 * to reject with it. The engine would have shown them, had the code awaited the operation itself. Those of the first
 * wait count that the stack does not have; they are put together when somebody reads it.
 */
function addAwaitingFrames(error: unknown): void {
  if (!(error instanceof Error)) return;
  let passed = traces.get(error);
  if (passed === undefined) {
    const stack = Object.getOwnPropertyDescriptor(error, "stack");
    if (stack === undefined) return;
    passed = [];
    if (!replaceStack(error, stack, passed)) return;
    traces.set(error, passed);
  }
  if (passed.length === MOST) return;
  const trace: Trace = {};
  Error.captureStackTrace(trace, addAwaitingFrames);
  passed.push(trace);
}

function replaceStack(
  error: Error,
  { get, value, enumerable = false }: PropertyDescriptor,
  passed: readonly Trace[],
): boolean {
  let assigned: { readonly value: unknown } | undefined;
  return Reflect.defineProperty(error, "stack", {
    get: () =>
      assigned === undefined ? complete(get?.call(error) ?? value, passed) : assigned.value,
    set: (value: unknown) => void (assigned = { value }),
    enumerable,
    configurable: true,
  });
}

function complete(stack: unknown, passed: readonly Trace[]): unknown {
  if (typeof stack !== "string") return stack; // somebody prepares stack traces in a way of their own
  for (const trace of passed) {
    const frames = String(trace.stack).split("\n").filter((line) =>
      line.startsWith("    at async ") && !line.includes(OWN)
    );
    const isKnown = frames.some((line) => stack.includes(placeIn(line)));
    if (frames.length > 0 && !isKnown) return [stack, ...frames].join("\n");
  }
  return stack;
}

/** The file and the line in a line of a stack trace. */
function placeIn(frame: string): string {
  return /\S+:\d+(?=:\d+\)?$)/.exec(frame)?.[0] ?? frame;
}
