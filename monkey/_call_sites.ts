/**
 * Who has passed a function to one of the runtime's: code of the program, or a package.
 *
 * A stack trace tells, and costs as much as starting two timers. Functions are made by the same piece of source again and
 * again, so it is asked once for each piece, and now and then once more: a package may have written the very same words.
 * Where both have, it is asked each time.
 *
 * @module
 */

/** What is known of the functions with some source text. */
interface Piece {
  isOwn: boolean;
  /** How many more times it is taken for granted, and how many it will be after the next check. */
  left: number;
  interval: number;
}

/** At most so many pieces are known at a time. */
const MOST_PIECES = 1000;
/** Of long texts the beginning, and how long they are, is enough. */
const COMPARED = 300;
/** After so many times at the latest it is checked again. */
const LONGEST_INTERVAL = 128;

const pieces = new Map<string, Piece>();
const toText = Function.prototype.toString;

/**
 * Whether a function is passed by the program's own code, to a function `by` of ours that was called with it. Own is what
 * comes from a file, and not from a package.
 */
export function isPassedByOwnCode(
  callback: (...args: never[]) => unknown,
  by: (...args: never[]) => unknown,
): boolean {
  const text = toText.call(callback);
  const key = text.length <= COMPARED ? text : `${text.slice(0, COMPARED)}${text.length}`;
  const piece = pieces.get(key);
  if (piece !== undefined && piece.left-- > 0) return piece.isOwn;
  const isOwn = isOwnCode(by);
  if (piece === undefined) {
    if (pieces.size >= MOST_PIECES) pieces.clear();
    pieces.set(key, { isOwn, left: 1, interval: 1 });
  } else {
    piece.interval = piece.isOwn === isOwn ? Math.min(piece.interval * 2, LONGEST_INTERVAL) : 0;
    piece.left = piece.interval;
    piece.isOwn = isOwn;
  }
  return isOwn;
}

/** Whether whoever has called a function is code of the program. */
function isOwnCode(by: (...args: never[]) => unknown): boolean {
  const holder: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  try {
    Error.stackTraceLimit = 1;
    Error.captureStackTrace(holder, by);
    Error.stackTraceLimit = limit;
  } catch {
    return false; // somebody has made `Error` unchangeable
  }
  const { stack = "" } = holder;
  const frame = stack.slice(stack.indexOf("\n") + 1);
  return frame.includes("file://") && !PACKAGES.test(frame);
}

/** The folders that packages are in: those of a project, and those of the runtime's cache. */
const PACKAGES = /\/node_modules\/|\/npm\/[^/]+\/(@[^/]+\/)?[^/]+\/\d/;
