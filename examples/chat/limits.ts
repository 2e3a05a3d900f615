/**
 * How much of everything there may be, and the checks of what clients send.
 *
 * @module
 */

import { HttpError } from "../../mod.ts";
import type { Position } from "./session.ts";

/** Characters of a name. */
export const MAX_NAME = 24;
/** Characters of the name of a room. */
export const MAX_ROOM = 32;
/** Characters of a message. */
export const MAX_TEXT = 2000;
/** Bytes of the body of a request, and of what is sent through a WebSocket at once. */
export const MAX_BODY = 8192;
/** Rooms, for as long as the database is kept. */
export const MAX_ROOMS = 100;
/** Sessions at a time. */
export const MAX_SESSIONS = 5000;
/** Messages that are kept of each room. */
export const MAX_HISTORY = 1000;
/** Events that may wait for one client. */
export const MAX_WAITING = 100;
/** Events that are delivered at once, and messages that a newcomer gets to read. */
export const PAGE = 25;

// Whatever cannot be seen, or turns what follows around: with it, two names could look the same.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const UNWANTED_IN_TEXT = /[^\P{Cc}\n\t]|\p{Cs}/u;

/** The name of a person or a room, tidied up. */
export function checkName(value: unknown, what: "name" | "room"): string {
  const limit = what === "name" ? MAX_NAME : MAX_ROOM;
  const title = what === "name" ? "Your name" : "The name of the room";
  if (typeof value !== "string" || value.trim() === "") {
    throw new HttpError(400, `${title} is missing`);
  }
  if (INVISIBLE.test(value)) {
    throw new HttpError(400, `${title} contains characters that cannot be seen`);
  }
  const name = value.normalize().trim().replace(/\s+/g, " ");
  if (name.length <= limit) return name;
  throw new HttpError(400, `${title} is longer than ${limit} characters`);
}

/** What two names have in common that must not be there at the same time. */
export function keyOf(name: string): string {
  return name.normalize("NFKC").toLowerCase();
}

/** The text of a message. */
export function checkText(value: unknown): string {
  if (typeof value !== "string" || value.trim() === "") {
    throw new HttpError(400, "The message is empty");
  }
  const text = value.replaceAll("\r\n", "\n").trimEnd();
  if (UNWANTED_IN_TEXT.test(text)) {
    throw new HttpError(400, "The message contains control characters");
  }
  if (text.length <= MAX_TEXT) return text;
  throw new HttpError(400, `The message is longer than ${MAX_TEXT} characters`);
}

/** What a client calls a message before it knows its id. */
export function checkKey(value: unknown): string {
  if (typeof value === "string" && /^[\w-]{1,64}$/.test(value)) return value;
  throw new HttpError(400, "The key must be 1 to 64 letters, digits, - or _");
}

/** A whole number that is not negative, as a number or as text; -1 for what is not there. */
export function checkNumber(value: unknown, what: string): number {
  if (value === undefined || value === null) return -1;
  const number = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
  if (Number.isSafeInteger(number) && number as number >= -1) return number as number;
  throw new HttpError(400, `${what} must be a number`);
}

/** How much a client says it has seen. */
export function checkPosition(query: URLSearchParams): Position {
  return {
    seen: checkNumber(query.get("seen"), "seen"),
    after: checkNumber(query.get("after"), "after"),
  };
}

/** What was sent as JSON, which must be an object. */
export function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new HttpError(400, "Expected JSON");
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new HttpError(400, "Expected a JSON object");
}
