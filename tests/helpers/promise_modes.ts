/**
 * Programs that use promises, run natively and with `patchAwaits` in force, to be compared.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { types } from "node:util";
import { spawn } from "../../core/spawn.ts";
import { patchAwaits } from "../../monkey/patch_awaits.ts";

/** Notes what happens. */
export type Note = (text: string) => void;

/** Lets all microtasks run, and the events that come after them. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve));
}

/** What is said of a value: the same for values that are equal in nature. */
export function describe(value: unknown): string {
  if (value instanceof AggregateError) {
    return `${value.name}: ${value.message} [${value.errors.map(describe)}]`;
  }
  // How the engine calls a promise in its messages depends on what sort of property `constructor` is.
  if (value instanceof Error) {
    return `${value.name}: ${value.message.replace("[object Promise]", "#<Promise>")}`;
  }
  if (typeof value === "function") return `function ${value.name}`;
  return Deno.inspect(value).replaceAll(/\n +at .*/g, ""); // stacks inside it
}

/** Runs a program that notes what happens, and rejections that nobody handles, till the end of all it has begun. */
async function observe(program: (note: Note) => unknown): Promise<string[]> {
  const log: string[] = [];
  const note: Note = (text) => void log.push(text);
  const onUnhandled = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    note(`unhandled ${types.isPromise(event.promise)} ${describe(event.reason)}`);
  };
  const onHandled = (event: PromiseRejectionEvent): void => {
    note(`handled after all: ${describe(event.reason)}`);
  };
  addEventListener("unhandledrejection", onUnhandled);
  addEventListener("rejectionhandled", onHandled);
  try {
    try {
      program(note);
    } catch (error) {
      note(`thrown ${describe(error)}`);
    }
    await settle();
  } finally {
    removeEventListener("unhandledrejection", onUnhandled);
    removeEventListener("rejectionhandled", onHandled);
  }
  return log;
}

/** What a program does natively, in deep mode outside greenlets, and in one. */
export async function inAllModes(
  program: (note: Note) => unknown,
): Promise<{ native: string[]; outside: string[]; inside: string[] }> {
  const native = await observe(program);
  using _deep = patchAwaits();
  const outside = await observe(program);
  const inside = await observe((note) => {
    spawn(() => {
      try {
        program(note);
      } catch (error) {
        note(`thrown ${describe(error)}`);
      }
    });
  });
  return { native, outside, inside };
}

/** Runs a program that must do the same everywhere, and returns what it notes. */
export async function assertSame(program: (note: Note) => unknown): Promise<string[]> {
  const { native, outside, inside } = await inAllModes(program);
  assertEquals(outside, native, "It is different outside greenlets");
  assertEquals(inside, native, "It is different in a greenlet");
  return native;
}

/** Notes how a promise is settled. */
export function watch(note: Note, name: string, promise: PromiseLike<unknown>): void {
  promise.then(
    (value) => note(`${name} fulfilled: ${describe(value)}`),
    (error) => note(`${name} rejected: ${describe(error)}`),
  );
}
